-- What a run resumes with carries the receipts of the decision, so that a copy leaves the database without being asked for.

-- Receipts for votes, retractions and edits on actions that stand in this run's journal, in the order of each case.
CREATE FUNCTION agents_decision_receipts(run uuid, fence bigint, actions uuid[]) RETURNS TABLE (action uuid, note text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF EXISTS (SELECT FROM unnest(actions) AS w(id) WHERE NOT EXISTS (
            SELECT FROM agents_journal j WHERE j.run_id = agents_decision_receipts.run AND j.kind = 'propose'
              AND convert_from(j.result, 'UTF8')::jsonb->>'action' = w.id::text)) THEN
        RAISE EXCEPTION 'run % has no such action', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY
        SELECT w.id, r.note FROM unnest(actions) AS w(id)
        JOIN audit.event e ON e.case_id = 'action:' || w.id
            AND e.name IN ('decision.recorded', 'decision.retracted', 'action.edited')
        JOIN audit.receipt r ON r.event_id = e.id
        ORDER BY w.id, e.case_seq;
END $$;
REVOKE ALL ON FUNCTION agents_decision_receipts(uuid, bigint, uuid[]) FROM PUBLIC;
