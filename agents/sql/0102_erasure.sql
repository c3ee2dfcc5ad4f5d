-- What a run remembers can be erased once it is over: journal, arguments, result. Its case and its rows stay.

-- Sealing adds at most 430 bytes to a row.
ALTER TABLE agents_journal DROP CONSTRAINT journal_result_size,
    ADD CONSTRAINT journal_result_size CHECK (octet_length(result) <= 65536 + 512);

CREATE OR REPLACE FUNCTION agents_guard_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'runnable' OR NEW.fence <> 0 OR NEW.steps <> 0 OR NEW.case_seq <> 1
           OR NEW.result IS NOT NULL OR NEW.waiting_on IS NOT NULL OR NEW.finished_at IS NOT NULL
           OR NOT audit.is_role('web', 'router', 'agent') THEN
            RAISE EXCEPTION 'a run is born runnable' USING ERRCODE = 'DK002';
        END IF;
        RETURN NEW;
    END IF;
    IF OLD.state IN ('finished', 'failed', 'cancelled') AND audit.is_role('web') AND NEW.title = '' AND NEW.args = '{}'
       AND NEW.result IS NULL AND NEW.error = '' AND NEW.blocked IS NULL
       AND NOT EXISTS (SELECT FROM agents_journal j WHERE j.run_id = NEW.id) AND (
           NEW.id, NEW.agent_id, NEW.agent_version, NEW.parent_id, NEW.forked_from_id, NEW.continues_id, NEW.frame,
           NEW.state, NEW.steps, NEW.fence, NEW.started_by_id, NEW.created_at, NEW.case_seq) IS NOT DISTINCT FROM (
           OLD.id, OLD.agent_id, OLD.agent_version, OLD.parent_id, OLD.forked_from_id, OLD.continues_id, OLD.frame,
           OLD.state, OLD.steps, OLD.fence, OLD.started_by_id, OLD.created_at, OLD.case_seq) THEN
        RETURN NEW;  -- its texts were erased; COMMIT asks for the event that says so
    END IF;
    IF (NEW.id, NEW.agent_id, NEW.agent_version, NEW.parent_id, NEW.forked_from_id, NEW.continues_id, NEW.title,
        NEW.args, NEW.frame, NEW.started_by_id, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.agent_id, OLD.agent_version, OLD.parent_id, OLD.forked_from_id, OLD.continues_id, OLD.title,
        OLD.args, OLD.frame, OLD.started_by_id, OLD.created_at) THEN
        RAISE EXCEPTION 'what run % was started with does not change', OLD.id USING ERRCODE = 'DK003';
    END IF;
    IF NEW.fence < OLD.fence OR NEW.fence > OLD.fence + 1 OR NEW.steps < OLD.steps THEN
        RAISE EXCEPTION 'the fence of run % goes up by one', OLD.id USING ERRCODE = 'DK005';
    END IF;
    IF NEW.state <> OLD.state AND NOT (CASE OLD.state || ' ' || NEW.state
        WHEN 'runnable running' THEN audit.is_role('agent')
        WHEN 'running parked' THEN audit.is_role('agent')
        WHEN 'running runnable' THEN audit.is_role('agent')
        WHEN 'running finished' THEN audit.is_role('agent')
        WHEN 'running failed' THEN audit.is_role('agent')
        WHEN 'running blocked' THEN audit.is_role('agent')
        WHEN 'parked runnable' THEN audit.is_role('router')
        WHEN 'runnable cancelled' THEN audit.is_role('web')
        WHEN 'running cancelled' THEN audit.is_role('web')
        WHEN 'parked cancelled' THEN audit.is_role('web')
        WHEN 'blocked cancelled' THEN audit.is_role('web')
        ELSE false END) THEN
        RAISE EXCEPTION 'run %: % -> % is no edge for %', OLD.id, OLD.state, NEW.state, audit.role()
            USING ERRCODE = 'DK009';
    END IF;
    IF NEW.state IN ('finished', 'failed', 'blocked', 'cancelled') AND NEW.state <> OLD.state
       AND NEW.case_seq <> OLD.case_seq + 1 THEN
        RAISE EXCEPTION 'the end of run % needs its event', OLD.id USING ERRCODE = 'AU007';
    END IF;
    RETURN NEW;
END $$;

-- The only way into the journal. A row that names an action or a child must name one of this run.
CREATE OR REPLACE FUNCTION agents_append(
    run uuid, fence bigint, seq integer, kind text, name text, args_digest bytea, result bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE r agents_run := agents_hold(run, fence);
BEGIN
    IF seq > 10000 OR octet_length(result) = 0 OR octet_length(result) > 65536 + 512 * (get_byte(result, 0) = 1)::integer THEN
        RAISE EXCEPTION 'a journal has 10000 rows of 65536 bytes at most' USING ERRCODE = 'AG001';
    END IF;
    IF seq <> r.steps + 1 THEN
        RAISE EXCEPTION 'run % has % rows: row % does not follow', run, r.steps, seq USING ERRCODE = 'AG002';
    END IF;
    IF kind = 'propose' AND NOT EXISTS (
            SELECT FROM reviews_action a WHERE a.run = agents_append.run
              AND a.id::text = convert_from(agents_append.result, 'UTF8')::jsonb->>'action')
       AND convert_from(result, 'UTF8')::jsonb ? 'action' THEN
        RAISE EXCEPTION 'the action in row % is not of run %', seq, run USING ERRCODE = 'AG003';
    END IF;
    IF kind = 'child' AND NOT EXISTS (
            SELECT FROM agents_run c WHERE c.parent_id = agents_append.run
              AND c.id::text = convert_from(agents_append.result, 'UTF8')::jsonb->>'run') THEN
        RAISE EXCEPTION 'the run in row % is no child of run %', seq, run USING ERRCODE = 'AG003';
    END IF;
    IF kind = 'answer' AND NOT EXISTS (
            SELECT FROM reviews_message m JOIN agents_journal j ON j.run_id = agents_append.run AND j.kind = 'propose'
              AND convert_from(j.result, 'UTF8')::jsonb->>'action' = m.action_id::text
            WHERE m.id::text = agents_append.name) THEN
        RAISE EXCEPTION 'the question in row % is not about an action of run %', seq, run USING ERRCODE = 'AG003';
    END IF;
    INSERT INTO agents_journal (run_id, seq, kind, name, args_digest, result, at)
    VALUES (run, seq, kind, name, args_digest, result, clock_timestamp());
    UPDATE agents_run a SET steps = agents_append.seq, stalls = 0,
        lease_until = clock_timestamp() + make_interval(secs => a.lease) WHERE a.id = run;
END $$;

-- Runs as who deletes: only the erase function, on behalf of web, is both the table's owner and not its login.
CREATE FUNCTION agents_journal_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND audit.is_role('web') AND EXISTS (
        SELECT FROM pg_class c WHERE c.oid = TG_RELID AND pg_get_userbyid(c.relowner) = current_user) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'DK001';
END $$;
DROP TRIGGER agents_no_change_journal ON agents_journal;
CREATE TRIGGER agents_no_change_journal BEFORE UPDATE OR DELETE ON agents_journal
    FOR EACH ROW EXECUTE FUNCTION agents_journal_erased();
ALTER TABLE agents_journal ENABLE ALWAYS TRIGGER agents_no_change_journal;

-- `event` is the one with which the run began. True if there was something to erase.
CREATE FUNCTION agents_erase(event uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    target agents_run;
    had boolean;
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
    had := target.title <> '' OR target.args <> '{}' OR target.result IS NOT NULL OR target.error <> ''
        OR EXISTS (SELECT FROM agents_journal j WHERE j.run_id = target.id);
    DELETE FROM agents_journal j WHERE j.run_id = target.id;
    UPDATE agents_run r SET title = '', args = '{}', result = NULL, error = '', blocked = NULL WHERE r.id = target.id;
    RETURN had;
END $$;

CREATE FUNCTION agents_erasure_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    its_run uuid := CASE TG_TABLE_NAME WHEN 'agents_run' THEN (to_jsonb(OLD) ->> 'id')::uuid
                                       ELSE (to_jsonb(OLD) ->> 'run_id')::uuid END;
BEGIN
    IF NOT EXISTS (SELECT FROM audit.event e WHERE e.case_id = 'run:' || its_run AND e.case_seq = 1
                   AND audit.attests_erasure(e.id, 'journal')) THEN
        RAISE EXCEPTION 'what a run remembers was erased, and no event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER agents_journal_told AFTER DELETE ON agents_journal
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agents_erasure_told();
CREATE CONSTRAINT TRIGGER agents_run_told AFTER UPDATE OF args, title ON agents_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.args IS DISTINCT FROM NEW.args OR OLD.title IS DISTINCT FROM NEW.title)
    EXECUTE FUNCTION agents_erasure_told();
ALTER TABLE agents_journal ENABLE ALWAYS TRIGGER agents_journal_told;
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_run_told;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'agents\_%' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
