-- With an entry of the record that is pruned its texts go here too: bytes and salts, what was derived from them, and
-- once no bytes of an action are left what its effects answered. Nobody could find them without their entry.

-- Runs as who deletes: only the erase function, on behalf of web, and the pruning that the keeper's login carries out
-- are both the tables' owner and not its login.
CREATE OR REPLACE FUNCTION reviews_body_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT audit.is_role('web', 'router') OR NOT EXISTS (
        SELECT FROM pg_class c WHERE c.oid = TG_RELID AND pg_get_userbyid(c.relowner) = current_user) THEN
        RAISE EXCEPTION 'DELETE on % is refused', TG_TABLE_NAME USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;

-- At COMMIT: an event of this transaction says what was erased, or the entry that brought it was pruned.
CREATE OR REPLACE FUNCTION reviews_erasure_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    event uuid;
    fields text[];
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'reviews_revisionbody' THEN
            SELECT r.event_id, ARRAY['payload'] INTO event, fields FROM reviews_revision r WHERE r.id = OLD.revision_id;
        WHEN 'reviews_messagebody' THEN
            SELECT m.event_id, ARRAY['text', 'message_' || m.number] INTO event, fields
            FROM reviews_message m WHERE m.id = OLD.message_id;
        ELSE
            SELECT e.event_id, ARRAY['evidence', 'evidence_' || e.number] INTO event, fields
            FROM reviews_evidence e WHERE e.id = OLD.evidence_id;
    END CASE;
    IF EXISTS (SELECT FROM audit.event e WHERE e.id = event)
       AND NOT EXISTS (SELECT FROM unnest(fields) f WHERE audit.attests_erasure(event, f)) THEN
        RAISE EXCEPTION 'a text was erased, and no event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- An attempt keeps what it is, and ends once. What the effect answered goes with the action's bytes.
CREATE OR REPLACE FUNCTION reviews_attempt_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    IF OLD.ended_at IS NOT NULL AND NEW.result IS NULL AND NEW.note = '' AND audit.is_role('web', 'router')
       AND to_jsonb(OLD) - '{result,note}'::text[] = to_jsonb(NEW) - '{result,note}'::text[] AND NOT EXISTS (
           SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
           WHERE r.action_id = NEW.action_id) THEN
        RETURN NEW;  -- what the effect answered goes with the payload
    END IF;
    IF (OLD.id, OLD.action_id, OLD.fence, OLD.worker, OLD.revision, OLD.digest, OLD.key, OLD.leased_at, OLD.event_id)
       IS DISTINCT FROM
       (NEW.id, NEW.action_id, NEW.fence, NEW.worker, NEW.revision, NEW.digest, NEW.key, NEW.leased_at, NEW.event_id)
       OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'an attempt keeps what it is, and ends once' USING ERRCODE = 'DK013';
    END IF;
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF a.fence <> NEW.fence OR NOT (reviews_holds(a) OR reviews_reaps(a, NEW)) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    IF NEW.probe IS DISTINCT FROM OLD.probe THEN
        PERFORM reviews_check_probe(OLD, a);
    END IF;
    IF NEW.effect_at IS DISTINCT FROM OLD.effect_at THEN
        PERFORM reviews_check_begin(OLD, NEW, a);
        NEW.effect_at := clock_timestamp();
    END IF;
    IF num_nonnulls(NEW."end", NEW.ended_at) > 0 THEN
        NEW.ended_at := clock_timestamp();
        IF NEW."end" IS NULL OR (NEW."end" = 'succeeded' AND NEW.effect_at IS NULL
                                 AND NEW.probe IS DISTINCT FROM 'done') THEN
            RAISE EXCEPTION 'nothing succeeds that was not begun' USING ERRCODE = 'DK013';
        END IF;
    ELSIF NEW.result IS NOT NULL THEN
        RAISE EXCEPTION 'a result comes with the end' USING ERRCODE = 'DK013';
    END IF;
    RETURN NEW;
END $$;

-- As before; what an attempt told of may be pruned, and then only its answer goes.
CREATE OR REPLACE FUNCTION reviews_attempt_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.ended_at IS NOT NULL AND EXISTS (
        SELECT FROM audit.pruned_case p WHERE p.case_id = 'action:' || NEW.action_id) THEN
        RETURN NULL;
    END IF;
    PERFORM reviews_event(NEW.event_id, NEW.action_id, '{attempt.leased}');
    IF TG_OP = 'UPDATE' AND NEW.effect_at IS DISTINCT FROM OLD.effect_at AND NOT EXISTS (
        SELECT FROM audit.event e
        WHERE e.case_id = 'action:' || NEW.action_id AND e.name = 'attempt.begun'
          AND (convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,fence}')::bigint = NEW.fence) THEN
        RAISE EXCEPTION 'an effect begins with its event' USING ERRCODE = 'AU007';
    END IF;
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id;
    IF NEW.ended_at IS NOT NULL AND a.state = 'executing' AND a.fence = NEW.fence THEN
        RAISE EXCEPTION 'with its attempt the action leaves executing' USING ERRCODE = 'DK013';
    END IF;
    RETURN NULL;
END $$;

-- Runs after audit's own check that these entries may go.
CREATE FUNCTION reviews_texts_pruned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    gone uuid[];
BEGIN
    SELECT array_agg(DISTINCT reviews_case_action(d.case_id)) INTO gone FROM deleted d
        WHERE reviews_case_action(d.case_id) IS NOT NULL;
    IF gone IS NULL THEN
        RETURN NULL;
    END IF;
    DELETE FROM reviews_revisionbody b USING reviews_revision r, deleted d
        WHERE r.action_id = ANY (gone) AND r.event_id = d.id AND b.revision_id = r.id;
    DELETE FROM reviews_messagebody b USING reviews_message m, deleted d
        WHERE m.action_id = ANY (gone) AND m.event_id = d.id AND b.message_id = m.id;
    DELETE FROM reviews_evidencebody b USING reviews_evidence e, deleted d
        WHERE e.action_id = ANY (gone) AND e.event_id = d.id AND b.evidence_id = e.id;
    DELETE FROM reviews_searchtext t WHERE t.action_id = ANY (gone);
    UPDATE reviews_attempt t SET result = NULL, note = ''
        WHERE t.action_id = ANY (gone) AND (t.result IS NOT NULL OR t.note <> '') AND NOT EXISTS (
            SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
            WHERE r.action_id = t.action_id);
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_texts_pruned AFTER DELETE ON audit.event REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_texts_pruned();
ALTER TABLE audit.event ENABLE ALWAYS TRIGGER reviews_texts_pruned;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'reviews\_%' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
