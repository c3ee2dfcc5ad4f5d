-- The key of an action that is its own subject stays while the action is open, and while a text of it lies here.

CREATE FUNCTION reviews_own_key_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE target uuid := reviews_case_action(OLD.case_id);
BEGIN
    IF EXISTS (SELECT FROM reviews_action a WHERE a.id = target) AND NOT reviews_is_over(target) THEN
        RAISE EXCEPTION 'the subject has an open action' USING ERRCODE = 'DK001';
    END IF;
    IF EXISTS (SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
               WHERE r.action_id = target)
       OR EXISTS (SELECT FROM reviews_message m JOIN reviews_messagebody b ON b.message_id = m.id
                  WHERE m.action_id = target)
       OR EXISTS (SELECT FROM reviews_evidence v JOIN reviews_evidencebody b ON b.evidence_id = v.id
                  WHERE v.action_id = target) THEN
        RAISE EXCEPTION 'texts of this subject are still here' USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER reviews_own_key_erased BEFORE DELETE ON audit.seal_key FOR EACH ROW
    WHEN (OLD.case_id IS NOT NULL) EXECUTE FUNCTION reviews_own_key_erased();
ALTER TABLE audit.seal_key ENABLE ALWAYS TRIGGER reviews_own_key_erased;
REVOKE ALL ON FUNCTION reviews_own_key_erased() FROM PUBLIC;
