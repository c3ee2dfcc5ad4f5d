-- Seeded checks (canaries): an action like any other, of which only these functions and the router know what it is.
-- Errors: DK002 birth, DK003 changed, DK012 the seeder votes, DK016 approved after all, AU007 without its event.

-- Seeded to see whether people look: it stands among the seeded, in a visit, or in the event it was born with.
CREATE OR REPLACE FUNCTION reviews_seeded(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM reviews_canary c WHERE c.action_id = a.id)
        OR EXISTS (SELECT FROM reviews_item i WHERE i.action_id = a.id AND i.purpose = 'canary')
        OR EXISTS (SELECT FROM audit.event e
                   WHERE e.case_id = 'action:' || a.id AND e.case_seq = 1 AND e.name <> 'action.proposed')
$$;

-- Born from something an agent proposed and people or policy let through, and in all that a page can show its twin.
CREATE FUNCTION reviews_seed_canary(canary uuid, source uuid, seeder bigint, key text, its_digest bytea, head bytea,
                                    event uuid, mutation text, faults jsonb, answer text, note text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE s reviews_action;
BEGIN
    IF NOT audit.is_role('web', 'router') THEN
        RAISE EXCEPTION '% seeds no checks', audit.role() USING ERRCODE = 'DK002';
    END IF;
    SELECT * INTO s FROM reviews_action a WHERE a.id = source;
    IF NOT FOUND OR s.state NOT IN ('approved', 'executing', 'succeeded', 'reversed') OR s.proposer_id IS NULL
       OR s.plan_id IS NOT NULL OR s.reverses_id IS NOT NULL OR reviews_seeded(s) THEN
        RAISE EXCEPTION 'a check is made from what an agent proposed by itself and was let through'
            USING ERRCODE = 'DK002';
    END IF;
    INSERT INTO reviews_canary (action_id, source_id, seeded_by_id, mutation, faults, answer, note, event_id, created_at)
    VALUES (canary, source, seeder, mutation, faults, answer, note, event, clock_timestamp());
    INSERT INTO reviews_action (id, type_id, run, proposer_id, dedup_key, confidence, digest, case_seq, case_head)
    VALUES (canary, s.type_id, s.run, s.proposer_id, key, s.confidence, its_digest, 1, head);
END $$;

-- The principal behind a new action; a row of NULLs when a person proposes. Exactly one of the three speaks; a seeded
-- check stands in the name of the one whose action it was made from.
CREATE OR REPLACE FUNCTION reviews_proposer_of(a reviews_action) RETURNS reviews_principal
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    who reviews_principal;
    its uuid := a.proposer_id;
    seeded boolean := EXISTS (SELECT FROM reviews_canary c WHERE c.action_id = a.id);
BEGIN
    IF a.run IS NOT NULL AND NOT seeded THEN
        its := reviews_run_principal(a.run);
    END IF;
    IF (a.run IS NOT NULL AND NOT audit.is_role('agent') AND NOT seeded)
       OR (a.run IS NULL AND audit.role() = 'agent')
       OR (a.requested_by_id IS NOT NULL AND NOT audit.is_role('web'))
       OR num_nonnulls(its, a.requested_by_id) <> 1 OR (a.proposer_id IS NOT NULL AND a.proposer_id <> its) THEN
        RAISE EXCEPTION 'this login may not propose for that run, principal or person' USING ERRCODE = 'DK002';
    END IF;
    IF its IS NOT NULL THEN
        SELECT * INTO who FROM reviews_principal p WHERE p.id = its AND p.active;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the proposer is unknown or retired' USING ERRCODE = 'DK002';
        END IF;
    ELSIF NOT EXISTS (SELECT FROM reviews_user u WHERE u.id = a.requested_by_id AND u.is_active) THEN
        RAISE EXCEPTION 'the person who asks has no open account' USING ERRCODE = 'DK002';
    END IF;
    RETURN who;
END $$;

-- The visit of a seeded check is one, whatever the router thinks it is.
CREATE OR REPLACE FUNCTION reviews_item_born() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT audit.is_role('router') THEN
        RAISE EXCEPTION 'the router brings actions into a queue' USING ERRCODE = 'DK009';
    END IF;
    IF EXISTS (SELECT FROM reviews_canary c WHERE c.action_id = a.id) THEN
        NEW.purpose := 'canary';
    END IF;
    NEW.ref := nextval('reviews_item_ref');
    NEW.action_type_id := a.type_id;
    NEW.principal_id := a.proposer_id;
    NEW.risk := a.risk;
    NEW.confidence := a.confidence;
    NEW.entered := clock_timestamp();
    NEW.version := 1;
    RETURN NEW;
END $$;

-- Takes a verdict on these visits. Rows: those that were seeded checks, with what only now may be known of them.
-- `changed`: item -> the fields that an edit before the verdict changed; who mended the fault has seen it.
CREATE FUNCTION reviews_take_verdict(items uuid[], reviewer bigint, verdict text, changed jsonb)
RETURNS TABLE (item uuid, caught boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF NOT audit.is_role('web') OR reviews_take_verdict.verdict NOT IN ('approve', 'reject') THEN
        RAISE EXCEPTION 'people approve or reject through web' USING ERRCODE = 'DK016';
    END IF;
    IF EXISTS (SELECT FROM reviews_item i JOIN reviews_canary c ON c.action_id = i.action_id
               WHERE i.id = ANY (items) AND c.seeded_by_id = reviewer) THEN
        RAISE EXCEPTION 'you seeded this check; somebody else decides it' USING ERRCODE = 'DK012';
    END IF;
    RETURN QUERY
        UPDATE reviews_canary c
        SET verdict = reviews_take_verdict.verdict, reviewer_id = reviewer, taken_at = clock_timestamp(),
            caught = (c.answer = reviews_take_verdict.verdict)
                OR (reviews_take_verdict.verdict = 'approve' AND EXISTS (
                    SELECT FROM jsonb_array_elements_text(changed -> i.id::text) AS f WHERE c.faults ? f))
        FROM reviews_item i
        WHERE i.id = ANY (items) AND i.action_id = c.action_id AND i.purpose = 'canary' AND i.closed_at IS NULL
        RETURNING i.id, c.caught;
END $$;

-- What may be told of a seeded check once its visit is over.
CREATE FUNCTION reviews_debrief(items uuid[])
RETURNS TABLE (item uuid, source uuid, seeded_by bigint, mutation text, faults jsonb, answer text, note text,
               verdict text, reviewer bigint, caught boolean, taken_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT i.id, c.source_id, c.seeded_by_id, c.mutation, c.faults, c.answer, c.note, c.verdict, c.reviewer_id,
           c.caught, c.taken_at
    FROM reviews_item i JOIN reviews_canary c ON c.action_id = i.action_id
    WHERE i.id = ANY (items) AND i.purpose = 'canary' AND i.closed_at IS NOT NULL
$$;

-- For whoever seeds them: how many are out, and the visits of those that are over, newest first.
CREATE FUNCTION reviews_checks(queues text[], most integer, OUT open bigint, OUT over uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT (SELECT count(*) FROM reviews_canary c JOIN reviews_action a ON a.id = c.action_id
            JOIN reviews_actiontype t ON t.name = a.type_id
            WHERE a.state IN ('proposed', 'pending') AND t.queue_id = ANY (queues)),
           ARRAY(SELECT i.id FROM reviews_item i
                 WHERE i.purpose = 'canary' AND i.closed_at IS NOT NULL AND i.queue_id = ANY (queues)
                 ORDER BY i.closed_at DESC LIMIT most)
$$;

-- What it is never changes; the first verdict stands.
CREATE FUNCTION reviews_canary_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (OLD.action_id, OLD.source_id, OLD.seeded_by_id, OLD.mutation, OLD.faults, OLD.answer, OLD.note, OLD.event_id,
        OLD.created_at) IS DISTINCT FROM
       (NEW.action_id, NEW.source_id, NEW.seeded_by_id, NEW.mutation, NEW.faults, NEW.answer, NEW.note, NEW.event_id,
        NEW.created_at) OR OLD.verdict IS NOT NULL OR NEW.verdict IS NULL THEN
        RAISE EXCEPTION 'a seeded check is decided once' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;

-- At COMMIT: seeded with its event; decided means over, and said so.
CREATE FUNCTION reviews_canary_committed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE its_case text := 'action:' || NEW.action_id;
BEGIN
    IF NOT audit.has_event(NEW.event_id, 'canary.seeded', its_case) THEN
        RAISE EXCEPTION 'a check is seeded with its event' USING ERRCODE = 'AU007';
    END IF;
    IF NEW.verdict IS NOT NULL AND NOT EXISTS (
        SELECT FROM reviews_action a JOIN audit.event e ON e.case_id = its_case AND e.case_seq = a.case_seq
        WHERE a.id = NEW.action_id AND a.state = 'withdrawn' AND e.name = 'canary.scored'
          AND (convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,caught}')::boolean = NEW.caught) THEN
        RAISE EXCEPTION 'a verdict ends a seeded check, and its event says how' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- Before its verdict nothing tells a check apart: an escalation or a question about it looks like any other.
CREATE OR REPLACE FUNCTION reviews_decision_cast() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    a reviews_action;
    visit reviews_item;
BEGIN
    -- The lock makes what follows true until the commit.
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such action' USING ERRCODE = 'DK010';
    END IF;
    IF (NEW.reviewer_id IS NULL) <> (NEW.via = 'policy')
       OR NOT audit.is_role(CASE WHEN NEW.reviewer_id IS NULL THEN 'router' ELSE 'web' END)
       OR (NEW.via = 'policy' AND NEW.verdict NOT IN ('approve', 'reject')) THEN
        RAISE EXCEPTION 'people vote through web, policy through the router' USING ERRCODE = 'DK016';
    END IF;
    SELECT * INTO visit FROM reviews_item i WHERE i.id = NEW.item_id AND i.action_id = a.id;
    IF NEW.via <> 'policy' AND (visit.id IS NULL OR visit.closed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'it is no longer in the queue' USING ERRCODE = 'DK010';
    END IF;
    IF a.state <> (CASE WHEN NEW.via = 'policy' THEN 'proposed' ELSE 'pending' END)
       AND coalesce(visit.purpose, '') <> 'qa' THEN
        RAISE EXCEPTION 'it is % and takes no more votes', a.state USING ERRCODE = 'DK010';
    END IF;
    PERFORM reviews_check_seen(NEW, a);
    IF NEW.via <> 'policy' THEN
        PERFORM reviews_check_voter(NEW, a, visit);
    END IF;
    NEW.purpose := CASE WHEN visit.purpose = 'canary' AND NEW.verdict NOT IN ('approve', 'reject') THEN 'gate'
                        ELSE coalesce(visit.purpose, 'gate') END;
    NEW.risk := a.risk;
    NEW.created_at := clock_timestamp();
    SELECT count(*) INTO NEW.round FROM reviews_retraction t JOIN reviews_decision d ON d.id = t.decision_id
        WHERE d.action_id = a.id AND d.reviewer_id IS NOT DISTINCT FROM NEW.reviewer_id;
    RETURN NEW;
END $$;

-- A verdict on a check decides nothing: it is neither approved nor rejected, it ends.
CREATE OR REPLACE FUNCTION reviews_people_rejected(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_decision d
        WHERE d.action_id = a.id AND d.revision = a.revision AND d.digest = a.digest AND d.verdict = 'reject'
          AND d.reviewer_id IS NOT NULL AND d.purpose IN ('gate', 'question')
          AND NOT EXISTS (SELECT FROM reviews_retraction t WHERE t.decision_id = d.id))
$$;

ALTER TABLE reviews_canary
    ADD CONSTRAINT canary_answer CHECK (answer IN ('approve', 'reject')),
    ADD CONSTRAINT canary_note CHECK (note <> ''),
    ADD CONSTRAINT canary_verdict CHECK (num_nonnulls(verdict, reviewer_id, taken_at, caught) IN (0, 4));
CREATE TRIGGER reviews_canary_changes BEFORE UPDATE ON reviews_canary
    FOR EACH ROW EXECUTE FUNCTION reviews_canary_changes();
CREATE CONSTRAINT TRIGGER reviews_canary_event AFTER INSERT OR UPDATE ON reviews_canary
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_canary_committed();
CREATE TRIGGER reviews_canary_stays BEFORE DELETE ON reviews_canary
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_canary_no_truncate BEFORE TRUNCATE ON reviews_canary
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();

-- The visit as web sees it: all but the purpose; that it was a check, once it is over.
CREATE OR REPLACE VIEW reviews_item_desk AS
    SELECT id, ref, risk, risk_rank, confidence, cb, amount, currency, prio, breached, entered, due, question_open,
           deferred_until, closed_at, waiting, claimed_until, version, action_id, action_type_id, assignee_id,
           claimed_by_id, escalated_to_id, principal_id, queue_id,
           (closed_at IS NOT NULL AND purpose = 'canary') AS was_check
    FROM reviews_item;
