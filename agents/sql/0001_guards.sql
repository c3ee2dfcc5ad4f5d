-- What a run may become, and what may never change. All triggers are ENABLE ALWAYS.

ALTER TABLE agents_run
    ALTER COLUMN title SET DEFAULT '', ALTER COLUMN args SET DEFAULT '{}', ALTER COLUMN frame SET DEFAULT '{}',
    ALTER COLUMN state SET DEFAULT 'runnable', ALTER COLUMN steps SET DEFAULT 0, ALTER COLUMN stalls SET DEFAULT 0,
    ALTER COLUMN fence SET DEFAULT 0, ALTER COLUMN lease SET DEFAULT 60, ALTER COLUMN worker SET DEFAULT '',
    ALTER COLUMN error SET DEFAULT '', ALTER COLUMN created_at SET DEFAULT clock_timestamp();

ALTER TABLE agents_journal
    ADD CONSTRAINT journal_result_size CHECK (octet_length(result) <= 65536),
    ADD CONSTRAINT journal_digest CHECK (octet_length(args_digest) = 32),
    ADD CONSTRAINT journal_kind CHECK (kind IN
        ('step', 'propose', 'wait', 'child', 'answer', 'now', 'random', 'timer', 'patched'));

-- agents_wake: parked runs by what they wait for.
CREATE INDEX run_waiting ON agents_run USING gin ((waiting_on->'on') jsonb_path_ops) WHERE state = 'parked';

CREATE FUNCTION agents_guard_run() RETURNS trigger
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
CREATE TRIGGER agents_guard_run BEFORE INSERT OR UPDATE ON agents_run
    FOR EACH ROW EXECUTE FUNCTION agents_guard_run();
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_guard_run;

-- The log speaks of open runs and of the four ways they end.
CREATE FUNCTION agents_logged(state text) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE WHEN state IN ('runnable', 'running', 'parked') THEN 'open' ELSE state END
$$;

CREATE FUNCTION agents_attest_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    before text := CASE WHEN TG_OP = 'UPDATE' THEN agents_logged(OLD.state) END;
    now_is text := agents_logged(NEW.state);
BEGIN
    -- Else one run could go on as any number of runs, each with a frame of its own to use up.
    IF TG_OP = 'INSERT' AND NEW.continues_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM agents_run r WHERE r.id = NEW.continues_id AND (r.state = 'finished'
                OR (r.state = 'cancelled' AND NEW.forked_from_id = r.id))) THEN
        RAISE EXCEPTION 'run % goes on elsewhere before it has ended', NEW.continues_id USING ERRCODE = 'DK002';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.case_seq = OLD.case_seq AND before = now_is THEN
        RETURN NULL;
    END IF;
    IF NOT audit.attests('run:' || NEW.id, NEW.case_seq, NEW.case_head,
                         CASE WHEN before IS DISTINCT FROM now_is THEN before END,
                         CASE WHEN before IS DISTINCT FROM now_is THEN now_is END) THEN
        RAISE EXCEPTION 'run %: no event for % -> %', NEW.id, before, now_is USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER agents_attest_run AFTER INSERT OR UPDATE OF state, case_seq, case_head ON agents_run
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION agents_attest_run();
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_attest_run;

CREATE FUNCTION agents_refuse() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'DK001';
END $$;
CREATE TRIGGER agents_no_delete_run BEFORE DELETE ON agents_run FOR EACH ROW EXECUTE FUNCTION agents_refuse();
CREATE TRIGGER agents_no_truncate_run BEFORE TRUNCATE ON agents_run FOR EACH STATEMENT EXECUTE FUNCTION agents_refuse();
CREATE TRIGGER agents_no_change_journal BEFORE UPDATE OR DELETE ON agents_journal
    FOR EACH ROW EXECUTE FUNCTION agents_refuse();
CREATE TRIGGER agents_no_truncate_journal BEFORE TRUNCATE ON agents_journal
    FOR EACH STATEMENT EXECUTE FUNCTION agents_refuse();
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_no_delete_run;
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_no_truncate_run;
ALTER TABLE agents_journal ENABLE ALWAYS TRIGGER agents_no_change_journal;
ALTER TABLE agents_journal ENABLE ALWAYS TRIGGER agents_no_truncate_journal;

-- An agent proposes while its run is running, not before and not after.
CREATE FUNCTION agents_only_running() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF audit.role() = 'agent' AND NOT EXISTS (
            SELECT FROM agents_run r WHERE r.id = NEW.run AND r.state = 'running') THEN
        RAISE EXCEPTION 'run % is not running', NEW.run USING ERRCODE = 'DK002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agents_only_running BEFORE INSERT ON reviews_action
    FOR EACH ROW EXECUTE FUNCTION agents_only_running();
ALTER TABLE reviews_action ENABLE ALWAYS TRIGGER agents_only_running;

-- News for waiting runs, in the transaction of what happened.
CREATE FUNCTION agents_tell_action() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO agents_news (target, at) VALUES (NEW.id, greatest(NEW.release_at, clock_timestamp()));
    RETURN NULL;
END $$;
CREATE TRIGGER agents_news_action AFTER UPDATE OF state ON reviews_action FOR EACH ROW
    WHEN (NEW.run IS NOT NULL AND NEW.state <> OLD.state
          AND NEW.state IN ('approved', 'rejected', 'expired', 'withdrawn', 'succeeded', 'failed'))
    EXECUTE FUNCTION agents_tell_action();
ALTER TABLE reviews_action ENABLE ALWAYS TRIGGER agents_news_action;

CREATE FUNCTION agents_tell_question() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO agents_news (target, at) SELECT NEW.action_id, clock_timestamp()
    FROM reviews_action a WHERE a.id = NEW.action_id AND a.run IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER agents_news_question AFTER INSERT ON reviews_message FOR EACH ROW
    WHEN (NEW.kind = 'question') EXECUTE FUNCTION agents_tell_question();
ALTER TABLE reviews_message ENABLE ALWAYS TRIGGER agents_news_question;

-- A child's end is news for whoever waits for it, or for the run that it continues.
CREATE FUNCTION agents_tell_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    WITH RECURSIVE chain AS (
        SELECT NEW.id, NEW.continues_id
        UNION ALL SELECT r.id, r.continues_id FROM chain c JOIN agents_run r ON r.id = c.continues_id)
    INSERT INTO agents_news (target, at) SELECT c.id, clock_timestamp() FROM chain c;
    RETURN NULL;
END $$;
CREATE TRIGGER agents_news_run AFTER UPDATE OF state ON agents_run FOR EACH ROW
    WHEN (NEW.parent_id IS NOT NULL AND NEW.state <> OLD.state
          AND NEW.state IN ('finished', 'failed', 'cancelled'))
    EXECUTE FUNCTION agents_tell_run();
ALTER TABLE agents_run ENABLE ALWAYS TRIGGER agents_news_run;
