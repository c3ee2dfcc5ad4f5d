-- Attempts: opened with the lease, intent before the effect, closed once; and the only ways out (table 1.4).
-- DK005 lease or fence, DK008 not an exit, DK013 an attempt does not change so, DK020 stop.

-- Attempts allowed before the action stops being retried.
CREATE FUNCTION reviews_most_attempts() RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$ SELECT 6 $$;

-- An effect began, nobody knows how it ended, and no later probe said that it did not happen.
-- `before`: look at attempts under this fence only.
CREATE FUNCTION reviews_unclear_before(target uuid, before bigint) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_attempt t
        WHERE t.action_id = target AND t.fence < before AND t.effect_at IS NOT NULL
          AND t."end" IS DISTINCT FROM 'succeeded' AND t."end" IS DISTINCT FROM 'not_done'
          AND NOT EXISTS (
              SELECT FROM reviews_attempt p
              WHERE p.action_id = target AND p.fence > t.fence AND p.probe = 'not_done'))
$$;

CREATE FUNCTION reviews_unclear(target uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_unclear_before(target, 9223372036854775807)
$$;

CREATE FUNCTION reviews_attempt_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF a.state <> 'executing' OR NEW.fence <> a.fence OR NEW.worker <> a.worker
       OR NEW.revision <> a.revision OR NEW.digest <> a.digest THEN
        RAISE EXCEPTION 'an attempt follows its lease' USING ERRCODE = 'DK005';
    END IF;
    IF num_nonnulls(NEW.effect_at, NEW.ended_at, NEW."end", NEW.result, NEW.probe) > 0 OR NEW.note <> '' THEN
        RAISE EXCEPTION 'a new attempt has no past' USING ERRCODE = 'DK013';
    END IF;
    NEW.key := reviews_key(a);
    NEW.leased_at := clock_timestamp();
    RETURN NEW;
END $$;

-- One key for all attempts at one revision.
CREATE FUNCTION reviews_key(a reviews_action) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT 'desk-' || a.id || '-' || a.revision
$$;

CREATE FUNCTION reviews_attempt_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    IF (OLD.id, OLD.action_id, OLD.fence, OLD.worker, OLD.revision, OLD.digest, OLD.key, OLD.leased_at, OLD.event_id)
       IS DISTINCT FROM
       (NEW.id, NEW.action_id, NEW.fence, NEW.worker, NEW.revision, NEW.digest, NEW.key, NEW.leased_at, NEW.event_id)
       OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'an attempt keeps what it is, and ends once' USING ERRCODE = 'DK013';
    END IF;
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF a.fence <> NEW.fence OR NOT (reviews_holds(a) OR reviews_reaps(a, NEW)) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    IF NEW.probe IS DISTINCT FROM OLD.probe THEN
        PERFORM reviews_check_probe(OLD, a);
    END IF;
    IF NEW.effect_at IS DISTINCT FROM OLD.effect_at THEN
        PERFORM reviews_check_begin(OLD, NEW, a);
        NEW.effect_at := clock_timestamp();
    END IF;
    IF num_nonnulls(NEW."end", NEW.ended_at) > 0 THEN
        NEW.ended_at := clock_timestamp();
        IF NEW."end" IS NULL OR (NEW."end" = 'succeeded' AND NEW.effect_at IS NULL
                                 AND NEW.probe IS DISTINCT FROM 'done') THEN
            RAISE EXCEPTION 'nothing succeeds that was not begun' USING ERRCODE = 'DK013';
        END IF;
    ELSIF NEW.result IS NOT NULL THEN
        RAISE EXCEPTION 'a result comes with the end' USING ERRCODE = 'DK013';
    END IF;
    RETURN NEW;
END $$;

-- The reaper closes what its worker let run out, as lost and nothing else.
CREATE FUNCTION reviews_reaps(a reviews_action, t reviews_attempt) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT a.state = 'executing' AND a.lease_until <= clock_timestamp() AND t."end" = 'lost'
$$;

-- The intent: once, with lease left, under no stop, and for `probe` after asking about an earlier try.
CREATE FUNCTION reviews_check_begin(o reviews_attempt, n reviews_attempt, a reviews_action) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF o.effect_at IS NOT NULL OR n.effect_at IS NULL THEN
        RAISE EXCEPTION 'an effect begins once' USING ERRCODE = 'DK013';
    END IF;
    IF NOT reviews_holds(a) OR a.lease_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'the lease is over' USING ERRCODE = 'DK005';
    END IF;
    IF a.effect_mode = 'probe' AND n.probe IS DISTINCT FROM 'not_done' AND reviews_unclear_before(a.id, a.fence) THEN
        RAISE EXCEPTION 'ask first whether the earlier try happened' USING ERRCODE = 'DK013';
    END IF;
    PERFORM reviews_demand_no_stop(a.type_id, a.proposer_id);
END $$;

-- An answer counts when the earlier try has had time to end.
CREATE FUNCTION reviews_check_probe(o reviews_attempt, a reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF o.effect_at IS NOT NULL OR o.probe IS NOT NULL OR a.effect_mode <> 'probe' OR EXISTS (
        SELECT FROM reviews_attempt t JOIN reviews_actiontype k ON k.name = a.type_id
        WHERE t.action_id = a.id AND t.fence < a.fence
          AND t.ended_at > clock_timestamp() - make_interval(secs => coalesce(k.effect_timeout, 0))) THEN
        RAISE EXCEPTION 'a probe is asked once, before the effect, after the earlier try has ended'
            USING ERRCODE = 'DK013';
    END IF;
END $$;

-- Where the action goes after its last attempt, which has ended. NULL while it has not.
CREATE FUNCTION reviews_exit(target uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    a reviews_action;
    t reviews_attempt;
    unclear boolean;
    last_try boolean;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = target;
    SELECT * INTO t FROM reviews_attempt x WHERE x.action_id = target AND x.fence = a.fence;
    IF t."end" IS NULL THEN
        RETURN NULL;
    END IF;
    unclear := reviews_unclear(target);
    last_try := a.failures + 1 >= reviews_most_attempts();
    RETURN CASE
        WHEN t."end" = 'succeeded' THEN 'succeeded'
        WHEN unclear AND a.effect_mode = 'once' THEN 'in_doubt'
        WHEN t.effect_at IS NOT NULL AND t."end" = 'not_done' AND a.effect_mode <> 'idempotent'
            THEN CASE WHEN unclear THEN 'in_doubt' ELSE 'failed' END
        WHEN last_try THEN CASE WHEN unclear THEN 'in_doubt' ELSE 'failed' END
        ELSE 'approved' END;
END $$;

CREATE FUNCTION reviews_check_exit(o reviews_action, target text) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    t reviews_attempt;
    its_exit text := reviews_exit(o.id);
BEGIN
    SELECT * INTO t FROM reviews_attempt x WHERE x.action_id = o.id AND x.fence = o.fence;
    IF NOT (reviews_holds(o) OR reviews_reaps(o, t)) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    IF its_exit IS DISTINCT FROM target THEN
        RAISE EXCEPTION 'this attempt ends as %, not as %', coalesce(its_exit, 'nothing yet'), target USING ERRCODE = 'DK008';
    END IF;
END $$;

-- The approved bytes, for the holder of the lease alone.
CREATE FUNCTION reviews_leased_body(target uuid, OUT salt bytea, OUT body bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = target;
    IF NOT FOUND OR NOT reviews_holds(a) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    SELECT b.salt, b.body INTO reviews_leased_body.salt, reviews_leased_body.body
        FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
        WHERE r.action_id = target AND r.number = a.revision;
END $$;

CREATE TRIGGER reviews_attempt_opened BEFORE INSERT ON reviews_attempt
    FOR EACH ROW EXECUTE FUNCTION reviews_attempt_opened();
CREATE TRIGGER reviews_attempt_changes BEFORE UPDATE ON reviews_attempt
    FOR EACH ROW EXECUTE FUNCTION reviews_attempt_changes();
