-- What an agent's login may know and do about its own actions: through these functions and no other way.

-- The action that this proposer already has under this key; DK014 if the bytes or the type differ.
CREATE FUNCTION reviews_known_proposal(run uuid, proposer uuid, person bigint, key text, type text, body bytea)
RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    known reviews_action;
    who uuid := proposer;
BEGIN
    IF audit.role() = 'agent' AND reviews_known_proposal.run IS NULL THEN
        RAISE EXCEPTION 'an agent asks about its own run' USING ERRCODE = 'DK002';
    END IF;
    IF reviews_known_proposal.run IS NOT NULL THEN
        who := reviews_run_principal(reviews_known_proposal.run);
    END IF;
    SELECT * INTO known FROM reviews_action a
        WHERE a.dedup_key = key
          AND CASE WHEN person IS NULL THEN a.proposer_id = who AND a.requested_by_id IS NULL
                   ELSE a.requested_by_id = person END;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF known.type_id <> type OR NOT EXISTS (
        SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
        WHERE r.action_id = known.id AND r.number = 1 AND r.digest = sha256(b.salt || reviews_known_proposal.body)) THEN
        RAISE EXCEPTION 'this key was used for something else' USING ERRCODE = 'DK014';
    END IF;
    RETURN known.id;
END $$;

-- The newest question of the thread that nobody answered yet, while its visit waits for an answer.
CREATE FUNCTION reviews_open_question(target uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT q.id FROM reviews_message q
    WHERE q.action_id = target AND q.kind = 'question'
      AND NOT EXISTS (SELECT FROM reviews_message m WHERE m.in_reply_to_id = q.id AND m.kind = 'answer')
      AND EXISTS (SELECT FROM reviews_item i WHERE i.action_id = target AND i.closed_at IS NULL AND i.question_open)
    ORDER BY q.number DESC LIMIT 1
$$;

-- Locks the action and tells its agent what the next step needs.
CREATE FUNCTION reviews_lock_own(action uuid)
RETURNS TABLE (state text, revision integer, digest bytea, case_seq bigint, case_head bytea, last_message integer,
               last_evidence integer, question uuid, at timestamptz)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM reviews_demand_own(reviews_lock_own.action);
    PERFORM FROM reviews_action a WHERE a.id = reviews_lock_own.action FOR NO KEY UPDATE;
    RETURN QUERY SELECT a.state::text, a.revision, a.digest, a.case_seq, a.case_head,
        (SELECT coalesce(max(m.number), 0) FROM reviews_message m WHERE m.action_id = a.id),
        (SELECT coalesce(max(e.number), 0) FROM reviews_evidence e WHERE e.action_id = a.id),
        reviews_open_question(a.id), clock_timestamp()
        FROM reviews_action a WHERE a.id = reviews_lock_own.action;
END $$;

-- Only the last step of the case: what was told lies in a row elsewhere (evidence, comment).
CREATE FUNCTION reviews_agent_touch(action uuid, case_seq bigint, case_head bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM reviews_demand_own(reviews_agent_touch.action);
    UPDATE reviews_action a SET case_seq = reviews_agent_touch.case_seq, case_head = reviews_agent_touch.case_head
        WHERE a.id = reviews_agent_touch.action;
END $$;

CREATE FUNCTION reviews_agent_withdraw(action uuid, case_seq bigint, case_head bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM reviews_demand_own(reviews_agent_withdraw.action);
    UPDATE reviews_action a SET state = 'withdrawn', case_seq = reviews_agent_withdraw.case_seq,
        case_head = reviews_agent_withdraw.case_head WHERE a.id = reviews_agent_withdraw.action;
    UPDATE reviews_item i SET closed_at = clock_timestamp(), version = i.version + 1
        WHERE i.action_id = reviews_agent_withdraw.action AND i.closed_at IS NULL AND i.purpose <> 'qa';
    PERFORM reviews_stamp_queues(reviews_agent_withdraw.action);
END $$;

-- The answer's message and revision are there already. Changed bytes keep the question open until they are routed.
CREATE FUNCTION reviews_agent_answer(action uuid, question uuid, revision integer, digest bytea, case_seq bigint,
                                     case_head bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE before reviews_action;
BEGIN
    PERFORM reviews_demand_own(reviews_agent_answer.action);
    SELECT * INTO before FROM reviews_action a WHERE a.id = reviews_agent_answer.action FOR NO KEY UPDATE;
    IF NOT EXISTS (
        SELECT FROM reviews_message m JOIN reviews_message q ON q.id = m.in_reply_to_id
        WHERE q.id = reviews_agent_answer.question AND q.action_id = before.id AND q.kind = 'question'
          AND m.kind = 'answer'
          AND NOT EXISTS (SELECT FROM reviews_message n
                          WHERE n.action_id = before.id AND n.kind = 'question' AND n.number > q.number))
       OR before.state <> 'pending' THEN
        RAISE EXCEPTION 'there is no such question to answer' USING ERRCODE = 'DK010';
    END IF;
    UPDATE reviews_action a SET revision = reviews_agent_answer.revision, digest = reviews_agent_answer.digest,
        case_seq = reviews_agent_answer.case_seq, case_head = reviews_agent_answer.case_head WHERE a.id = before.id;
    UPDATE reviews_item i
        SET question_open = i.question_open AND before.revision <> reviews_agent_answer.revision, version = i.version + 1
        WHERE i.action_id = before.id AND i.closed_at IS NULL;
    PERFORM reviews_stamp_queues(before.id);
END $$;

CREATE FUNCTION reviews_stamp_queues(target uuid) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE reviews_queuestamp s SET n = s.n + 1
    WHERE s.queue_id IN (SELECT i.queue_id FROM reviews_item i WHERE i.action_id = target)
$$;

-- Why it was decided so: the erasable text that its event committed to.
CREATE FUNCTION reviews_rationale(event uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT convert_from(c.body, 'UTF8')::jsonb ->> 1 FROM audit.content c
    WHERE c.event_id = event AND c.field = 'rationale' AND c.scheme = 0
$$;

-- What a run may know: what is final and past its undo window, and what it was asked. Nothing before.
CREATE FUNCTION reviews_outcomes(run uuid, actions uuid[] DEFAULT NULL)
RETURNS TABLE (action uuid, state text, revision integer, edited boolean, body bytea, verdict text, code text,
               rationale text, result bytea, question uuid, question_text text, note text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF reviews_run_principal(reviews_outcomes.run) IS NULL THEN
        RAISE EXCEPTION 'this is no run of yours' USING ERRCODE = 'DK002';
    END IF;
    RETURN QUERY
    SELECT a.id, a.state::text, a.revision, a.revision > 1, b.body, d.verdict::text, d.reason_code::text,
           reviews_rationale(d.event_id), t.result, q.id, reviews_text(qb.body), t.note::text
    FROM reviews_action a
    JOIN reviews_actiontype k ON k.name = a.type_id
    JOIN reviews_revision r ON r.action_id = a.id AND r.number = a.revision
    LEFT JOIN reviews_revisionbody b ON b.revision_id = r.id
    LEFT JOIN LATERAL (
        SELECT v.verdict, v.reason_code, v.event_id FROM reviews_decision v
        WHERE v.action_id = a.id AND v.revision = a.revision AND v.verdict IN ('approve', 'reject')
          AND a.state NOT IN ('pending', 'expired', 'withdrawn')
          AND NOT EXISTS (SELECT FROM reviews_retraction x WHERE x.decision_id = v.id)
        ORDER BY v.created_at DESC LIMIT 1) d ON true
    LEFT JOIN LATERAL (
        SELECT x.result, x.note FROM reviews_attempt x WHERE x.action_id = a.id ORDER BY x.fence DESC LIMIT 1) t ON true
    LEFT JOIN reviews_message q ON q.id = reviews_open_question(a.id) AND a.state = 'pending'
    LEFT JOIN reviews_messagebody qb ON qb.message_id = q.id
    WHERE a.run = reviews_outcomes.run AND (actions IS NULL OR a.id = ANY (actions))
      AND (q.id IS NOT NULL
           OR (a.state IN ('rejected', 'expired', 'withdrawn', 'succeeded', 'failed', 'reversed')
               AND coalesce(a.release_at <= clock_timestamp(), true))
           OR (a.state = 'approved' AND NOT k.has_handler AND a.release_at <= clock_timestamp()));
END $$;
