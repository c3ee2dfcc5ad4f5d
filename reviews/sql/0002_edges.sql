-- The permitted changes of state, and the roles that may take each. `before` NULL is birth.
-- Frozen from reviews/states.py; tests/schema compares the two.
CREATE TABLE reviews_action_edge (
    before text,
    after text NOT NULL,
    roles text[] NOT NULL,
    UNIQUE NULLS NOT DISTINCT (before, after)
);
INSERT INTO reviews_action_edge (before, after, roles) VALUES
    (NULL, 'proposed', '{agent,web,router}'),
    ('proposed', 'pending', '{router}'),
    ('proposed', 'approved', '{router}'),
    ('proposed', 'rejected', '{router}'),
    ('pending', 'pending', '{web,router,agent}'),
    ('pending', 'approved', '{web}'),
    ('pending', 'rejected', '{web}'),
    ('pending', 'expired', '{router}'),
    ('pending', 'withdrawn', '{web,agent}'),
    ('approved', 'executing', '{executor}'),
    ('approved', 'expired', '{router}'),
    ('approved', 'withdrawn', '{web,agent}'),
    ('approved', 'pending', '{web,router}'),
    ('rejected', 'pending', '{web,router}'),
    ('executing', 'executing', '{executor}'),
    ('executing', 'succeeded', '{executor}'),
    ('executing', 'failed', '{executor}'),
    ('executing', 'approved', '{executor}'),
    ('executing', 'in_doubt', '{executor}'),
    ('in_doubt', 'succeeded', '{web}'),
    ('in_doubt', 'failed', '{web}'),
    ('succeeded', 'reversed', '{executor}');

-- Whether this session's login may take the edge at all.
CREATE FUNCTION reviews_may_take(from_state text, to_state text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM reviews_action_edge e
                   WHERE e.before IS NOT DISTINCT FROM from_state AND e.after = to_state
                     AND audit.is_role(VARIADIC e.roles))
$$;

-- Strictness of an outcome, 0 the least strict.
CREATE FUNCTION reviews_strictness(outcome text) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT array_position(ARRAY['auto_execute', 'execute_and_monitor', 'hold_result', 'review',
                                'two_person_review', 'escalate', 'reject'], outcome)
$$;

-- Hooks of the app above, which replaces them: it alone knows runs. Without it there are none.
CREATE FUNCTION reviews_run_principal(run uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ SELECT NULL::uuid $$;
CREATE FUNCTION reviews_run_version(run uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ SELECT NULL::text $$;
CREATE FUNCTION reviews_run_frame(run uuid) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$ SELECT '{}'::jsonb $$;

-- Does this agent login own the action? Other roles are not asked. DK002 otherwise.
CREATE FUNCTION reviews_demand_own(target uuid) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE its_run uuid;
BEGIN
    IF audit.role() <> 'agent' THEN
        RETURN;
    END IF;
    SELECT a.run INTO its_run FROM reviews_action a WHERE a.id = target;
    IF its_run IS NULL OR reviews_run_principal(its_run) IS NULL THEN
        RAISE EXCEPTION 'this action is of no run of yours' USING ERRCODE = 'DK002';
    END IF;
END $$;

-- A stop stands against this type or proposer. Not STABLE: each call must see what has committed by now.
CREATE FUNCTION reviews_stopped(of_type text, of_proposer uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM reviews_stop s
        WHERE s.lifted_at IS NULL
          AND (s.scope = 'all' OR (s.scope = 'type' AND s.action_type_id = of_type)
               OR (s.scope = 'agent' AND s.principal_id = of_proposer)));
END $$;

CREATE FUNCTION reviews_demand_no_stop(of_type text, of_proposer uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF reviews_stopped(of_type, of_proposer) THEN
        RAISE EXCEPTION 'a stop stands' USING ERRCODE = 'DK020';
    END IF;
END $$;
