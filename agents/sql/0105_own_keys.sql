-- The key of a run stays while the run is open, and while it remembers anything.

CREATE FUNCTION agents_key_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM agents_run r WHERE r.id = substr(OLD.case_id, 5)::uuid
               AND (r.state NOT IN ('finished', 'failed', 'cancelled') OR r.title <> '' OR r.args <> '{}'
                    OR r.result IS NOT NULL OR r.error <> '' OR r.blocked IS NOT NULL
                    OR EXISTS (SELECT FROM agents_journal j WHERE j.run_id = r.id))) THEN
        RAISE EXCEPTION 'the run still remembers something' USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER agents_key_erased BEFORE DELETE ON audit.seal_key FOR EACH ROW
    WHEN (OLD.case_id ~ '^run:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') EXECUTE FUNCTION agents_key_erased();
ALTER TABLE audit.seal_key ENABLE ALWAYS TRIGGER agents_key_erased;

REVOKE ALL ON FUNCTION agents_key_erased() FROM PUBLIC;
