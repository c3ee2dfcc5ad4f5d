-- What a run is started with and ends with may lie sealed. The limits hold for what is plain; sealing adds a little.

DROP TRIGGER agents_run_told ON agents_run;  -- it names a column whose type changes
ALTER TABLE agents_run
    ALTER COLUMN title TYPE text, ALTER COLUMN error TYPE text,
    ADD CONSTRAINT run_title_size CHECK (char_length(title) <= CASE left(title, 1) WHEN E'\x01' THEN 1600 ELSE 200 END),
    ADD CONSTRAINT run_error_size CHECK (char_length(error) <= CASE left(error, 1) WHEN E'\x01' THEN 24000 ELSE 4000 END);

CREATE CONSTRAINT TRIGGER agents_run_told AFTER UPDATE OF args, title ON agents_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.args IS DISTINCT FROM NEW.args OR OLD.title IS DISTINCT FROM NEW.title)
    EXECUTE FUNCTION agents_erasure_told();
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_run_told;

CREATE OR REPLACE FUNCTION agents_close(
    run uuid, fence bigint, new_state text, result bytea, error text, blocked jsonb, seq bigint, head bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF new_state NOT IN ('finished', 'failed', 'blocked')
       OR octet_length(result) = 0 OR octet_length(result) > 65536 + 512 * (get_byte(result, 0) = 1)::integer THEN
        RAISE EXCEPTION 'a runner ends a run as finished, failed or blocked' USING ERRCODE = 'AG003';
    END IF;
    UPDATE agents_run a SET state = new_state, result = agents_close.result, error = agents_close.error,
        blocked = agents_close.blocked, finished_at = clock_timestamp(), lease_until = NULL, wake_at = NULL,
        case_seq = agents_close.seq, case_head = agents_close.head
    WHERE a.id = run;
END $$;

-- As before, but the title is given anew: a sealed one belongs to the run that it was sealed for.
CREATE FUNCTION agents_continue(run uuid, fence bigint, next_run uuid, args jsonb, title text, head bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE old agents_run := agents_hold(run, fence);
BEGIN
    IF EXISTS (SELECT FROM agents_run n WHERE n.continues_id = run) THEN
        RAISE EXCEPTION 'run % goes on in one run, not in two', run USING ERRCODE = 'AG003';
    END IF;
    INSERT INTO agents_run (id, agent_id, agent_version, parent_id, continues_id, title, args, frame, state,
        wake_at, started_by_id, case_seq, case_head)
    VALUES (next_run, old.agent_id, old.agent_version, old.parent_id, run, agents_continue.title, agents_continue.args,
        old.frame, 'runnable', clock_timestamp(), old.started_by_id, 1, head);
END $$;
REVOKE ALL ON FUNCTION agents_continue(uuid, bigint, uuid, jsonb, text, bytea) FROM PUBLIC;
