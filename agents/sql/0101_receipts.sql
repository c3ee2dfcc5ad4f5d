-- Receipts for an agent's own actions, and two walls: an agent's event is taken up by its run, and every text that it
-- commits to is there. Without them an agent could make an honest log look tampered with.

CREATE FUNCTION agents_receipts(run uuid, fence bigint, action uuid) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF NOT EXISTS (SELECT FROM agents_journal j WHERE j.run_id = agents_receipts.run AND j.kind = 'propose'
                     AND convert_from(j.result, 'UTF8')::jsonb->>'action' = action::text) THEN
        RAISE EXCEPTION 'run % has no such action', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY SELECT audit.receipts('action:' || action);
END $$;
REVOKE ALL ON FUNCTION agents_receipts(uuid, bigint, uuid) FROM PUBLIC;

CREATE FUNCTION agents_event_whole() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    leaf jsonb := convert_from(NEW.leaf, 'UTF8')::jsonb;
    its_action uuid := reviews_case_action(NEW.case_id);
    missing text;
BEGIN
    IF NEW.case_id LIKE 'run:%' AND NOT EXISTS (
            SELECT FROM agents_run r WHERE 'run:' || r.id = NEW.case_id AND r.id = substr(NEW.case_id, 5)::uuid
               AND r.case_seq >= NEW.case_seq) THEN
        RAISE EXCEPTION 'event % of % was not taken up', NEW.case_seq, NEW.case_id USING ERRCODE = 'AU007';
    END IF;
    SELECT p.field INTO missing FROM jsonb_each_text(leaf->'commit') AS p(field, digest)
    WHERE NOT EXISTS (SELECT FROM audit.content c WHERE c.event_id = NEW.id AND c.field = p.field)
      AND NOT EXISTS (SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
                      WHERE r.action_id = its_action AND r.event_id = NEW.id AND p.field = 'payload'
                        AND audit.b64(r.digest) = p.digest
                        AND coalesce(leaf#>>'{data,revision}', r.number::text) = r.number::text)
      AND NOT EXISTS (SELECT FROM reviews_evidence v JOIN reviews_evidencebody b ON b.evidence_id = v.id
                      WHERE v.action_id = its_action AND v.event_id = NEW.id
                        AND p.field IN ('evidence', 'evidence_' || v.number) AND audit.b64(v.digest) = p.digest)
      AND NOT EXISTS (SELECT FROM reviews_message m JOIN reviews_messagebody b ON b.message_id = m.id
                      WHERE m.action_id = its_action AND m.event_id = NEW.id
                        AND p.field IN ('text', 'message_' || m.number) AND audit.b64(m.digest) = p.digest)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'the event commits to "%", and no such text was brought', left(missing, 60)
            USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION agents_event_whole() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER whole AFTER INSERT ON audit.event DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.writer = 'agent') EXECUTE FUNCTION agents_event_whole();
ALTER TABLE audit.event ENABLE ALWAYS TRIGGER whole;
