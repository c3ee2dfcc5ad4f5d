-- What lies outside the database, or goes there: cosignatures, receipts, time stamps, and how the copies are doing.

-- A witness's signature under a checkpoint. A log at rest is cosigned again, so one size may have several.
CREATE TABLE audit.signature (
    size bigint NOT NULL CHECK (size > 0),
    signer text NOT NULL,
    line text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, signer, at)
);

-- A time stamp (RFC 3161) of a checkpoint's note, as the authority sent it.
CREATE TABLE audit.timestamp (
    size bigint NOT NULL CHECK (size > 0),
    authority text NOT NULL,
    note text NOT NULL,
    token bytea NOT NULL CHECK (octet_length(token) <= 65536),
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (size, authority, at)
);

-- What a role promised with its own key after a commit: this event, with this leaf, will be in the log.
CREATE TABLE audit.receipt (
    event_id uuid PRIMARY KEY,
    note text NOT NULL CHECK (octet_length(note) <= 2000),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The public halves of the keys that sign receipts.
CREATE TABLE audit.receipt_key (
    vkey text PRIMARY KEY CHECK (length(vkey) <= 500),
    role text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How each copy outside is doing. State, not record: what it says of the past stands in log.alarm events.
CREATE TABLE audit.anchor (
    name text PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('directory', 'http', 'git', 'mail', 'timestamp', 'witness')),
    size bigint,
    root bytea,
    at timestamptz,
    tried timestamptz NOT NULL DEFAULT clock_timestamp(),
    error text NOT NULL DEFAULT '',
    forked boolean NOT NULL DEFAULT false
);

-- A receipt is about an event that is there, under a key that its role has shown.
CREATE FUNCTION audit.check_receipt() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.event e
        WHERE e.id = NEW.event_id
          AND strpos(NEW.note, E'\n' || e.id || E'\n' || encode(e.leaf_hash, 'base64') || E'\n') > 0) THEN
        RAISE EXCEPTION 'a receipt names an event and its leaf' USING ERRCODE = 'AU006';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION audit.check_receipt_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NEW.role <> audit.role() THEN
        RAISE EXCEPTION 'this session is %, not %', audit.role(), NEW.role USING ERRCODE = 'AU003';
    END IF;
    RETURN NEW;
END $$;

-- The receipts of one case, for definer functions that have looked at who asks.
CREATE FUNCTION audit.receipts(case_of text) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT r.note FROM audit.event e JOIN audit.receipt r ON r.event_id = e.id
    WHERE e.case_id = case_of ORDER BY e.case_seq
$$;

-- JSON in the one form that the record takes: sorted keys, no spaces, whole numbers below 2^53, thirty levels.
CREATE FUNCTION audit.canonical(value jsonb, depth integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE kind text := jsonb_typeof(value);
BEGIN
    IF kind = 'object' THEN
        IF depth > 30 THEN
            RAISE EXCEPTION 'nested too deeply' USING ERRCODE = 'AU006';
        END IF;
        RETURN '{' || coalesce((
            SELECT string_agg(to_json(p.key)::text || ':' || CASE jsonb_typeof(p.value)
                       WHEN 'string' THEN p.value::text ELSE audit.canonical(p.value, depth + 1) END,
                   ',' ORDER BY p.key COLLATE "C")
            FROM jsonb_each(value) p), '') || '}';
    END IF;
    IF kind = 'array' THEN
        IF depth > 30 THEN
            RAISE EXCEPTION 'nested too deeply' USING ERRCODE = 'AU006';
        END IF;
        RETURN '[' || coalesce((
            SELECT string_agg(audit.canonical(a.value, depth + 1), ',' ORDER BY a.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY a(value, place)), '') || ']';
    END IF;
    IF kind = 'number' AND (value::text !~ '^-?(0|[1-9][0-9]{0,15})$' OR abs(value::text::numeric) >= 9007199254740992)
    THEN
        RAISE EXCEPTION '% is no whole number below 2^53', left(value::text, 40) USING ERRCODE = 'AU006';
    END IF;
    RETURN value::text;
END $$;

-- Agents run code that nobody here wrote. What they say must be such that no verifier could take it for tampering:
-- canonical bytes, a change that starts where the case is, and one digest for one payload.
CREATE FUNCTION audit.stamp_strictly() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    plain text := convert_from(NEW.leaf, 'UTF8');
    e jsonb := plain::jsonb;
    was text;
BEGIN
    IF audit.canonical(e, 0) <> plain OR plain IS NOT NFC NORMALIZED THEN
        RAISE EXCEPTION 'the leaf is not in canonical form' USING ERRCODE = 'AU006';
    END IF;
    IF e->>'v' <> '1' OR e->>'at' !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$' OR NEW.actor_ref = ''
       OR (e#>>'{data,digest}' IS NOT NULL AND e#>>'{commit,payload}' IS NOT NULL
           AND e#>'{data,digest}' <> e#>'{commit,payload}')
       OR EXISTS (SELECT FROM jsonb_each(e->'commit') c WHERE jsonb_typeof(c.value) <> 'string') THEN
        RAISE EXCEPTION 'the envelope does not have the promised shape' USING ERRCODE = 'AU006';
    END IF;
    IF jsonb_typeof(e->'change') = 'object' THEN
        SELECT p.change_to INTO was FROM audit.event p
        WHERE p.case_id = NEW.case_id AND p.case_seq < NEW.case_seq AND p.change_to IS NOT NULL
        ORDER BY p.case_seq DESC LIMIT 1;
        IF ARRAY(SELECT jsonb_object_keys(e->'change')) <> '{to,from}' OR jsonb_typeof(e#>'{change,to}') <> 'string'
           OR jsonb_typeof(e#>'{change,from}') NOT IN ('string', 'null') OR NEW.change_from IS DISTINCT FROM was THEN
            RAISE EXCEPTION 'the change does not start where % is', NEW.case_id USING ERRCODE = 'AU005';
        END IF;
    END IF;
    RETURN NEW;
EXCEPTION
    WHEN data_exception OR statement_too_complex THEN
        RAISE EXCEPTION 'the leaf is not JSON of the promised shape: %', SQLERRM USING ERRCODE = 'AU006';
END $$;

-- After `stamp`, which derives the writer.
CREATE TRIGGER stamp_strictly BEFORE INSERT ON audit.event FOR EACH ROW WHEN (NEW.writer = 'agent')
    EXECUTE FUNCTION audit.stamp_strictly();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.signature
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.timestamp
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.receipt
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.receipt_key
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER no_removal BEFORE TRUNCATE ON audit.anchor
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER promised BEFORE INSERT ON audit.receipt FOR EACH ROW EXECUTE FUNCTION audit.check_receipt();
CREATE TRIGGER own_key BEFORE INSERT ON audit.receipt_key FOR EACH ROW EXECUTE FUNCTION audit.check_receipt_key();

DO $$
DECLARE t record;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'audit'::regnamespace AND NOT g.tgisinternal AND g.tgenabled <> 'A' LOOP
        EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
    FOR t IN SELECT p.oid::regprocedure AS f FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace
             AND p.proname IN ('check_receipt', 'check_receipt_key', 'receipts', 'canonical', 'stamp_strictly') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', t.f);
    END LOOP;
END $$;
