-- Retention: the periods, the smallest index, and the one way by which events go.

-- Below `min_index` entries of pruned classes are gone. Their hashes stay in `leaf`, so that every proof stays valid.
ALTER TABLE audit.head ADD COLUMN min_index bigint NOT NULL DEFAULT 0 CHECK (min_index BETWEEN 0 AND size);

-- What a case's next event, a hold and the search must know of its pruned ones: the newest of them, and its type.
CREATE TABLE audit.pruned_case (
    case_id text PRIMARY KEY,
    case_seq bigint NOT NULL CHECK (case_seq > 0),
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    state text,
    type text
);

-- A case of a kind that is named here is open until its last change of state ends in one of these.
CREATE TABLE audit.final_state (
    kind text NOT NULL,
    state text NOT NULL,
    PRIMARY KEY (kind, state)
);
INSERT INTO audit.final_state (kind, state) VALUES
    ('action', 'rejected'), ('action', 'expired'), ('action', 'withdrawn'), ('action', 'succeeded'),
    ('action', 'failed'), ('action', 'reversed'), ('run', 'finished'), ('run', 'failed'), ('run', 'cancelled');

-- Rules, erasures and the log's own entries say why others look as they do: they stay as long as the log. So does
-- what began a run, without which its journal could not be erased.
CREATE FUNCTION audit.may_be_pruned(name text) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT audit.retention_class(name) IN ('decisions', 'runs', 'access') AND name <> 'run.started'
$$;

-- Periods -------------------------------------------------------------------------------------------------------

-- Who sets a period has said so in this transaction. The floor of six months is a constraint of the table.
CREATE FUNCTION audit.check_period() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NEW.class = OLD.class AND EXISTS (
        SELECT FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
        WHERE e.name = 'retention.changed' AND e.at >= transaction_timestamp() - interval '1 second'
          AND d.data ->> 'name' = NEW.class AND (d.data ->> 'days')::integer = NEW.days) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'no retention.changed event tells of this period' USING ERRCODE = 'AU007';
END $$;

CREATE FUNCTION audit.set_period(named text, new_days integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    UPDATE audit.retention r SET days = new_days WHERE r.class = named AND r.days <> new_days;
    RETURN FOUND;
END $$;

-- Pruning -------------------------------------------------------------------------------------------------------

-- Of these cases those that are open: in the state of its newest change, here or pruned, and that is no final one.
CREATE FUNCTION audit.open_among(cases text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT c.case_id FROM unnest(cases) AS c (case_id)
    WHERE split_part(c.case_id, ':', 1) IN (SELECT f.kind FROM audit.final_state f)
      AND (split_part(c.case_id, ':', 1), (
          SELECT s.state FROM (
              (SELECT e.change_to AS state, e.case_seq FROM audit.event e
               WHERE e.case_id = c.case_id AND e.change_to IS NOT NULL ORDER BY e.case_seq DESC LIMIT 1)
              UNION ALL SELECT p.state, p.case_seq FROM audit.pruned_case p
              WHERE p.case_id = c.case_id AND p.state IS NOT NULL) s
          ORDER BY s.case_seq DESC LIMIT 1)) IN (SELECT f.kind, f.state FROM audit.final_state f) IS NOT TRUE
$$;

-- Of these cases those that a hold keeps, with the oldest if several do.
CREATE FUNCTION audit.held_among(cases text[]) RETURNS TABLE (case_id text, hold uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT DISTINCT ON (k.case_id) k.case_id, k.id FROM (
        SELECT c.case_id, h.id, h.placed_at FROM audit.hold h JOIN unnest(cases) AS c (case_id) ON c.case_id = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'case'
        UNION ALL SELECT s.case_id, h.id, h.placed_at FROM audit.hold h
            JOIN audit.subject s ON encode(s.lookup, 'hex') = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'subject' AND s.case_id = ANY (cases)
        UNION ALL SELECT t.case_id, h.id, h.placed_at FROM audit.hold h JOIN (
                SELECT c.case_id, coalesce(
                    (SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event e
                     WHERE e.case_id = c.case_id AND e.case_seq = 1),
                    (SELECT p.type FROM audit.pruned_case p WHERE p.case_id = c.case_id)) AS type
                FROM unnest(cases) AS c (case_id)
                WHERE EXISTS (SELECT FROM audit.hold x WHERE x.lifted_at IS NULL AND x.scope = 'type')) t
            ON t.type = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'type') k
    ORDER BY k.case_id, k.placed_at
$$;

CREATE FUNCTION audit.is_open(case_of text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.open_among(ARRAY[case_of]))
$$;

-- The names of these classes that are ever pruned; there are few, so each row compares its name and calls nothing.
CREATE FUNCTION audit.prunable_names(classes text[]) RETURNS TABLE (name text, days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT w.name, r.days FROM audit.event_name w JOIN audit.retention r ON r.class = audit.retention_class(w.name)
    WHERE r.class = ANY (classes) AND audit.may_be_pruned(w.name)
$$;

-- What would go: every entry of these classes below this index, but for cases that are open.
CREATE FUNCTION audit.prunable(below bigint, classes text[])
RETURNS TABLE (n bigint, leaf_index bigint, leaf_hash bytea, case_id text, case_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    WITH names AS MATERIALIZED (SELECT p.name FROM audit.prunable_names(classes) p), old AS MATERIALIZED (
        SELECT e.n, l.leaf_index, l.leaf_hash, e.case_id, e.case_seq FROM audit.leaf l JOIN audit.event e ON e.n = l.n
        WHERE l.leaf_index < below AND e.name IN (SELECT names.name FROM names)
    ), open AS MATERIALIZED (
        SELECT a.case_id FROM audit.open_among(ARRAY(SELECT DISTINCT o.case_id FROM old o)) AS a (case_id)
    )
    SELECT o.* FROM old o WHERE NOT EXISTS (SELECT FROM open WHERE open.case_id = o.case_id)
$$;

-- Up to which index nothing of these classes is in its period or under a hold, and what stands there.
CREATE FUNCTION audit.prune_limit(classes text[], OUT below bigint, OUT stopped_by text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    kept record;
    going text[];
BEGIN
    SELECT h.size, 'the end of the log' INTO below, stopped_by FROM audit.head h;
    WITH names AS MATERIALIZED (SELECT p.* FROM audit.prunable_names(classes) p)
    SELECT l.leaf_index, e.name, e.at INTO kept
    FROM audit.leaf l JOIN audit.event e ON e.n = l.n JOIN names ON names.name = e.name
    WHERE e.at >= clock_timestamp() - make_interval(days => names.days)
    ORDER BY l.leaf_index LIMIT 1;
    IF FOUND THEN
        below := kept.leaf_index;
        stopped_by := format('entry %s, %s of %s, is still in its period', below, kept.name, kept.at::date);
    END IF;
    IF EXISTS (SELECT FROM audit.hold h WHERE h.lifted_at IS NULL) THEN
        SELECT array_agg(DISTINCT p.case_id) INTO going FROM audit.prunable(below, classes) p;
        SELECT p.leaf_index, p.case_id, h.hold INTO kept
        FROM audit.held_among(going) h JOIN audit.prunable(below, classes) p ON p.case_id = h.case_id
        ORDER BY p.leaf_index LIMIT 1;
        IF FOUND THEN
            below := kept.leaf_index;
            stopped_by := format('entry %s, of %s, is under legal hold %s', below, kept.case_id, kept.hold);
        END IF;
    END IF;
END $$;

-- The event that a pruning is carried out by: it lies under a signed checkpoint, and says what is gone.
CREATE FUNCTION audit.pruning_order(of_event uuid, OUT below bigint, OUT classes text[], OUT gone bigint, OUT digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT (d.data ->> 'below')::bigint, ARRAY(SELECT p ->> 'name' FROM jsonb_array_elements(d.data -> 'periods') p),
           (d.data ->> 'gone')::bigint, d.data ->> 'digest'
    FROM audit.event e JOIN audit.leaf l ON l.n = e.n,
         LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
    WHERE e.id = of_event AND e.name = 'retention.pruned'
      AND l.leaf_index < (SELECT max(c.size) FROM audit.checkpoint c WHERE c.signature IS NOT NULL)
$$;

-- What is gone today: how many entries, and the hash over their hashes in their order.
CREATE FUNCTION audit.gone_today(OUT gone bigint, OUT digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT count(*), audit.b64(sha256(coalesce(string_agg(l.leaf_hash, ''::bytea ORDER BY l.leaf_index), '')))
    FROM audit.leaf l WHERE NOT EXISTS (SELECT FROM audit.event e WHERE e.n = l.n)
$$;

-- How many entries would be gone in all, how many of them now, and the hash over the hashes of all in their order.
-- What somebody took away without an order is never covered by the next one.
CREATE FUNCTION audit.pruning(below bigint, classes text[], OUT count bigint, OUT gone bigint, OUT digest bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    earlier record;
BEGIN
    SELECT * INTO earlier FROM audit.gone_today();
    IF earlier.gone > 0 AND NOT EXISTS (
        SELECT FROM audit.event e, LATERAL audit.pruning_order(e.id) o
        WHERE e.name = 'retention.pruned' AND o.gone = earlier.gone AND o.digest = earlier.digest) THEN
        RAISE EXCEPTION '% entries are gone that no retention.pruned names so: verify the log first', earlier.gone
            USING ERRCODE = 'AU001';
    END IF;
    WITH now AS MATERIALIZED (SELECT p.n FROM audit.prunable(below, classes) p)
    SELECT (SELECT count(*) FROM now), count(*),
           sha256(coalesce(string_agg(l.leaf_hash, ''::bytea ORDER BY l.leaf_index), ''))
    INTO pruning.count, pruning.gone, pruning.digest
    FROM audit.leaf l
    WHERE l.n IN (SELECT now.n FROM now) OR NOT EXISTS (SELECT FROM audit.event e WHERE e.n = l.n);
END $$;

-- A deletion of events is lawful only as a whole: afterwards exactly those are gone that a signed event names, none of
-- them young, held or of an open case. Holds for whoever deletes, the owner included. As before, in sets.
CREATE FUNCTION audit.check_pruned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    now_gone bigint;
    now_digest text;
    upto bigint;
    bad record;
    cases text[];
BEGIN
    IF NOT EXISTS (SELECT FROM deleted) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO now_gone, now_digest FROM audit.gone_today();
    SELECT max(o.below) INTO upto FROM audit.event e, LATERAL audit.pruning_order(e.id) o
    WHERE e.name = 'retention.pruned' AND o.gone = now_gone AND o.digest = now_digest;
    IF upto IS NULL THEN
        RAISE EXCEPTION 'DELETE on audit.event is refused: the record is append-only, and no signed retention.pruned '
            'names exactly what would be gone' USING ERRCODE = 'AU001';
    END IF;
    SELECT d.name, d.case_id INTO bad FROM deleted d LEFT JOIN audit.leaf l ON l.n = d.n
        LEFT JOIN audit.prunable_names('{decisions,runs,access}') p ON p.name = d.name
        WHERE (l.leaf_index < upto AND d.at < clock_timestamp() - make_interval(days => greatest(p.days, 184))
               AND p.name IS NOT NULL) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of % is still in its period', bad.name, bad.case_id USING ERRCODE = 'AU008';
    END IF;
    SELECT array_agg(DISTINCT d.case_id) INTO cases FROM deleted d;
    SELECT h.case_id, h.hold INTO bad FROM audit.held_among(cases) h LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is under legal hold %', bad.case_id, bad.hold USING ERRCODE = 'AU008';
    END IF;
    SELECT a.case_id INTO bad FROM audit.open_among(cases) AS a (case_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is still open', bad.case_id USING ERRCODE = 'AU008';
    END IF;
    RETURN NULL;
END $$;

-- Carries out what a signed retention.pruned names, once. The only way by which events go; how many went.
CREATE FUNCTION audit.prune(ordered uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    told record;
    then_gone record;
    going bigint[];
BEGIN
    LOCK TABLE audit.hold, audit.retention IN SHARE MODE;
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));  -- no row of the search comes back meanwhile
    SELECT * INTO told FROM audit.pruning_order(ordered);
    IF told.below IS NULL THEN
        RAISE EXCEPTION 'no retention.pruned event % lies under a signed checkpoint', ordered USING ERRCODE = 'AU007';
    END IF;
    SELECT * INTO then_gone FROM audit.pruning(told.below, told.classes);
    IF (then_gone.gone, audit.b64(then_gone.digest)) <> (told.gone, told.digest) THEN
        RAISE EXCEPTION 'what may go has changed since this was ordered; order it again' USING ERRCODE = 'AU007';
    END IF;
    IF then_gone.count = 0 THEN
        RETURN 0;
    END IF;
    SELECT array_agg(p.n) INTO going FROM audit.prunable(told.below, told.classes) p;
    INSERT INTO audit.pruned_case AS k (case_id, case_seq, leaf_hash, state, type)
        SELECT DISTINCT ON (e.case_id) e.case_id, e.case_seq, e.leaf_hash, s.state, s.type
        FROM unnest(going) g (n) JOIN audit.event e ON e.n = g.n, LATERAL (
            SELECT (SELECT c.change_to FROM audit.event c WHERE c.case_id = e.case_id AND c.change_to IS NOT NULL
                    ORDER BY c.case_seq DESC LIMIT 1) AS state,
                   (SELECT convert_from(f.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event f
                    WHERE f.case_id = e.case_id AND f.case_seq = 1) AS type) s
        ORDER BY e.case_id, e.case_seq DESC
        ON CONFLICT (case_id) DO UPDATE SET case_seq = excluded.case_seq, leaf_hash = excluded.leaf_hash,
            state = coalesce(excluded.state, k.state), type = coalesce(k.type, excluded.type)
        WHERE k.case_seq < excluded.case_seq;
    DELETE FROM audit.content c USING unnest(going) g (n), audit.event e WHERE e.n = g.n AND c.event_id = e.id;
    DELETE FROM audit.search s USING unnest(going) g (n) WHERE s.n = g.n;
    DELETE FROM audit.event e USING unnest(going) g (n) WHERE e.n = g.n;
    SET CONSTRAINTS ALL IMMEDIATE;  -- before the head is locked, for which the sequencer would wait
    UPDATE audit.head h SET min_index = told.below WHERE h.min_index < told.below;
    INSERT INTO audit.carried_out (event, below, count) VALUES (ordered, told.below, then_gone.count);
    RETURN then_gone.count;
END $$;

-- What changes for others ----------------------------------------------------------------------------------------

-- The tree only grows, and its smallest index only by a signed event that names it.
CREATE OR REPLACE FUNCTION audit.check_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NEW.size > OLD.size AND NEW.min_index = OLD.min_index THEN
        RETURN NEW;
    END IF;
    IF (NEW.size, NEW.frontier) = (OLD.size, OLD.frontier) AND NEW.min_index > OLD.min_index AND EXISTS (
        SELECT FROM audit.event e, LATERAL audit.pruning_order(e.id) o
        WHERE e.name = 'retention.pruned' AND o.below = NEW.min_index) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the tree head cannot go from % (from index %) to % (from %)',
        OLD.size, OLD.min_index, NEW.size, NEW.min_index USING ERRCODE = 'AU001';
END $$;

-- A text goes with an erasure that says so, or with its pruned event.
CREATE OR REPLACE FUNCTION audit.check_erasure() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM audit.event e WHERE e.id = OLD.event_id)
       AND NOT audit.attests_erasure(OLD.event_id, OLD.field) THEN
        RAISE EXCEPTION 'a text was deleted, and no privacy.erased event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- The end of a case's chain, where its newest event was pruned too.
CREATE OR REPLACE FUNCTION audit.tip(case_of text, OUT seq bigint, OUT head bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT coalesce(t.case_seq, 0), coalesce(t.leaf_hash, decode(repeat('00', 32), 'hex'))
    FROM (VALUES (1)) AS always LEFT JOIN LATERAL (
        (SELECT e.case_seq, e.leaf_hash FROM audit.event e
         WHERE e.case_id = case_of ORDER BY e.case_seq DESC LIMIT 1)
        UNION ALL SELECT p.case_seq, p.leaf_hash FROM audit.pruned_case p WHERE p.case_id = case_of
        ORDER BY case_seq DESC LIMIT 1) t ON true
$$;

-- The hold that keeps this case, the oldest if several do.
CREATE OR REPLACE FUNCTION audit.held(case_of text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT h.id FROM audit.hold h
    WHERE h.lifted_at IS NULL AND (
        (h.scope = 'case' AND h.target = case_of)
        OR (h.scope = 'subject' AND h.target = (
            SELECT encode(s.lookup, 'hex') FROM audit.subject s WHERE s.case_id = case_of))
        OR (h.scope = 'type' AND h.target = coalesce(
            (SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event e
             WHERE e.case_id = case_of AND e.case_seq = 1),
            (SELECT p.type FROM audit.pruned_case p WHERE p.case_id = case_of))))
    ORDER BY h.placed_at LIMIT 1
$$;

-- Nobody gives a case away whose events are gone.
CREATE OR REPLACE FUNCTION audit.name_subject(case_of text, lookup bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    INSERT INTO audit.subject (case_id, lookup)
    SELECT case_of, lookup WHERE NOT EXISTS (SELECT FROM audit.event e WHERE e.case_id = case_of)
                             AND NOT EXISTS (SELECT FROM audit.pruned_case p WHERE p.case_id = case_of)
    ON CONFLICT DO NOTHING
$$;

-- As before; where the event before was pruned, what is left of its case says its hash.
CREATE OR REPLACE FUNCTION audit.stamp() RETURNS trigger
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
    IF NEW.case_seq = 1 AND NOT EXISTS (SELECT FROM audit.pruned_case p WHERE p.case_id = NEW.case_id) THEN
        before := '\x0000000000000000000000000000000000000000000000000000000000000000';
    ELSE
        SELECT p.leaf_hash INTO before FROM audit.event p
        WHERE p.case_id = NEW.case_id AND p.case_seq = NEW.case_seq - 1;
        IF before IS NULL THEN
            SELECT p.leaf_hash INTO before FROM audit.pruned_case p
            WHERE p.case_id = NEW.case_id AND p.case_seq = NEW.case_seq - 1;
        END IF;
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

-- Triggers ------------------------------------------------------------------------------------------------------

DROP TRIGGER append_only ON audit.event;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER only_pruned AFTER DELETE ON audit.event REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION audit.check_pruned();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.pruned_case
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER told BEFORE UPDATE ON audit.retention FOR EACH ROW EXECUTE FUNCTION audit.check_period();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.retention
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

DO $$
DECLARE
    t record;
    f regprocedure;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'audit'::regnamespace AND NOT g.tgisinternal LOOP
        EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
