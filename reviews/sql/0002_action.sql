-- The action row: what it is born with, what never changes, which edge it may take, and what each edge needs.
-- Errors: DK002 birth, DK003 frozen, DK009 edge or role, AU007 without its event; the others stand at the edges.

CREATE FUNCTION reviews_action_born() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kind reviews_actiontype;
    who reviews_principal;
    votes integer := 1;
BEGIN
    IF NEW.state <> 'proposed' OR NOT reviews_may_take(NULL, NEW.state) THEN
        RAISE EXCEPTION 'an action is born proposed, by who may propose' USING ERRCODE = 'DK002';
    END IF;
    SELECT * INTO kind FROM reviews_actiontype t WHERE t.name = NEW.type_id AND t.active;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no active action type %', NEW.type_id USING ERRCODE = 'DK002';
    END IF;
    who := reviews_proposer_of(NEW);
    NEW.proposer_id := who.id;
    PERFORM reviews_check_links(NEW, kind);
    IF NEW.reverses_id IS NOT NULL THEN
        votes := kind.reversal_needed;
    END IF;
    IF NEW.risk NOT IN ('', kind.risk) OR NEW.reversibility NOT IN ('', kind.reversibility)
       OR NEW.effect_mode NOT IN ('', kind.effect_mode) OR NEW.effect_queue NOT IN ('', kind.effect_queue)
       OR NEW.type_version NOT IN (0, kind.version) OR NEW.needed NOT IN (1, votes)
       OR NEW.owner_id <> coalesce(who.owner_id, 0) OR NEW.agent_version NOT IN ('', coalesce(who.version, '')) THEN
        RAISE EXCEPTION 'risk, effect, owner, version and votes follow from type and proposer, nobody names them'
            USING ERRCODE = 'DK002';
    END IF;
    IF NEW.revision <> 1 OR NEW.fence <> 0 OR NEW.failures <> 0 OR NEW.case_seq <> 1 OR NEW.floors <> '[]'
       OR num_nonnulls(NEW.outcome, NEW.policy_version, NEW.routed_at, NEW.decide_by, NEW.valid_until,
                       NEW.release_at, NEW.closed_at, NEW.lease_until, NEW.worker) > 0 THEN
        RAISE EXCEPTION 'a new action has no past' USING ERRCODE = 'DK002';
    END IF;
    NEW.type_version := kind.version;
    NEW.risk := kind.risk;
    NEW.reversibility := kind.reversibility;
    NEW.effect_mode := kind.effect_mode;
    NEW.effect_queue := kind.effect_queue;
    NEW.needed := votes;
    NEW.owner_id := who.owner_id;
    NEW.agent_version := coalesce(reviews_run_version(NEW.run), who.version, '');
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;

-- The principal behind a new action; a row of NULLs when a person proposes. Exactly one of the three speaks.
CREATE FUNCTION reviews_proposer_of(a reviews_action) RETURNS reviews_principal
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    who reviews_principal;
    its uuid := a.proposer_id;
BEGIN
    IF a.run IS NOT NULL THEN
        its := reviews_run_principal(a.run);
    END IF;
    IF (a.run IS NOT NULL AND NOT audit.is_role('agent')) OR (a.run IS NULL AND audit.role() = 'agent')
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

-- What an action may point at: a dead one to try again, a succeeded one to reverse.
CREATE FUNCTION reviews_check_links(a reviews_action, kind reviews_actiontype) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE original reviews_action;
BEGIN
    IF a.retry_of_id IS NOT NULL THEN
        SELECT * INTO original FROM reviews_action o WHERE o.id = a.retry_of_id;
        -- A program speaks of its own past; by which answer it gets it must not learn of another's.
        IF a.requested_by_id IS NULL AND original.proposer_id IS DISTINCT FROM a.proposer_id
           OR original.state NOT IN ('rejected', 'expired', 'failed') OR original.type_id <> a.type_id THEN
            RAISE EXCEPTION 'only what was rejected, expired or failed is proposed again' USING ERRCODE = 'DK002';
        END IF;
    END IF;
    IF a.reverses_id IS NOT NULL THEN
        SELECT * INTO original FROM reviews_action o WHERE o.id = a.reverses_id;
        IF a.requested_by_id IS NULL OR original.type_id <> a.type_id OR NOT kind.has_undo THEN
            RAISE EXCEPTION 'a person asks for a reversal, of a type that can be undone' USING ERRCODE = 'DK018';
        END IF;
        IF original.state <> 'succeeded' THEN
            RAISE EXCEPTION 'only what succeeded can be reversed, this is %', original.state USING ERRCODE = 'DK018';
        END IF;
    END IF;
END $$;

CREATE FUNCTION reviews_action_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- An older snapshot would not show a stop, a retracted vote or a closed account of a moment ago.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'actions change under READ COMMITTED only' USING ERRCODE = 'DK009';
    END IF;
    NEW.failures := OLD.failures;
    NEW.closed_at := OLD.closed_at;
    PERFORM reviews_check_frozen(OLD, NEW);
    IF reviews_check_case(OLD, NEW) THEN
        RETURN NEW;
    END IF;
    PERFORM reviews_check_bytes(OLD, NEW);
    PERFORM reviews_check_dates(OLD, NEW);
    IF OLD.state = NEW.state AND OLD.state NOT IN ('pending', 'executing') THEN
        IF NOT (OLD.state = 'proposed' AND audit.is_role('router')) THEN
            RAISE EXCEPTION 'nothing of a % action changes but its state', OLD.state USING ERRCODE = 'DK003';
        END IF;
    ELSIF NOT reviews_may_take(OLD.state, NEW.state) THEN
        RAISE EXCEPTION 'no way leads % from % to %', audit.role(), OLD.state, NEW.state USING ERRCODE = 'DK009';
    END IF;
    PERFORM reviews_check_routing(OLD, NEW);
    PERFORM reviews_check_lease(OLD, NEW);
    PERFORM reviews_check_edge(OLD, NEW);
    IF OLD.state = 'executing' AND NEW.state <> 'executing' THEN
        NEW.lease_until := NULL;
        NEW.worker := NULL;
        NEW.failures := OLD.failures + (NEW.state <> 'succeeded')::integer;
    END IF;
    IF NEW.state <> OLD.state THEN
        NEW.closed_at := CASE WHEN NEW.state IN ('rejected', 'expired', 'withdrawn', 'succeeded', 'failed', 'reversed')
                              THEN clock_timestamp() END;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_check_frozen(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (o.id, o.type_id, o.type_version, o.proposer_id, o.requested_by_id, o.owner_id, o.agent_version, o.run,
        o.dedup_key, o.confidence, o.risk, o.reversibility, o.effect_mode, o.effect_queue, o.created_at,
        o.retry_of_id, o.reverses_id, o.plan_id, o.plan_step)
       IS DISTINCT FROM
       (n.id, n.type_id, n.type_version, n.proposer_id, n.requested_by_id, n.owner_id, n.agent_version, n.run,
        n.dedup_key, n.confidence, n.risk, n.reversibility, n.effect_mode, n.effect_queue, n.created_at,
        n.retry_of_id, n.reverses_id, n.plan_id, n.plan_step) THEN
        RAISE EXCEPTION 'what an action is born with never changes' USING ERRCODE = 'DK003';
    END IF;
END $$;

-- The chain of the case goes one step at each change. True: this UPDATE is only that step, for a row elsewhere.
CREATE FUNCTION reviews_check_case(o reviews_action, n reviews_action) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    stepped boolean := (o.case_seq, o.case_head) IS DISTINCT FROM (n.case_seq, n.case_head);
    changed boolean := (o.state, o.revision, o.digest, o.outcome, o.needed, o.floors, o.policy_version, o.routed_at,
                        o.decide_by, o.valid_until, o.release_at, o.fence, o.worker)
        IS DISTINCT FROM (n.state, n.revision, n.digest, n.outcome, n.needed, n.floors, n.policy_version, n.routed_at,
                          n.decide_by, n.valid_until, n.release_at, n.fence, n.worker);
BEGIN
    IF stepped AND (n.case_seq <> o.case_seq + 1 OR n.case_head = o.case_head) THEN
        RAISE EXCEPTION 'an event is one step of its case' USING ERRCODE = 'AU007';
    END IF;
    IF changed AND NOT stepped THEN
        RAISE EXCEPTION 'a change of an action takes its event along' USING ERRCODE = 'AU007';
    END IF;
    IF changed OR o.lease_until IS DISTINCT FROM n.lease_until OR NOT stepped THEN
        RETURN false;
    END IF;
    IF audit.role() = 'executor' THEN
        PERFORM reviews_demand_fence(o);
    ELSIF NOT audit.is_role('web', 'router', 'agent') THEN
        RAISE EXCEPTION '% has nothing to tell about an action', audit.role() USING ERRCODE = 'DK009';
    END IF;
    RETURN true;
END $$;

-- Revision and digest go together, by one, while people can still look.
CREATE FUNCTION reviews_check_bytes(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (o.revision, o.digest) IS NOT DISTINCT FROM (n.revision, n.digest) THEN
        RETURN;
    END IF;
    IF o.state <> 'pending' OR n.state <> 'pending' OR n.revision <> o.revision + 1 OR n.digest = o.digest
       OR NOT audit.is_role('web', 'agent') THEN
        RAISE EXCEPTION 'revision and digest change together, by one, while pending' USING ERRCODE = 'DK004';
    END IF;
END $$;

-- What routing said only gets stricter; its reasons are the router's.
CREATE FUNCTION reviews_check_routing(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (o.outcome, o.needed, o.floors, o.policy_version, o.routed_at)
       IS NOT DISTINCT FROM (n.outcome, n.needed, n.floors, n.policy_version, n.routed_at) THEN
        RETURN;
    END IF;
    IF o.state NOT IN ('proposed', 'pending') AND n.state <> 'pending' THEN
        RAISE EXCEPTION 'a % action is no longer routed', o.state USING ERRCODE = 'DK003';
    END IF;
    IF n.needed < o.needed
       OR (o.outcome IS NOT NULL
           AND (n.outcome IS NULL OR reviews_strictness(n.outcome) < reviews_strictness(o.outcome))) THEN
        RAISE EXCEPTION 'outcome and needed votes only rise' USING ERRCODE = 'DK003';
    END IF;
    IF NOT audit.is_role('router') AND (o.floors, o.policy_version, o.routed_at)
       IS DISTINCT FROM (n.floors, n.policy_version, n.routed_at) THEN
        RAISE EXCEPTION 'the reasons of routing are the router''s' USING ERRCODE = 'DK003';
    END IF;
END $$;

-- When each date may move.
CREATE FUNCTION reviews_check_dates(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    approves boolean := n.state = 'approved' AND o.state IN ('proposed', 'pending');
    undoes boolean := n.state = 'pending' AND o.state IN ('approved', 'rejected');
BEGIN
    IF o.decide_by IS DISTINCT FROM n.decide_by AND n.state <> 'pending' THEN
        RAISE EXCEPTION 'the deadline moves only while pending' USING ERRCODE = 'DK003';
    END IF;
    IF undoes AND num_nonnulls(n.release_at, n.valid_until) > 0 THEN
        RAISE EXCEPTION 'undo clears the dates of the decision' USING ERRCODE = 'DK015';
    END IF;
    IF o.valid_until IS DISTINCT FROM n.valid_until AND NOT approves AND NOT undoes THEN
        RAISE EXCEPTION 'an approval keeps the date on which it lapses' USING ERRCODE = 'DK003';
    END IF;
    IF o.release_at IS DISTINCT FROM n.release_at AND NOT approves AND NOT undoes
       AND NOT (n.state = 'rejected' AND o.state <> 'rejected')
       AND NOT (o.state = 'executing' AND n.state = 'approved' AND n.release_at > o.release_at) THEN
        RAISE EXCEPTION 'release is set by the decision and only ever moves later' USING ERRCODE = 'DK015';
    END IF;
END $$;

-- Fence and lease: raised by one at each lease, renewed and left by their holder, or reaped.
CREATE FUNCTION reviews_check_lease(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE leases boolean := o.state = 'approved' AND n.state = 'executing';
BEGIN
    IF n.fence <> o.fence + leases::integer THEN
        RAISE EXCEPTION 'a lease raises the fence by one, nothing else moves it' USING ERRCODE = 'DK005';
    END IF;
    IF n.state = 'executing' AND (n.lease_until IS DISTINCT FROM o.lease_until OR leases)
       AND (n.lease_until IS NULL OR n.worker IS NULL OR n.lease_until <= clock_timestamp()
            OR n.lease_until > clock_timestamp() + interval '15 minutes') THEN
        RAISE EXCEPTION 'a lease names its worker and ends within 15 minutes' USING ERRCODE = 'DK005';
    END IF;
    IF o.state = 'executing' AND n.state = 'executing' THEN
        PERFORM reviews_demand_fence(o);
        IF n.worker IS DISTINCT FROM o.worker OR n.lease_until < o.lease_until OR o.lease_until <= clock_timestamp() THEN
            RAISE EXCEPTION 'a lease is renewed by its worker, forward, before it ends' USING ERRCODE = 'DK005';
        END IF;
    ELSIF n.state <> 'executing' AND o.state <> 'executing' AND num_nonnulls(n.lease_until, n.worker) > 0 THEN
        RAISE EXCEPTION 'only what is executing has a lease' USING ERRCODE = 'DK005';
    END IF;
END $$;

-- The session carries the fence of the lease it holds (SET LOCAL assentry.fence).
CREATE FUNCTION reviews_holds(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT a.state = 'executing' AND coalesce(current_setting('assentry.fence', true), '') = a.fence::text
$$;

CREATE FUNCTION reviews_demand_fence(a reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT reviews_holds(a) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
END $$;

CREATE TRIGGER reviews_action_born BEFORE INSERT ON reviews_action
    FOR EACH ROW EXECUTE FUNCTION reviews_action_born();
CREATE TRIGGER reviews_action_changes BEFORE UPDATE ON reviews_action
    FOR EACH ROW EXECUTE FUNCTION reviews_action_changes();
