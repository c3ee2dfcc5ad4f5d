-- What may be approved in a batch, and the checks of each vote in fewer looks at the tables: the same rules as before.

-- What was looked at is what is there now: the bytes, and for a verdict also evidence and thread.
CREATE OR REPLACE FUNCTION reviews_check_seen(d reviews_decision, a reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    bytes boolean;
    last_evidence integer;
    last_message integer;
BEGIN
    IF d.revision <> a.revision OR d.digest <> a.digest THEN
        RAISE EXCEPTION 'it was changed since: revision % is the present one', a.revision USING ERRCODE = 'DK011';
    END IF;
    SELECT EXISTS (SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
                   WHERE r.action_id = a.id AND r.number = a.revision AND r.digest = a.digest),
           (SELECT coalesce(max(e.number), 0) FROM reviews_evidence e WHERE e.action_id = a.id),
           (SELECT coalesce(max(m.number), 0) FROM reviews_message m WHERE m.action_id = a.id)
        INTO bytes, last_evidence, last_message;
    IF NOT bytes THEN
        RAISE EXCEPTION 'its bytes are not there' USING ERRCODE = 'DK010';
    END IF;
    IF d.via = 'policy' OR d.verdict NOT IN ('approve', 'reject') THEN
        RETURN;
    END IF;
    IF d.seen_evidence <> last_evidence OR d.seen_message <> last_message THEN
        RAISE EXCEPTION 'there is evidence or a message that was not shown' USING ERRCODE = 'DK011';
    END IF;
END $$;

-- A batch approves what is harmless, can be put right, needs one person, is of one type, and nobody else is reading.
-- How large an amount may be, policy says; it is not the database's to read.
CREATE FUNCTION reviews_batch_refusal(d reviews_decision, a reviews_action, visit reviews_item) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF a.risk IN ('high', 'critical') THEN
        RETURN a.risk || ' risk is approved one by one';
    ELSIF a.reversibility = 'irreversible' THEN
        RETURN 'what cannot be put right is approved one by one';
    ELSIF a.needed > 1 THEN
        RETURN 'what needs two people is approved one by one';
    ELSIF visit.purpose = 'question' THEN
        RETURN 'a question is answered on its own page';
    ELSIF visit.claimed_by_id <> d.reviewer_id AND visit.claimed_until > clock_timestamp() THEN
        RETURN 'somebody else has claimed it';
    ELSIF d.batch IS NULL THEN
        RETURN 'a batch has a name';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION reviews_check_voter(d reviews_decision, a reviews_action, visit reviews_item) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE why text;
BEGIN
    IF NOT reviews_reaches(d.reviewer_id, visit.queue_id) THEN
        RAISE EXCEPTION 'this is out of the reviewer''s reach' USING ERRCODE = 'DK012';
    END IF;
    IF d.verdict = 'escalate' AND d.target_id IS NULL THEN
        RAISE EXCEPTION 'an escalation names to whom' USING ERRCODE = 'DK003';
    END IF;
    IF d.verdict <> 'approve' THEN
        RETURN;
    END IF;
    IF d.via = 'batch' THEN
        why := reviews_batch_refusal(d, a, visit);
        IF why IS NOT NULL THEN
            RAISE EXCEPTION '%', why USING ERRCODE = 'DK017';
        END IF;
    END IF;
    IF visit.question_open AND visit.purpose <> 'qa' THEN
        RAISE EXCEPTION 'a question is open' USING ERRCODE = 'DK010';
    END IF;
    why := reviews_partial(a, d.reviewer_id);
    IF why IS NOT NULL THEN
        RAISE EXCEPTION '%', why USING ERRCODE = 'DK012';
    END IF;
END $$;

-- Of all that one batch approves, looked at once for each statement.
CREATE FUNCTION reviews_batch_of_one_type() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
        WHERE d.verdict = 'approve' AND d.batch IN (
            SELECT n.batch FROM new_rows n WHERE n.via = 'batch' AND n.verdict = 'approve')
        GROUP BY d.batch HAVING count(DISTINCT a.type_id) > 1) THEN
        RAISE EXCEPTION 'a batch is of one type' USING ERRCODE = 'DK017';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_batch_of_one_type AFTER INSERT ON reviews_decision REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_batch_of_one_type();
CREATE INDEX decision_batch ON reviews_decision (batch) WHERE batch IS NOT NULL;

-- The event by its number: does the log say what the row says?
CREATE OR REPLACE FUNCTION reviews_action_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    from_state text := CASE TG_OP WHEN 'UPDATE' THEN OLD.state END;
    to_state text := NEW.state;
    told boolean;
BEGIN
    IF from_state = to_state THEN
        from_state := NULL;
        to_state := NULL;
    END IF;
    SELECT e.leaf_hash = NEW.case_head AND e.change_from IS NOT DISTINCT FROM from_state
           AND e.change_to IS NOT DISTINCT FROM to_state INTO told
    FROM audit.event e WHERE e.case_id = 'action:' || NEW.id AND e.case_seq = NEW.case_seq;
    IF told IS NOT TRUE THEN
        RAISE EXCEPTION 'event % of this action does not tell its change', NEW.case_seq USING ERRCODE = 'AU007';
    END IF;
    IF TG_OP = 'INSERT' OR OLD.revision <> NEW.revision THEN
        IF NOT EXISTS (
            SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
            WHERE r.action_id = NEW.id AND r.number = NEW.revision AND r.digest = NEW.digest) THEN
            RAISE EXCEPTION 'revision % has no bytes', NEW.revision USING ERRCODE = 'DK004';
        END IF;
    END IF;
    IF to_state IS NOT NULL AND TG_OP = 'UPDATE' THEN
        PERFORM reviews_check_rest(OLD, NEW);
    END IF;
    RETURN NULL;
END $$;

-- What must be true of other rows once the transaction is whole.
CREATE OR REPLACE FUNCTION reviews_check_rest(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF n.state = 'executing' THEN
        IF NOT EXISTS (SELECT FROM reviews_attempt t WHERE t.action_id = n.id AND t.fence = n.fence) THEN
            RAISE EXCEPTION 'a lease opens an attempt' USING ERRCODE = 'DK013';
        END IF;
    END IF;
    IF o.state = 'in_doubt' THEN
        IF NOT EXISTS (
            SELECT FROM audit.event e
            WHERE e.case_id = 'action:' || n.id AND e.case_seq = n.case_seq AND e.name = 'attempt.settled'
              AND coalesce(audit.committed(e.id, 'note'), audit.committed(e.id, 'rationale'),
                           audit.committed(e.id, 'reason')) IS NOT NULL) THEN
            RAISE EXCEPTION 'who settles a doubt says why' USING ERRCODE = 'AU007';
        END IF;
    END IF;
    IF o.state = 'executing' AND n.state = 'succeeded' AND n.reverses_id IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM reviews_action r WHERE r.id = n.reverses_id AND r.state = 'reversed') THEN
            RAISE EXCEPTION 'a reversal that succeeded marks its original' USING ERRCODE = 'DK018';
        END IF;
    END IF;
    PERFORM reviews_check_visits(n.id);
END $$;

-- People find what waits for them, and nothing else: a visit is open exactly while its action is pending.
CREATE OR REPLACE FUNCTION reviews_check_visits(target uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE fits boolean;
BEGIN
    SELECT (a.state = 'pending')::integer = (
        SELECT count(*) FROM reviews_item i
        WHERE i.action_id = a.id AND i.closed_at IS NULL AND i.purpose <> 'qa') INTO fits
    FROM reviews_action a WHERE a.id = target;
    IF fits IS NOT TRUE THEN
        RAISE EXCEPTION 'a pending action has one open visit to a queue, any other has none' USING ERRCODE = 'DK003';
    END IF;
END $$;
