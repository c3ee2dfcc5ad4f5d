-- Of several people each votes alone, and an agent could pass on that somebody has: while its action waits for another vote,
-- receipts for verdicts on it stay away. They come with the outcome.

CREATE FUNCTION agents_receipts_of(action_of uuid) RETURNS TABLE (case_seq bigint, name text, note text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.case_seq, e.name, r.note FROM reviews_action a
    JOIN audit.event e ON e.case_id = 'action:' || a.id
    JOIN audit.receipt r ON r.event_id = e.id
    LEFT JOIN reviews_decision d ON d.event_id = e.id
    WHERE a.id = action_of AND NOT (a.needed > 1 AND a.state = 'pending'
        AND (coalesce(d.verdict IN ('approve', 'reject'), false) OR e.name = 'decision.retracted'))
$$;
REVOKE ALL ON FUNCTION agents_receipts_of(uuid) FROM PUBLIC;

CREATE OR REPLACE FUNCTION agents_receipts(run uuid, fence bigint, action uuid) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF NOT EXISTS (SELECT FROM agents_journal j WHERE j.run_id = agents_receipts.run AND j.kind = 'propose'
                     AND convert_from(j.result, 'UTF8')::jsonb->>'action' = action::text) THEN
        RAISE EXCEPTION 'run % has no such action', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY SELECT o.note FROM agents_receipts_of(action) o ORDER BY o.case_seq;
END $$;

-- Receipts for votes, retractions and edits on actions that stand in this run's journal, in the order of each case.
CREATE FUNCTION agents_decision_receipts(run uuid, fence bigint, actions uuid[])
RETURNS TABLE (action uuid, note text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF EXISTS (SELECT FROM unnest(actions) AS w(id) WHERE NOT EXISTS (
            SELECT FROM agents_journal j WHERE j.run_id = agents_decision_receipts.run AND j.kind = 'propose'
              AND convert_from(j.result, 'UTF8')::jsonb->>'action' = w.id::text)) THEN
        RAISE EXCEPTION 'run % has no such action', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY
        SELECT w.id, o.note FROM unnest(actions) AS w(id), LATERAL agents_receipts_of(w.id) o
        WHERE o.name IN ('decision.recorded', 'decision.retracted', 'action.edited')
        ORDER BY w.id, o.case_seq;
END $$;
REVOKE ALL ON FUNCTION agents_decision_receipts(uuid, bigint, uuid[]) FROM PUBLIC;
