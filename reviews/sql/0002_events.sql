-- Checked at COMMIT, as the session's own role: every change has its event, and the rows agree. AU007, DK003, DK004.

-- The event by its number: does the log say what the row says?
CREATE FUNCTION reviews_action_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    its_case text := 'action:' || NEW.id;
    from_state text := CASE TG_OP WHEN 'UPDATE' THEN OLD.state END;
    to_state text := NEW.state;
BEGIN
    IF from_state = to_state THEN
        from_state := NULL;
        to_state := NULL;
    END IF;
    IF NOT audit.attests(its_case, NEW.case_seq, NEW.case_head, from_state, to_state) OR (to_state IS NULL AND EXISTS (
        SELECT FROM audit.event e
        WHERE e.case_id = its_case AND e.case_seq = NEW.case_seq AND e.change_to IS NOT NULL)) THEN
        RAISE EXCEPTION 'event % of this action does not tell its change', NEW.case_seq USING ERRCODE = 'AU007';
    END IF;
    IF (TG_OP = 'INSERT' OR OLD.revision <> NEW.revision) AND NOT EXISTS (
        SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
        WHERE r.action_id = NEW.id AND r.number = NEW.revision AND r.digest = NEW.digest) THEN
        RAISE EXCEPTION 'revision % has no bytes', NEW.revision USING ERRCODE = 'DK004';
    END IF;
    IF to_state IS NOT NULL AND TG_OP = 'UPDATE' THEN
        PERFORM reviews_check_rest(OLD, NEW);
    END IF;
    RETURN NULL;
END $$;

-- What must be true of other rows once the transaction is whole.
CREATE FUNCTION reviews_check_rest(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF n.state = 'executing' AND NOT EXISTS (
        SELECT FROM reviews_attempt t WHERE t.action_id = n.id AND t.fence = n.fence) THEN
        RAISE EXCEPTION 'a lease opens an attempt' USING ERRCODE = 'DK013';
    END IF;
    IF o.state = 'in_doubt' AND NOT EXISTS (
        SELECT FROM audit.event e
        WHERE e.case_id = 'action:' || n.id AND e.case_seq = n.case_seq AND e.name = 'attempt.settled'
          AND coalesce(audit.committed(e.id, 'note'), audit.committed(e.id, 'rationale'),
                       audit.committed(e.id, 'reason')) IS NOT NULL) THEN
        RAISE EXCEPTION 'who settles a doubt says why' USING ERRCODE = 'AU007';
    END IF;
    IF o.state = 'executing' AND n.state = 'succeeded' AND n.reverses_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM reviews_action r WHERE r.id = n.reverses_id AND r.state = 'reversed') THEN
        RAISE EXCEPTION 'a reversal that succeeded marks its original' USING ERRCODE = 'DK018';
    END IF;
    PERFORM reviews_check_visits(n.id);
END $$;

-- People find what waits for them, and nothing else: a visit is open exactly while its action is pending.
CREATE FUNCTION reviews_check_visits(target uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    pending boolean;
    visits integer;
BEGIN
    SELECT a.state = 'pending' INTO pending FROM reviews_action a WHERE a.id = target;
    SELECT count(*) INTO visits FROM reviews_item i
        WHERE i.action_id = target AND i.closed_at IS NULL AND i.purpose <> 'qa';
    IF visits <> pending::integer THEN
        RAISE EXCEPTION 'a pending action has one open visit to a queue, any other has none' USING ERRCODE = 'DK003';
    END IF;
END $$;

CREATE FUNCTION reviews_item_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM reviews_check_visits(NEW.action_id);
    RETURN NULL;
END $$;

-- The parsed leaf of an event of this case, or AU007. `names`: what it may be called; NULL is any.
CREATE FUNCTION reviews_event(event uuid, of_action uuid, names text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE leaf bytea;
BEGIN
    SELECT e.leaf INTO leaf FROM audit.event e
        WHERE e.id = event AND e.case_id = 'action:' || of_action AND (names IS NULL OR e.name = ANY (names));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the event of this row is not there' USING ERRCODE = 'AU007';
    END IF;
    RETURN convert_from(leaf, 'UTF8')::jsonb;
END $$;

CREATE FUNCTION reviews_decision_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE leaf jsonb := reviews_event(NEW.event_id, NEW.action_id, '{decision.recorded}');
BEGIN
    IF leaf #>> '{data,verdict}' IS DISTINCT FROM NEW.verdict
       OR leaf #>> '{data,digest}' IS DISTINCT FROM audit.b64(NEW.digest)
       OR (leaf #>> '{data,revision}')::integer IS DISTINCT FROM NEW.revision THEN
        RAISE EXCEPTION 'the event tells another decision' USING ERRCODE = 'AU007';
    END IF;
    IF NEW.verdict = 'escalate' AND NEW.reason_code = '' AND leaf #> '{commit,rationale}' IS NULL THEN
        RAISE EXCEPTION 'an escalation says why' USING ERRCODE = 'DK003';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION reviews_retraction_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT x.* INTO a FROM reviews_action x JOIN reviews_decision d ON d.action_id = x.id WHERE d.id = NEW.decision_id;
    PERFORM reviews_event(NEW.event_id, a.id, '{decision.retracted}');
    IF a.state IN ('approved', 'rejected') AND NOT reviews_stands(a) THEN
        RAISE EXCEPTION 'with this vote taken back the action is pending again' USING ERRCODE = 'DK015';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION reviews_revision_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE leaf jsonb := reviews_event(NEW.event_id, NEW.action_id,
                                    '{action.proposed,action.edited,question.answered,canary.seeded}');
BEGIN
    IF leaf #>> '{commit,payload}' IS DISTINCT FROM audit.b64(NEW.digest) THEN
        RAISE EXCEPTION 'the event commits to other bytes' USING ERRCODE = 'AU007';
    END IF;
    IF NOT EXISTS (SELECT FROM reviews_action a WHERE a.id = NEW.action_id AND a.revision >= NEW.number) THEN
        RAISE EXCEPTION 'revision % was never taken up', NEW.number USING ERRCODE = 'DK004';
    END IF;
    RETURN NULL;
END $$;

-- Messages and evidence: an event of the case commits to them, by their name there or by their number.
CREATE FUNCTION reviews_entry_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    promised jsonb := reviews_event(NEW.event_id, NEW.action_id, NULL) -> 'commit';
    its_name text := CASE TG_TABLE_NAME WHEN 'reviews_message' THEN 'message' ELSE 'evidence' END;
BEGIN
    IF audit.b64(NEW.digest) NOT IN (
        SELECT promised ->> field FROM unnest(ARRAY[
            CASE its_name WHEN 'message' THEN 'text' ELSE 'evidence' END, its_name || '_' || NEW.number]) AS field
        WHERE promised ? field) THEN
        RAISE EXCEPTION 'its event commits to no such %', its_name USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- The action that a case is about; NULL for any other case.
CREATE FUNCTION reviews_case_action(its_case text) RETURNS uuid
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE WHEN its_case ~ '^action:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN substr(its_case, 8)::uuid END
$$;

-- Agents tell of their own actions and runs, executors of actions. Refused at once: an event that only COMMIT
-- would refuse could hold up, until then, whoever writes the next one of that case.
CREATE FUNCTION reviews_event_placed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    target uuid := reviews_case_action(NEW.case_id);
    known boolean;
BEGIN
    IF audit.role() NOT IN ('agent', 'executor') THEN
        RETURN NEW;
    END IF;
    known := EXISTS (SELECT FROM reviews_action a WHERE a.id = target);
    IF known THEN
        PERFORM reviews_demand_own(target);
    ELSIF audit.role() = 'agent' AND NEW.case_seq > 1 AND NEW.case_id ~ '^run:[0-9a-f-]{36}$' THEN
        IF reviews_run_principal(substr(NEW.case_id, 5)::uuid) IS NULL THEN
            RAISE EXCEPTION 'this is no run of yours' USING ERRCODE = 'DK002';
        END IF;
    ELSIF NOT (audit.role() = 'agent' AND NEW.case_seq = 1
               AND ((target IS NOT NULL AND NEW.name = 'action.proposed')
                    OR (NEW.case_id ~ '^run:[0-9a-f-]{36}$' AND NEW.name = 'run.started'))) THEN
        RAISE EXCEPTION '% has nothing to tell about %', audit.role(), NEW.case_id USING ERRCODE = 'AU003';
    END IF;
    RETURN NEW;
END $$;

-- At COMMIT: the action has taken the step that the event tells. A loose event would end its case for everybody.
CREATE FUNCTION reviews_event_taken() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = reviews_case_action(NEW.case_id);
    IF a.case_seq < NEW.case_seq THEN
        RAISE EXCEPTION 'event % of % was not taken up', NEW.case_seq, NEW.case_id USING ERRCODE = 'AU007';
    END IF;
    IF NEW.writer = 'agent' AND a.id IS NOT NULL AND NEW.actor_ref NOT IN (a.proposer_id::text, 'run:' || a.run) THEN
        RAISE EXCEPTION 'an agent speaks in its own name' USING ERRCODE = 'AU003';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION reviews_attempt_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
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

CREATE CONSTRAINT TRIGGER reviews_action_birth AFTER INSERT ON reviews_action
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_action_committed();
CREATE CONSTRAINT TRIGGER reviews_action_event AFTER UPDATE ON reviews_action
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.case_seq IS DISTINCT FROM NEW.case_seq)
    EXECUTE FUNCTION reviews_action_committed();
CREATE CONSTRAINT TRIGGER reviews_item_event AFTER INSERT OR UPDATE OF closed_at ON reviews_item
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_item_committed();
CREATE CONSTRAINT TRIGGER reviews_decision_event AFTER INSERT ON reviews_decision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_decision_committed();
CREATE CONSTRAINT TRIGGER reviews_retraction_event AFTER INSERT ON reviews_retraction
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_retraction_committed();
CREATE CONSTRAINT TRIGGER reviews_revision_event AFTER INSERT ON reviews_revision
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_revision_committed();
CREATE CONSTRAINT TRIGGER reviews_message_event AFTER INSERT ON reviews_message
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_entry_committed();
CREATE CONSTRAINT TRIGGER reviews_evidence_event AFTER INSERT ON reviews_evidence
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_entry_committed();
CREATE CONSTRAINT TRIGGER reviews_attempt_event AFTER INSERT OR UPDATE ON reviews_attempt
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_attempt_committed();

-- Named so that it runs after audit's own `stamp`, which derives the columns it looks at.
CREATE TRIGGER told_by_its_own BEFORE INSERT ON audit.event
    FOR EACH ROW EXECUTE FUNCTION reviews_event_placed();
ALTER TABLE audit.event ENABLE ALWAYS TRIGGER told_by_its_own;
CREATE CONSTRAINT TRIGGER taken_up AFTER INSERT ON audit.event
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.case_id LIKE 'action:%')
    EXECUTE FUNCTION reviews_event_taken();
ALTER TABLE audit.event ENABLE ALWAYS TRIGGER taken_up;
