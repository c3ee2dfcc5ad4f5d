-- Every function pins search_path; EXECUTE goes to PUBLIC nowhere (grants.py gives it by name).

-- The role of the login behind this session. SET ROLE does not change session_user.
CREATE FUNCTION audit.role() RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE found_role text;
BEGIN
    SELECT l.role INTO found_role FROM audit.login l WHERE l.login = session_user;
    IF found_role IS NOT NULL THEN
        RETURN CASE WHEN found_role LIKE 'agent%' THEN 'agent' ELSE found_role END;
    END IF;
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = session_user) THEN
        RETURN 'superuser';
    END IF;
    RAISE EXCEPTION 'the login % has no role here; run manage.py provision', session_user USING ERRCODE = 'AU003';
END $$;

-- In one-role mode the single login is everybody.
CREATE FUNCTION audit.is_role(VARIADIC roles text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT r = 'one' OR r = ANY (roles) FROM (SELECT audit.role() AS r) AS me
$$;

CREATE FUNCTION audit.b64(raw bytea) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    SELECT translate(rtrim(encode(raw, 'base64'), '='), E'+/\n', '-_')
$$;

CREATE FUNCTION audit.refuse_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on audit.% is refused: the record is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AU001';
END $$;

-- Derives every column of an event from its leaf, and refuses a leaf that is not what this login may write now.
-- One function and no calls, because it runs for each event; AU006 is whatever does not parse or cast.
CREATE FUNCTION audit.stamp() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    plain text;
    e jsonb;
    c jsonb;
    kind text;
    who text;
    before bytea;
    tick timestamptz := clock_timestamp();
BEGIN
    IF NEW.leaf IS NULL OR octet_length(NEW.leaf) > 65535 THEN
        RAISE EXCEPTION 'a leaf has 1 to 65535 bytes' USING ERRCODE = 'AU006';
    END IF;
    plain := convert_from(NEW.leaf, 'UTF8');
    IF ARRAY(SELECT json_object_keys(plain::json)) <> '{actor,at,batch,case,change,commit,data,id,log,name,request,v,writer}'::text[] THEN
        RAISE EXCEPTION 'the envelope has other keys, or keys out of order' USING ERRCODE = 'AU006';
    END IF;
    e := plain::jsonb;
    c := e->'case';
    kind := e#>>'{actor,kind}';
    NEW.id := (e->>'id')::uuid;
    NEW.name := e->>'name';
    NEW.at := (e->>'at')::timestamptz;
    NEW.case_id := c->>'id';
    NEW.case_seq := (c->>'seq')::bigint;
    NEW.change_from := e#>>'{change,from}';
    NEW.change_to := e#>>'{change,to}';
    NEW.actor_ref := e#>>'{actor,ref}';
    NEW.batch_id := (e->>'batch')::uuid;
    NEW.writer := e->>'writer';
    NEW.leaf_hash := sha256('\x00'::bytea || NEW.leaf);
    IF (jsonb_typeof(e->'v') = 'number' AND jsonb_typeof(e->'log') = 'string' AND jsonb_typeof(e->'name') = 'string'
        AND jsonb_typeof(e->'writer') = 'string' AND jsonb_typeof(e->'request') = 'string'
        AND jsonb_typeof(e->'data') = 'object' AND jsonb_typeof(e->'commit') = 'object'
        AND jsonb_typeof(e->'change') IN ('object', 'null') AND jsonb_typeof(e->'batch') IN ('string', 'null')
        AND jsonb_typeof(c->'id') = 'string' AND jsonb_typeof(c->'seq') = 'number' AND jsonb_typeof(c->'prev') = 'string'
        AND jsonb_typeof(e#>'{actor,ref}') = 'string' AND kind IN ('human', 'agent', 'policy', 'system')
        AND NEW.id::text = e->>'id' AND e->>'at' LIKE '____-__-__T__:__:__.______Z' AND NEW.case_seq > 0
        AND NEW.case_id ~ '^[a-z][a-z_]*:.' AND strpos(NEW.case_id, ':') <= 32 AND length(NEW.case_id) <= 232
       ) IS NOT TRUE THEN
        RAISE EXCEPTION 'the envelope does not have the promised shape' USING ERRCODE = 'AU006';
    END IF;
    IF NEW.at < transaction_timestamp() - interval '1 second' OR NEW.at > tick + interval '1 second'
       OR NEW.at < tick - interval '25 seconds' THEN
        RAISE EXCEPTION 'the event says %, the database clock says %', NEW.at, tick USING ERRCODE = 'AU002';
    END IF;
    SELECT CASE WHEN l.role LIKE 'agent%' THEN 'agent' ELSE l.role END INTO who
    FROM audit.login l WHERE l.login = session_user;
    IF who IS NULL THEN
        who := audit.role();
    END IF;
    IF NEW.writer <> who THEN
        RAISE EXCEPTION 'the leaf was written by "%", this session is "%"', NEW.writer, who USING ERRCODE = 'AU003';
    END IF;
    IF (who = 'agent') <> (kind = 'agent') AND who NOT IN ('web', 'router', 'one', 'superuser')
       OR (kind = 'human' AND who NOT IN ('web', 'one', 'superuser')) THEN
        RAISE EXCEPTION '% does not write in the name of %', who, NEW.actor_ref USING ERRCODE = 'AU003';
    END IF;
    IF NOT EXISTS (SELECT FROM audit.event_name w WHERE w.name = NEW.name AND (who = 'one' OR who = ANY (w.writers))) THEN
        RAISE EXCEPTION '"%" is no event that % may write', NEW.name, who USING ERRCODE = 'AU004';
    END IF;
    IF NEW.case_seq = 1 THEN
        before := '\x0000000000000000000000000000000000000000000000000000000000000000';
    ELSE
        SELECT p.leaf_hash INTO before FROM audit.event p
        WHERE p.case_id = NEW.case_id AND p.case_seq = NEW.case_seq - 1;
    END IF;
    IF before IS NULL OR c->>'prev' <> translate(rtrim(encode(before, 'base64'), '='), E'+/\n', '-_') THEN
        RAISE EXCEPTION 'event % of % does not follow the one before', NEW.case_seq, NEW.case_id
            USING ERRCODE = 'AU005';
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN data_exception OR invalid_text_representation OR untranslatable_character
         OR character_not_in_repertoire OR statement_too_complex THEN
        RAISE EXCEPTION 'the leaf is not JSON of the promised shape: %', SQLERRM USING ERRCODE = 'AU006';
END $$;

CREATE FUNCTION audit.enqueue() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    INSERT INTO audit.pending (n, leaf_hash) SELECT a.n, a.leaf_hash FROM added a;
    RETURN NULL;
END $$;

-- A text goes in with its event, once, and only if it is what the event committed to.
CREATE FUNCTION audit.check_content() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE promised text;
BEGIN
    SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> ARRAY['commit', NEW.field] INTO promised
    FROM audit.event e
    WHERE e.id = NEW.event_id AND e.at >= transaction_timestamp() - interval '1 second';
    IF promised IS NULL THEN
        RAISE EXCEPTION 'no event of this transaction commits to "%"', NEW.field USING ERRCODE = 'AU006';
    END IF;
    -- Scheme 1 is kept for texts that lie encrypted; nothing writes it, so nobody may pass unchecked bytes under it.
    IF NEW.scheme <> 0 OR promised <> audit.b64(sha256(NEW.salt || NEW.body)) THEN
        RAISE EXCEPTION 'the text is not what the event committed to' USING ERRCODE = 'AU006';
    END IF;
    RETURN NEW;
END $$;

-- The signature goes in once; nothing else about a checkpoint ever changes.
CREATE FUNCTION audit.check_checkpoint() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF OLD.signature IS NULL AND NEW.signature IS NOT NULL
       AND (NEW.size, NEW.root, NEW.body, NEW.at) = (OLD.size, OLD.root, OLD.body, OLD.at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a checkpoint changes only once, by its signature' USING ERRCODE = 'AU001';
END $$;

-- The tree only grows.
CREATE FUNCTION audit.check_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NEW.size > OLD.size THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the tree head cannot go back from % to %', OLD.size, NEW.size USING ERRCODE = 'AU001';
END $$;

-- Does exactly this event exist? With `since`, the change may lie anywhere after that number of the case.
CREATE FUNCTION audit.attests(case_of text, seq bigint, hash bytea, change_from text, change_to text,
                              since bigint DEFAULT NULL) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.event h
                   WHERE h.case_id = case_of AND h.case_seq = seq AND h.leaf_hash = hash)
       AND ((change_from IS NULL AND change_to IS NULL) OR EXISTS (
            SELECT FROM audit.event c
            WHERE c.case_id = case_of AND c.case_seq <= seq AND c.case_seq > coalesce(since, seq - 1)
              AND c.change_from IS NOT DISTINCT FROM attests.change_from
              AND c.change_to IS NOT DISTINCT FROM attests.change_to))
$$;

-- Does this event exist, with this name, in this case?
CREATE FUNCTION audit.has_event(event uuid, event_name text, case_of text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.event e
                   WHERE e.id = event AND e.name = event_name AND e.case_id = case_of)
$$;

-- What event `event` committed to under `field`; NULL if nothing.
CREATE FUNCTION audit.committed(event uuid, field text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT decode(translate(convert_from(e.leaf, 'UTF8')::jsonb #>> ARRAY['commit', committed.field], '-_', '+/')
                  || '=', 'base64')
    FROM audit.event e WHERE e.id = committed.event
$$;

-- The end of a case's chain, for writers who may not read events.
CREATE FUNCTION audit.tip(case_of text, OUT seq bigint, OUT head bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT coalesce(t.case_seq, 0), coalesce(t.leaf_hash, decode(repeat('00', 32), 'hex'))
    FROM (VALUES (1)) AS always LEFT JOIN LATERAL (
        SELECT e.case_seq, e.leaf_hash FROM audit.event e
        WHERE e.case_id = case_of ORDER BY e.case_seq DESC LIMIT 1) t ON true
$$;

-- Is this erasure said in an event of this transaction? Every app's erasable rows ask it at COMMIT.
CREATE FUNCTION audit.attests_erasure(event uuid, field text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM audit.event e
        WHERE e.name = 'privacy.erased' AND e.at >= transaction_timestamp() - interval '1 second'
          AND convert_from(e.leaf, 'UTF8')::jsonb #> '{data,entries}'
              @> jsonb_build_array(jsonb_build_object('event', attests_erasure.event::text,
                                                      'field', attests_erasure.field)))
$$;

CREATE FUNCTION audit.check_erasure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NOT audit.attests_erasure(OLD.event_id, OLD.field) THEN
        RAISE EXCEPTION 'a text was deleted, and no privacy.erased event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- The only way to delete a text: body and salt together. True if there was one.
CREATE FUNCTION audit.erase(event uuid, field text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    DELETE FROM audit.content c WHERE c.event_id = erase.event AND c.field = erase.field;
    RETURN FOUND;
END $$;

-- What the watchdog reads: ages in seconds, sizes in events.
CREATE FUNCTION audit.health(OUT size bigint, OUT waiting bigint, OUT oldest_waiting_s double precision,
                             OUT without_leaf bigint, OUT signed_size bigint, OUT signed_at timestamptz,
                             OUT unsigned bigint, OUT erased bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT (SELECT h.size FROM audit.head h),
           (SELECT count(*) FROM audit.pending),
           (SELECT extract(epoch FROM clock_timestamp() - e.at)::double precision
            FROM audit.pending p JOIN audit.event e USING (n) ORDER BY p.n LIMIT 1),
           (SELECT count(*) FROM audit.event e
            WHERE e.n > (SELECT max(m.n) - 10000 FROM audit.event m)
              AND e.at < clock_timestamp() - interval '10 seconds'
              AND NOT EXISTS (SELECT FROM audit.leaf l WHERE l.n = e.n)
              AND NOT EXISTS (SELECT FROM audit.pending p WHERE p.n = e.n)),
           (SELECT max(c.size) FROM audit.checkpoint c WHERE c.signature IS NOT NULL),
           (SELECT c.at FROM audit.checkpoint c WHERE c.signature IS NOT NULL ORDER BY c.size DESC LIMIT 1),
           (SELECT count(*) FROM audit.checkpoint c WHERE c.signature IS NULL),
           (SELECT count(*) FROM audit.event e WHERE e.name = 'privacy.erased')
$$;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
