-- What an absence took off a desk. DK001.

CREATE FUNCTION reviews_handover_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF OLD.told_at IS NOT NULL OR (NEW.absence_id, NEW.at) IS DISTINCT FROM (OLD.absence_id, OLD.at) THEN
        RAISE EXCEPTION 'a hand-over stays as it was, and is told once' USING ERRCODE = 'DK001';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reviews_handover_told BEFORE UPDATE ON reviews_handover
    FOR EACH ROW EXECUTE FUNCTION reviews_handover_told();
CREATE TRIGGER reviews_handover_stays BEFORE DELETE OR TRUNCATE ON reviews_handover
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_passedon_append_only BEFORE UPDATE OR DELETE ON reviews_passedon
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_passedon_no_truncate BEFORE TRUNCATE ON reviews_passedon
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();

DO $$
DECLARE t record;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'public'::regnamespace AND g.tgname LIKE 'reviews\_%' AND NOT g.tgisinternal
               AND g.tgenabled <> 'A' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
    REVOKE ALL ON FUNCTION reviews_handover_told() FROM PUBLIC;
END $$;
