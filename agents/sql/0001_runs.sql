-- Runs. Agent logins have no right on these tables: they act through the functions below, each of
-- which looks at the login's group first. Every function pins its search_path.

-- The group this login proposes for; NULL where the login is no agent's.
CREATE FUNCTION agents_group() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE WHEN l.role = 'agent' THEN 'main' ELSE substr(l.role, 7) END
    FROM audit.login l WHERE l.login = session_user AND l.role LIKE 'agent%'
$$;

-- Whether this login may act for the run's agent.
CREATE FUNCTION agents_mine(principal uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT audit.role() = 'one' OR EXISTS (
        SELECT FROM reviews_principal p WHERE p.id = principal AND p."group" = agents_group())
$$;

-- Locks a run for its runner: own group, running, current fence.
CREATE FUNCTION agents_hold(run uuid, fence bigint) RETURNS agents_run
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE r agents_run;
BEGIN
    SELECT * INTO r FROM agents_run a WHERE a.id = run FOR UPDATE;
    IF r.id IS NULL OR NOT agents_mine(r.agent_id) THEN
        RAISE EXCEPTION 'no run % of this login''s group', run USING ERRCODE = 'DK002';
    END IF;
    IF r.state <> 'running' OR r.fence <> agents_hold.fence THEN
        RAISE EXCEPTION 'run % is no longer held with fence %', run, agents_hold.fence USING ERRCODE = 'DK005';
    END IF;
    RETURN r;
END $$;

-- The oldest runnable run that this worker has code for, or one whose runner went silent.
CREATE FUNCTION agents_lease(names text[], versions text[], worker text, seconds double precision, only_run uuid)
RETURNS TABLE (run uuid, agent text, version text, principal uuid, title text, args jsonb, fence bigint,
    steps integer, stalls integer, case_seq bigint, case_head bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE chosen uuid;
BEGIN
    IF NOT (seconds > 0 AND seconds <= 900) THEN
        RAISE EXCEPTION 'a lease lasts up to 900 seconds' USING ERRCODE = 'AG003';
    END IF;
    SELECT r.id INTO chosen
    FROM agents_run r JOIN reviews_principal p ON p.id = r.agent_id
    WHERE (r.state = 'runnable' OR (r.state = 'running' AND r.lease_until < clock_timestamp()))
      AND (only_run IS NULL OR r.id = only_run)
      AND (p."group" = agents_group() OR audit.role() = 'one')
      AND EXISTS (SELECT FROM unnest(names, versions) AS have(name, version)
                  WHERE have.name = p.name AND have.version = r.agent_version)
    ORDER BY r.wake_at, r.id LIMIT 1
    FOR UPDATE OF r SKIP LOCKED;
    RETURN QUERY UPDATE agents_run r SET
        state = 'running', fence = r.fence + 1, lease = seconds, waiting_on = NULL,
        lease_until = clock_timestamp() + make_interval(secs => seconds), worker = agents_lease.worker,
        stalls = CASE WHEN r.state = 'running' THEN r.stalls + 1 ELSE r.stalls END
        FROM reviews_principal p WHERE r.id = chosen AND p.id = r.agent_id
        RETURNING r.id, p.name::text, r.agent_version::text, r.agent_id, r.title::text, r.args, r.fence,
            r.steps, r.stalls::integer, r.case_seq, r.case_head;
END $$;

CREATE FUNCTION agents_read_journal(run uuid, fence bigint)
RETURNS TABLE (seq integer, kind text, name text, args_digest bytea, result bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    RETURN QUERY SELECT j.seq, j.kind::text, j.name::text, j.args_digest, j.result
        FROM agents_journal j WHERE j.run_id = agents_read_journal.run ORDER BY j.seq;
END $$;

-- The only way into the journal. A row that names an action or a child must name one of this run.
CREATE FUNCTION agents_append(
    run uuid, fence bigint, seq integer, kind text, name text, args_digest bytea, result bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE r agents_run := agents_hold(run, fence);
BEGIN
    IF seq > 10000 OR octet_length(result) > 65536 THEN
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

CREATE FUNCTION agents_renew(run uuid, fence bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    UPDATE agents_run a SET lease_until = clock_timestamp() + make_interval(secs => a.lease) WHERE a.id = run;
END $$;

-- A run that its worker gives back unfinished (it is shutting down) goes on elsewhere at once.
CREATE FUNCTION agents_give_back(run uuid, fence bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    UPDATE agents_run a SET state = 'runnable', lease_until = NULL, wake_at = clock_timestamp() WHERE a.id = run;
END $$;

-- Whether an action has an answer for its run: final, and not before its release. As in reviews_outcomes.
CREATE FUNCTION agents_settled(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(a.release_at <= clock_timestamp(), true)
       AND (a.state IN ('rejected', 'expired', 'withdrawn', 'succeeded', 'failed', 'reversed')
            OR (a.state = 'approved' AND NOT (SELECT t.has_handler FROM reviews_actiontype t WHERE t.name = a.type_id)))
$$;

-- The last run of a chain of continuations: what a parent waits for.
CREATE FUNCTION agents_last(run uuid) RETURNS agents_run
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH RECURSIVE chain AS (
        SELECT r.*, 1 AS link FROM agents_run r WHERE r.id = run
        UNION ALL SELECT n.*, c.link + 1 FROM chain c JOIN agents_run n ON n.continues_id = c.id)
    SELECT r FROM agents_run r JOIN chain c ON c.id = r.id ORDER BY c.link DESC LIMIT 1
$$;

-- The question of a pending action that waits for an answer. As in reviews_outcomes.
CREATE FUNCTION agents_question(action uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_open_question(a.id) FROM reviews_action a WHERE a.id = action AND a.state = 'pending'
$$;

-- Whether what a run waits for has come.
CREATE FUNCTION agents_satisfied(waiting jsonb, due timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted uuid[] := ARRAY(SELECT jsonb_array_elements_text(waiting->'on')::uuid);
    answered bigint;
BEGIN
    IF waiting->>'mode' = 'timer' THEN
        RETURN due <= clock_timestamp();
    END IF;
    SELECT count(*) INTO answered FROM (
        SELECT a.id FROM reviews_action a WHERE a.id = ANY (wanted) AND agents_settled(a)
        UNION ALL
        SELECT c.id FROM agents_run c, agents_last(c.id) AS l
        WHERE c.id = ANY (wanted) AND l.state IN ('finished', 'failed', 'cancelled')) AS ends;
    RETURN answered >= CASE WHEN waiting->>'mode' = 'all' THEN cardinality(wanted) ELSE 1 END
        OR (waiting->'asked' = 'true' AND EXISTS (
            SELECT FROM unnest(wanted) AS w(id), agents_question(w.id) AS q(id)
            WHERE q.id IS NOT NULL AND NOT waiting->'seen' ? q.id::text));
END $$;

-- Parks a run, or makes it runnable again if what it waits for came meanwhile. The shared locks make
-- the look exact: a change in flight is waited for, a later one finds the run parked.
CREATE FUNCTION agents_park(run uuid, fence bigint, waiting jsonb, due timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted uuid[] := ARRAY(SELECT jsonb_array_elements_text(waiting->'on')::uuid);
    new_state text := 'parked';
    look_at timestamptz;
BEGIN
    PERFORM agents_hold(run, fence);
    -- What stands in its journal and nothing else: to wait is to lock for a moment, and to learn the end.
    IF EXISTS (SELECT w.id::text FROM unnest(wanted) AS w(id)
            EXCEPT SELECT coalesce(v.said->>'action', v.said->>'run') FROM agents_journal j
            CROSS JOIN LATERAL (SELECT convert_from(j.result, 'UTF8')::jsonb AS said) AS v
            WHERE j.run_id = agents_park.run AND j.kind IN ('propose', 'child')) THEN
        RAISE EXCEPTION 'run % waits for something that it did not start', run USING ERRCODE = 'AG003';
    END IF;
    PERFORM FROM reviews_action a WHERE a.id = ANY (wanted) ORDER BY a.id FOR SHARE;
    PERFORM FROM agents_run c WHERE c.id IN (
        SELECT l.id FROM agents_run w, agents_last(w.id) AS l WHERE w.id = ANY (wanted)) ORDER BY c.id FOR SHARE;
    IF agents_satisfied(waiting, due) THEN
        new_state := 'runnable';
        look_at := clock_timestamp();
    ELSE
        SELECT least(due, min(a.release_at)) INTO look_at FROM reviews_action a
        WHERE a.id = ANY (wanted) AND a.release_at > clock_timestamp() AND (a.state <> 'approved' OR NOT (
            SELECT t.has_handler FROM reviews_actiontype t WHERE t.name = a.type_id));
    END IF;
    UPDATE agents_run a SET state = new_state, waiting_on = waiting, wake_at = look_at, lease_until = NULL
    WHERE a.id = run;
    RETURN new_state;
END $$;

CREATE FUNCTION agents_close(
    run uuid, fence bigint, new_state text, result bytea, error text, blocked jsonb, seq bigint, head bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF new_state NOT IN ('finished', 'failed', 'blocked') OR octet_length(result) > 65536 THEN
        RAISE EXCEPTION 'a runner ends a run as finished, failed or blocked' USING ERRCODE = 'AG003';
    END IF;
    UPDATE agents_run a SET state = new_state, result = agents_close.result, error = agents_close.error,
        blocked = agents_close.blocked, finished_at = clock_timestamp(), lease_until = NULL, wake_at = NULL,
        case_seq = agents_close.seq, case_head = agents_close.head
    WHERE a.id = run;
END $$;

-- A run started by a run: its agent must be one that the parent's agent may start.
CREATE FUNCTION agents_child(
    run uuid, fence bigint, child uuid, agent text, args jsonb, title text, head bytea,
    OUT version text, OUT principal uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE parent agents_run := agents_hold(run, fence);
BEGIN
    SELECT p.version, p.id INTO version, principal FROM reviews_principal p
    JOIN agents_agent me ON me.principal_id = parent.agent_id
    WHERE p.name = agent AND p.active AND me.starts ? agent;
    IF principal IS NULL THEN
        RAISE EXCEPTION 'run % may not start the agent %', run, agent USING ERRCODE = 'AG003';
    END IF;
    INSERT INTO agents_run (id, agent_id, agent_version, parent_id, title, args, frame, state, wake_at,
        started_by_id, case_seq, case_head)
    VALUES (child, principal, version, run, title, args, parent.frame, 'runnable', clock_timestamp(),
        parent.started_by_id, 1, head);
END $$;

-- The same agent goes on with a fresh journal; the caller closes the old run in the same transaction.
CREATE FUNCTION agents_continue(run uuid, fence bigint, next_run uuid, args jsonb, head bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE old agents_run := agents_hold(run, fence);
BEGIN
    IF EXISTS (SELECT FROM agents_run n WHERE n.continues_id = run) THEN
        RAISE EXCEPTION 'run % goes on in one run, not in two', run USING ERRCODE = 'AG003';
    END IF;
    INSERT INTO agents_run (id, agent_id, agent_version, parent_id, continues_id, title, args, frame, state,
        wake_at, started_by_id, case_seq, case_head)
    VALUES (next_run, old.agent_id, old.agent_version, old.parent_id, run, old.title, agents_continue.args, old.frame,
        'runnable', clock_timestamp(), old.started_by_id, 1, head);
END $$;

-- What became of actions that stand in this run's journal; an id that does not is an error.
CREATE FUNCTION agents_outcomes(run uuid, fence bigint, actions uuid[])
RETURNS TABLE (action uuid, settled boolean, state text, edited boolean, body bytea, code text, rationale text,
    result bytea, note text, question uuid, question_text text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF EXISTS (SELECT FROM unnest(actions) AS w(id) WHERE NOT EXISTS (
            SELECT FROM agents_journal j WHERE j.run_id = agents_outcomes.run AND j.kind = 'propose'
              AND convert_from(j.result, 'UTF8')::jsonb->>'action' = w.id::text)) THEN
        RAISE EXCEPTION 'run % has no such action', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY
        SELECT a.id, agents_settled(a), o.state, o.edited, o.body, o.code, o.rationale, o.result, o.note,
               o.question, o.question_text
        FROM (SELECT DISTINCT b.run FROM reviews_action b WHERE b.id = ANY (actions)) AS origin
        CROSS JOIN LATERAL reviews_outcomes(origin.run, actions) AS o
        JOIN reviews_action a ON a.id = o.action;
END $$;

-- What became of runs that this run started.
CREATE FUNCTION agents_child_outcomes(run uuid, fence bigint, children uuid[])
RETURNS TABLE (child uuid, state text, result bytea, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM agents_hold(run, fence);
    IF EXISTS (SELECT FROM unnest(children) AS w(id) WHERE NOT EXISTS (
            SELECT FROM agents_journal j WHERE j.run_id = agents_child_outcomes.run AND j.kind = 'child'
              AND convert_from(j.result, 'UTF8')::jsonb->>'run' = w.id::text)) THEN
        RAISE EXCEPTION 'run % has no such child', run USING ERRCODE = 'AG003';
    END IF;
    RETURN QUERY SELECT w.id, l.state::text, l.result, l.error::text
        FROM unnest(children) AS w(id), agents_last(w.id) AS l
        WHERE l.state IN ('finished', 'failed', 'cancelled');
END $$;

-- The keeper's: turns news and clocks into runnable runs. Returns how many.
CREATE FUNCTION agents_wake(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    told uuid[];
    woken integer;
BEGIN
    IF NOT audit.is_role('router') THEN
        RAISE EXCEPTION 'only the keeper wakes runs' USING ERRCODE = 'DK002';
    END IF;
    WITH gone AS (
        DELETE FROM agents_news n WHERE n.id IN (
            SELECT d.id FROM agents_news d WHERE d.at <= clock_timestamp() ORDER BY d.id LIMIT most
            FOR UPDATE SKIP LOCKED)
        RETURNING n.target)
    SELECT array_agg(DISTINCT g.target) INTO told FROM gone g;
    WITH due AS (
        SELECT r.id FROM agents_run r WHERE r.state = 'parked' AND r.wake_at <= clock_timestamp()
        UNION
        SELECT r.id FROM unnest(told) AS t(id) JOIN agents_run r
            ON r.state = 'parked' AND r.waiting_on->'on' @> to_jsonb(ARRAY[t.id]::text[])
        WHERE agents_satisfied(r.waiting_on, r.wake_at)),
    held AS (
        SELECT r.id FROM agents_run r WHERE r.id IN (SELECT d.id FROM due d) AND r.state = 'parked'
        ORDER BY r.id FOR UPDATE)
    UPDATE agents_run r SET state = 'runnable', wake_at = clock_timestamp() FROM held h WHERE r.id = h.id;
    GET DIAGNOSTICS woken = ROW_COUNT;
    RETURN woken;
END $$;

-- A person's: a new run whose journal begins with the first rows of another's.
CREATE FUNCTION agents_copy_journal(source uuid, target uuid, rows integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE fresh agents_run;
BEGIN
    SELECT * INTO fresh FROM agents_run r WHERE r.id = target FOR UPDATE;
    IF NOT audit.is_role('web') OR fresh.forked_from_id IS DISTINCT FROM source OR fresh.steps <> 0
       OR fresh.state <> 'runnable' OR fresh.created_at < transaction_timestamp() THEN
        RAISE EXCEPTION 'only a fork, at its birth, takes over a journal' USING ERRCODE = 'DK002';
    END IF;
    IF rows < 0 OR rows > (SELECT s.steps FROM agents_run s WHERE s.id = source) THEN
        RAISE EXCEPTION 'run % has no row %', source, rows USING ERRCODE = 'AG003';
    END IF;
    INSERT INTO agents_journal (run_id, seq, kind, name, args_digest, result, at)
    SELECT target, j.seq, j.kind, j.name, j.args_digest, j.result, j.at
    FROM agents_journal j WHERE j.run_id = source AND j.seq <= rows;
    UPDATE agents_run r SET steps = rows WHERE r.id = target;
END $$;

-- The desk's hooks: whose run it is, and what the person who started it allowed.
CREATE OR REPLACE FUNCTION reviews_run_principal(run uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE r agents_run;
BEGIN
    SELECT * INTO r FROM agents_run a WHERE a.id = run;
    IF audit.role() = 'agent' AND (r.id IS NULL OR NOT agents_mine(r.agent_id)) THEN
        RAISE EXCEPTION 'run % is not of this login''s group', run USING ERRCODE = 'DK002';
    END IF;
    RETURN r.agent_id;
END $$;

-- The version of the code that runs, which is not always the newest: levels are given to versions.
CREATE OR REPLACE FUNCTION reviews_run_version(run uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT a.agent_version FROM agents_run a WHERE a.id = run
$$;

CREATE OR REPLACE FUNCTION reviews_run_frame(run uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce((SELECT a.frame FROM agents_run a WHERE a.id = run), '{}'::jsonb)
$$;
