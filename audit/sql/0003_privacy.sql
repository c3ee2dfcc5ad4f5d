-- Holds, subjects and their keys, and when a text may go. AU008: kept by a hold or by a duty.

-- A legal hold: nothing of this case, subject or action type is erased or pruned while it stands.
CREATE TABLE audit.hold (
    id uuid PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('case', 'subject', 'type')),
    target text NOT NULL CHECK (length(target) BETWEEN 1 AND 232),
    placed_event uuid NOT NULL UNIQUE,
    placed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lifted_event uuid UNIQUE,
    lifted_at timestamptz,
    CHECK ((lifted_event IS NULL) = (lifted_at IS NULL))
);
CREATE INDEX hold_standing ON audit.hold (scope, target) WHERE lifted_at IS NULL;

-- Whom a case is about: a keyed hash of, say, a customer's number. Erased with the subject.
CREATE TABLE audit.subject (
    case_id text PRIMARY KEY,
    lookup bytea NOT NULL CHECK (octet_length(lookup) = 32)
);
CREATE INDEX subject_cases ON audit.subject (lookup);

-- Public keys to seal to. `wrapped` is the private half of a subject's key, sealed to the newest master key, whose own
-- private half lies in a file. A subject's key without `lookup` is a spare: agents take one, and never see inside.
CREATE TABLE audit.seal_key (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('master', 'group', 'subject')),
    lookup bytea CHECK (octet_length(lookup) = 32),
    public bytea NOT NULL CHECK (octet_length(public) = 32),
    wrapped bytea CHECK (octet_length(wrapped) BETWEEN 32 AND 1024),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (kind, lookup),
    CHECK ((kind = 'subject') = (wrapped IS NOT NULL))
);
CREATE INDEX seal_key_spare ON audit.seal_key (made_at) WHERE kind = 'subject' AND lookup IS NULL;

-- How long the events of a class are kept at least. Six months is the floor; an installation raises it.
CREATE TABLE audit.retention (
    class text PRIMARY KEY CHECK (class ~ '^[a-z_]{1,32}$'),
    days integer NOT NULL CHECK (days >= 184)
);
INSERT INTO audit.retention (class, days) VALUES
    ('decisions', 1827), ('runs', 366), ('rules', 1827), ('access', 366), ('privacy', 3653), ('log', 3653);

CREATE FUNCTION audit.retention_class(name text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE split_part(name, '.', 1)
        WHEN 'log' THEN 'log'
        WHEN 'privacy' THEN 'privacy' WHEN 'hold' THEN 'privacy' WHEN 'retention' THEN 'privacy'
        WHEN 'auth' THEN 'access' WHEN 'audit' THEN 'access' WHEN 'content' THEN 'access'
        WHEN 'run' THEN 'runs'
        WHEN 'action' THEN 'decisions' WHEN 'decision' THEN 'decisions' WHEN 'question' THEN 'decisions'
        WHEN 'evidence' THEN 'decisions' WHEN 'message' THEN 'decisions' WHEN 'attempt' THEN 'decisions'
        WHEN 'sample' THEN 'decisions' WHEN 'canary' THEN 'decisions'
        ELSE 'rules' END
$$;

-- Holds ---------------------------------------------------------------------------------------------------------

-- The hold that keeps this case, the oldest if several do.
CREATE FUNCTION audit.held(case_of text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT h.id FROM audit.hold h
    WHERE h.lifted_at IS NULL AND (
        (h.scope = 'case' AND h.target = case_of)
        OR (h.scope = 'subject' AND h.target = (
            SELECT encode(s.lookup, 'hex') FROM audit.subject s WHERE s.case_id = case_of))
        OR (h.scope = 'type' AND h.target = (
            SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event e
            WHERE e.case_id = case_of AND e.case_seq = 1)))
    ORDER BY h.placed_at LIMIT 1
$$;

-- A hold waits for erasures under way, and they for it.
CREATE FUNCTION audit.place_hold(hold uuid, scope text, target text, event uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    LOCK TABLE audit.hold IN SHARE ROW EXCLUSIVE MODE;
    INSERT INTO audit.hold (id, scope, target, placed_event) VALUES (hold, scope, target, event);
END $$;

CREATE FUNCTION audit.lift_hold(hold uuid, event uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    UPDATE audit.hold h SET lifted_event = event, lifted_at = clock_timestamp()
        WHERE h.id = hold AND h.lifted_at IS NULL;
    RETURN FOUND;
END $$;

CREATE FUNCTION audit.check_hold() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF OLD.lifted_at IS NULL AND NEW.lifted_at IS NOT NULL
       AND (NEW.id, NEW.scope, NEW.target, NEW.placed_event, NEW.placed_at)
         = (OLD.id, OLD.scope, OLD.target, OLD.placed_event, OLD.placed_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a hold changes only once, when it is lifted' USING ERRCODE = 'AU001';
END $$;

CREATE FUNCTION audit.check_hold_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    said uuid := CASE TG_OP WHEN 'INSERT' THEN NEW.placed_event ELSE NEW.lifted_event END;
    as_name text := CASE TG_OP WHEN 'INSERT' THEN 'hold.placed' ELSE 'hold.lifted' END;
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
        WHERE e.id = said AND e.name = as_name AND e.case_id = 'hold:' || NEW.id
          AND d.data ->> 'scope' = NEW.scope AND d.data ->> 'target' IN (NEW.target, '')) THEN
        RAISE EXCEPTION 'no % event tells of this hold', as_name USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- Erasure -------------------------------------------------------------------------------------------------------

-- Refuses while a hold or a duty keeps this text. Every app's erase function asks it first.
CREATE FUNCTION audit.demand_erasable(event uuid, field text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    its audit.event;
    standing uuid;
    until timestamptz;
BEGIN
    LOCK TABLE audit.hold IN SHARE MODE;
    SELECT * INTO its FROM audit.event e WHERE e.id = demand_erasable.event;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    standing := audit.held(its.case_id);
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION '% is under legal hold %', its.case_id, standing USING ERRCODE = 'AU008';
    END IF;
    until := audit.identity_kept_until(its.name, its.at);
    IF field = 'identity' AND until > clock_timestamp() THEN
        RAISE EXCEPTION 'who decided is kept until %', until::date USING ERRCODE = 'AU008';
    END IF;
END $$;

-- A duty to keep records outweighs a reviewer's wish to be forgotten, for as long as it runs.
CREATE FUNCTION audit.identity_kept_until(name text, at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT at + make_interval(days => r.days) FROM audit.retention r WHERE r.class = audit.retention_class(name)
$$;

-- Sealing -------------------------------------------------------------------------------------------------------

-- 0x01, a count, for each reader (key id, ephemeral key, wrapped row key), a nonce, and at least salt and tag.
CREATE FUNCTION audit.is_sealed(body bytea) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE readers integer;
BEGIN
    IF octet_length(body) < 158 OR get_byte(body, 0) <> 1 THEN
        RETURN false;
    END IF;
    readers := get_byte(body, 1);
    RETURN readers BETWEEN 1 AND 4 AND octet_length(body) >= 2 + 96 * readers + 12 + 16 + 32
       AND NOT EXISTS (
           SELECT FROM generate_series(0, readers - 1) i
           WHERE NOT EXISTS (SELECT FROM audit.seal_key k
                             WHERE k.id = encode(substr(body, 3 + 96 * i, 16), 'hex')::uuid));
END $$;

CREATE OR REPLACE FUNCTION audit.check_content() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE promised text;
BEGIN
    SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> ARRAY['commit', NEW.field] INTO promised
    FROM audit.event e
    WHERE e.id = NEW.event_id AND e.at >= transaction_timestamp() - interval '1 second';
    IF promised IS NULL THEN
        RAISE EXCEPTION 'no event of this transaction commits to "%"', NEW.field USING ERRCODE = 'AU006';
    END IF;
    -- A sealed text cannot be compared here; whoever opens it compares.
    IF NOT (NEW.scheme = 0 AND promised = audit.b64(sha256(NEW.salt || NEW.body))
            OR NEW.scheme = 1 AND audit.is_sealed(NEW.body)) THEN
        RAISE EXCEPTION 'the text is not what the event committed to' USING ERRCODE = 'AU006';
    END IF;
    RETURN NEW;
END $$;

-- The subject of a case: what was said when it began, else the case itself, whose id nobody can guess.
CREATE FUNCTION audit.subject_of(case_of text) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT coalesce((SELECT s.lookup FROM audit.subject s WHERE s.case_id = case_of),
                    sha256(convert_to('case ' || case_of, 'UTF8')))
$$;

-- Said once, by who opens the case, before its first event: nobody may give another's case away.
CREATE FUNCTION audit.name_subject(case_of text, lookup bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    INSERT INTO audit.subject (case_id, lookup)
    SELECT case_of, lookup WHERE NOT EXISTS (SELECT FROM audit.event e WHERE e.case_id = case_of)
    ON CONFLICT DO NOTHING
$$;

-- The public key of a subject; a spare one becomes its own the first time. No row: there is no spare left.
CREATE FUNCTION audit.sealing_key(subject bytea, OUT id uuid, OUT public bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    SELECT k.id, k.public INTO sealing_key.id, sealing_key.public FROM audit.seal_key k
        WHERE k.kind = 'subject' AND k.lookup = subject;
    IF NOT FOUND THEN
        UPDATE audit.seal_key k SET lookup = subject WHERE k.id = (
            SELECT s.id FROM audit.seal_key s WHERE s.kind = 'subject' AND s.lookup IS NULL
            ORDER BY s.made_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING k.id, k.public INTO sealing_key.id, sealing_key.public;
    END IF;
EXCEPTION WHEN unique_violation THEN  -- a twin was quicker
    SELECT k.id, k.public INTO sealing_key.id, sealing_key.public FROM audit.seal_key k
        WHERE k.kind = 'subject' AND k.lookup = subject;
END $$;

-- The newest public keys of the installation and of a group of agents; readers of what is not one subject's alone.
CREATE FUNCTION audit.standing_key(of_kind text, named bytea, OUT id uuid, OUT public bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT k.id, k.public FROM audit.seal_key k
    WHERE k.kind = of_kind AND k.kind <> 'subject' AND k.lookup = named ORDER BY k.made_at DESC LIMIT 1
$$;

-- The private halves of subjects' keys, each still sealed to the master key.
CREATE FUNCTION audit.opening_keys(ids uuid[]) RETURNS TABLE (id uuid, wrapped bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT k.id, k.wrapped FROM audit.seal_key k WHERE k.id = ANY (ids) AND k.kind = 'subject'
$$;

-- Without its key nothing that was sealed to a subject can be read again, wherever copies lie.
CREATE FUNCTION audit.erase_key(subject bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE standing uuid;
BEGIN
    LOCK TABLE audit.hold IN SHARE MODE;
    SELECT h.id INTO standing FROM audit.hold h
        WHERE h.lifted_at IS NULL AND h.scope = 'subject' AND h.target = encode(subject, 'hex');
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION 'the subject is under legal hold %', standing USING ERRCODE = 'AU008';
    END IF;
    IF EXISTS (SELECT FROM audit.subject s JOIN audit.event e ON e.case_id = s.case_id
               JOIN audit.content c ON c.event_id = e.id
               WHERE s.lookup = subject AND c.field <> 'identity') THEN
        RAISE EXCEPTION 'texts of this subject are still here' USING ERRCODE = 'AU008';
    END IF;
    DELETE FROM audit.subject s WHERE s.lookup = subject;
    DELETE FROM audit.seal_key k WHERE k.kind = 'subject' AND k.lookup = subject;
    RETURN FOUND;
END $$;

-- A key goes only with an erasure that this transaction tells of.
CREATE FUNCTION audit.check_key_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM audit.event e WHERE e.name = 'privacy.erased'
                   AND e.at >= transaction_timestamp() - interval '1 second') THEN
        RAISE EXCEPTION 'a key was deleted, and no privacy.erased event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- A subject's key finds its subject once; everything else about a key stays.
CREATE FUNCTION audit.check_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.public, NEW.made_at) = (OLD.id, OLD.kind, OLD.public, OLD.made_at)
       AND OLD.kind = 'subject' AND (OLD.lookup IS NULL OR NEW.lookup = OLD.lookup) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a key does not change' USING ERRCODE = 'AU001';
END $$;

-- Readers -------------------------------------------------------------------------------------------------------

-- An open canary or draw is no business of web's. As a policy of rows, not as a view: conditions that could leak what
-- they look at come after it, and a page of events still reads an index in its own order.
CREATE FUNCTION audit.sees_all() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT audit.role() <> 'web'
$$;
CREATE FUNCTION audit.is_closed(case_of text, closing text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.event c WHERE c.case_id = case_of AND c.name = closing)
$$;
ALTER TABLE audit.event ENABLE ROW LEVEL SECURITY;
CREATE POLICY readable ON audit.event FOR SELECT USING (
    name NOT IN ('canary.seeded', 'sample.drawn')
    OR audit.sees_all()
    OR audit.is_closed(case_id, CASE name WHEN 'canary.seeded' THEN 'canary.scored' ELSE 'sample.graded' END));
CREATE POLICY writable ON audit.event FOR INSERT WITH CHECK (true);
CREATE OR REPLACE VIEW audit.event_web WITH (security_invoker = true) AS SELECT e.* FROM audit.event e;

-- Triggers ------------------------------------------------------------------------------------------------------

CREATE TRIGGER lifted_once BEFORE UPDATE ON audit.hold FOR EACH ROW EXECUTE FUNCTION audit.check_hold();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.hold
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE CONSTRAINT TRIGGER told AFTER INSERT OR UPDATE ON audit.hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.check_hold_told();
CREATE TRIGGER no_change BEFORE UPDATE OR TRUNCATE ON audit.subject
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE CONSTRAINT TRIGGER erased AFTER DELETE ON audit.subject DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.check_key_erased();
CREATE TRIGGER assigned_once BEFORE UPDATE ON audit.seal_key FOR EACH ROW EXECUTE FUNCTION audit.check_key();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON audit.seal_key
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE CONSTRAINT TRIGGER erased AFTER DELETE ON audit.seal_key DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.check_key_erased();

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
