-- Words that reviewers hang on a case to find it again. AU007 without their event, DK003 changed.

CREATE FUNCTION reviews_tag_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF num_nonnulls(NEW.removed_at, NEW.removed_by_id, NEW.removed_event) > 0 THEN
            RAISE EXCEPTION 'a new tag hangs' USING ERRCODE = 'DK003';
        END IF;
        NEW.created_at := clock_timestamp();
        RETURN NEW;
    END IF;
    IF (OLD.id, OLD.action_id, OLD.name, OLD.by_id, OLD.event_id, OLD.created_at) IS DISTINCT FROM
       (NEW.id, NEW.action_id, NEW.name, NEW.by_id, NEW.event_id, NEW.created_at)
       OR OLD.removed_at IS NOT NULL OR NEW.removed_by_id IS NULL OR NEW.removed_event IS NULL THEN
        RAISE EXCEPTION 'a tag is taken off once, by somebody' USING ERRCODE = 'DK003';
    END IF;
    NEW.removed_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_tag_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    off boolean := TG_OP = 'UPDATE';
    leaf jsonb := reviews_event(CASE WHEN off THEN NEW.removed_event ELSE NEW.event_id END, NEW.action_id,
                                '{action.tagged}');
BEGIN
    IF NOT (leaf #> (CASE WHEN off THEN '{data,removed}' ELSE '{data,added}' END)::text[]) ? NEW.name THEN
        RAISE EXCEPTION 'the event tells another tag' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER reviews_tag_changes BEFORE INSERT OR UPDATE ON reviews_tag
    FOR EACH ROW EXECUTE FUNCTION reviews_tag_changes();
CREATE CONSTRAINT TRIGGER reviews_tag_event AFTER INSERT OR UPDATE ON reviews_tag
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_tag_committed();
CREATE TRIGGER reviews_tag_stays BEFORE DELETE ON reviews_tag
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_tag_no_truncate BEFORE TRUNCATE ON reviews_tag
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
