-- A case that names no subject is its own. Its key knows the case, so that it goes only once nothing of it has to stay.

ALTER TABLE audit.seal_key ADD COLUMN case_id text CHECK (kind = 'subject' OR case_id IS NULL);

CREATE FUNCTION audit.own_subject(case_of text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to('case ' || case_of, 'UTF8'))
$$;

-- A subject's key finds its subject once, learns once which case that is, and goes from one master key to the next as an
-- event ordered.
CREATE OR REPLACE FUNCTION audit.check_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.kind, NEW.public, NEW.made_at) = (OLD.id, OLD.kind, OLD.public, OLD.made_at)
       AND OLD.kind = 'subject' AND (OLD.lookup IS NULL OR NEW.lookup = OLD.lookup)
       AND (NEW.case_id IS NOT DISTINCT FROM OLD.case_id
            OR (OLD.case_id IS NULL AND NEW.lookup = audit.own_subject(NEW.case_id)))
       AND (NEW.wrapped = OLD.wrapped OR (octet_length(NEW.wrapped) = octet_length(OLD.wrapped) AND EXISTS (
            SELECT FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
            WHERE e.name = 'privacy.master_changed' AND d.data ->> 'state' = 'begun'
              AND d.data ->> 'old' = audit.sealed_by(OLD.wrapped)::text
              AND d.data ->> 'new' = audit.sealed_by(NEW.wrapped)::text))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a key does not change' USING ERRCODE = 'AU001';
END $$;

UPDATE audit.seal_key k SET case_id = e.case_id FROM audit.event e
    WHERE e.case_seq = 1 AND k.kind = 'subject' AND k.lookup = audit.own_subject(e.case_id);

-- The public key of this subject, or else of the case's. A key that is the case's own is told so.
CREATE FUNCTION audit.sealing_key(subject bytea, case_of text, OUT id uuid, OUT public bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE whose bytea := coalesce(sealing_key.subject, audit.subject_of(case_of));
BEGIN
    SELECT f.id, f.public INTO sealing_key.id, sealing_key.public FROM audit.sealing_key(whose) f;
    IF whose = audit.own_subject(case_of) THEN
        UPDATE audit.seal_key k SET case_id = case_of WHERE k.id = sealing_key.id AND k.case_id IS NULL;
    END IF;
END $$;

-- Whoever deletes it: not while the case is held, nor while a text of it lies here.
CREATE FUNCTION audit.guard_own_key() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE standing uuid := audit.held(OLD.case_id);
BEGIN
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION '% is under legal hold %', OLD.case_id, standing USING ERRCODE = 'AU008';
    END IF;
    IF EXISTS (SELECT FROM audit.event e JOIN audit.content c ON c.event_id = e.id
               WHERE e.case_id = OLD.case_id AND c.field <> 'identity') THEN
        RAISE EXCEPTION 'texts of this subject are still here' USING ERRCODE = 'AU008';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER guard_own BEFORE DELETE ON audit.seal_key FOR EACH ROW
    WHEN (OLD.case_id IS NOT NULL) EXECUTE FUNCTION audit.guard_own_key();
ALTER TABLE audit.seal_key ENABLE ALWAYS TRIGGER guard_own;

REVOKE ALL ON FUNCTION audit.own_subject(text), audit.check_key(), audit.sealing_key(bytea, text),
    audit.guard_own_key() FROM PUBLIC;
