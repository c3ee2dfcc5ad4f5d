-- What a hold on an action keeps lies in its run's memory too: arguments, results, the payload as it was proposed.

-- The hold that keeps what this run remembers, because it keeps an action that the run proposed.
CREATE FUNCTION agents_held(run uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT h.hold FROM reviews_action a, LATERAL (SELECT audit.held('action:' || a.id) AS hold) h
    WHERE a.run = agents_held.run AND h.hold IS NOT NULL LIMIT 1
$$;
REVOKE ALL ON FUNCTION agents_held(uuid) FROM PUBLIC;

-- `event` is the one with which the run began. True if there was something to erase.
CREATE OR REPLACE FUNCTION agents_erase(event uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    target agents_run;
    had boolean;
    hold uuid;
BEGIN
    PERFORM audit.demand_erasable(event, 'journal');
    SELECT r.* INTO target FROM agents_run r JOIN audit.event e ON e.case_id = 'run:' || r.id
        WHERE e.id = agents_erase.event AND e.case_seq = 1 FOR NO KEY UPDATE OF r;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF target.state NOT IN ('finished', 'failed', 'cancelled') THEN
        RAISE EXCEPTION 'the texts of a run are erased once it is over' USING ERRCODE = 'DK001';
    END IF;
    hold := agents_held(target.id);
    IF hold IS NOT NULL THEN
        RAISE EXCEPTION 'an action of run % is under legal hold %', target.id, hold USING ERRCODE = 'AU008';
    END IF;
    had := target.title <> '' OR target.args <> '{}' OR target.result IS NOT NULL OR target.error <> ''
        OR EXISTS (SELECT FROM agents_journal j WHERE j.run_id = target.id);
    DELETE FROM agents_journal j WHERE j.run_id = target.id;
    UPDATE agents_run r SET title = '', args = '{}', result = NULL, error = '', blocked = NULL WHERE r.id = target.id;
    RETURN had;
END $$;
