-- What each edge needs, beyond the role.

CREATE FUNCTION reviews_check_edge(o reviews_action, n reviews_action) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    CASE o.state || '>' || n.state
        WHEN 'proposed>pending' THEN PERFORM reviews_check_routed(n);
        WHEN 'proposed>approved' THEN PERFORM reviews_check_policy_approval(n), reviews_check_release(n);
        WHEN 'proposed>rejected' THEN PERFORM reviews_check_policy_rejection(n), reviews_check_release(n);
        WHEN 'pending>approved' THEN PERFORM reviews_check_approval(n), reviews_check_release(n);
        WHEN 'pending>rejected' THEN PERFORM reviews_check_rejection(n), reviews_check_release(n);
        WHEN 'pending>expired' THEN PERFORM reviews_check_over(o, o.decide_by);
        WHEN 'approved>expired' THEN PERFORM reviews_check_over(o, o.valid_until);
        WHEN 'approved>withdrawn' THEN PERFORM reviews_check_clear(o);
        WHEN 'approved>pending', 'rejected>pending' THEN PERFORM reviews_check_undo(o);
        WHEN 'approved>executing' THEN PERFORM reviews_check_leasable(o);
        WHEN 'executing>succeeded', 'executing>failed', 'executing>approved', 'executing>in_doubt' THEN
            PERFORM reviews_check_exit(o, n.state);
        WHEN 'succeeded>reversed' THEN PERFORM reviews_check_reversed(o);
        ELSE NULL;
    END CASE;
END $$;

CREATE FUNCTION reviews_check_routed(n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF num_nulls(n.outcome, n.policy_version, n.routed_at, n.decide_by) > 0 OR n.decide_by <= clock_timestamp()
       OR (n.outcome = 'two_person_review' AND n.needed < 2) THEN
        RAISE EXCEPTION 'a routed action carries outcome, policy version, votes and a deadline' USING ERRCODE = 'DK003';
    END IF;
END $$;

-- Approved or rejected, and not to be told or done before the undo window is over.
CREATE FUNCTION reviews_check_release(n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE window_s integer;
BEGIN
    SELECT CASE WHEN n.outcome IN ('auto_execute', 'execute_and_monitor') THEN 0 ELSE t.undo_window END
        INTO window_s FROM reviews_actiontype t WHERE t.name = n.type_id;
    IF n.release_at IS NULL OR n.release_at < statement_timestamp() + make_interval(secs => coalesce(window_s, 0)) THEN
        RAISE EXCEPTION 'a decision names a release after its undo window' USING ERRCODE = 'DK015';
    END IF;
    IF n.state = 'approved' AND (n.valid_until IS NULL OR n.valid_until <= clock_timestamp()) THEN
        RAISE EXCEPTION 'an approval names the date on which it lapses' USING ERRCODE = 'DK007';
    END IF;
END $$;

-- A live vote of policy on these bytes; policy may approve only what the table of risks allows.
CREATE FUNCTION reviews_policy_voted(a reviews_action, said text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_decision d
        WHERE d.action_id = a.id AND d.revision = a.revision AND d.digest = a.digest AND d.verdict = said
          AND d.reviewer_id IS NULL AND d.via = 'policy'
          AND NOT EXISTS (SELECT FROM reviews_retraction r WHERE r.decision_id = d.id))
$$;

-- Seeded to see whether people look: it stands in a visit, or in the event it was born with.
CREATE FUNCTION reviews_seeded(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM reviews_item i WHERE i.action_id = a.id AND i.purpose = 'canary')
        OR EXISTS (SELECT FROM audit.event e
                   WHERE e.case_id = 'action:' || a.id AND e.case_seq = 1 AND e.name <> 'action.proposed')
$$;

CREATE FUNCTION reviews_policy_may(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT a.risk <> 'critical' AND a.reversibility <> 'irreversible'
       AND (a.outcome = 'execute_and_monitor'
            OR (a.outcome = 'auto_execute' AND a.risk = 'low' AND a.reversibility = 'reversible'))
       AND NOT reviews_seeded(a)
       AND reviews_policy_voted(a, 'approve')
$$;

CREATE FUNCTION reviews_check_policy_approval(n reviews_action) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF num_nulls(n.outcome, n.policy_version, n.routed_at) > 0 OR NOT coalesce(reviews_policy_may(n), false) THEN
        RAISE EXCEPTION 'policy may not approve this, or did not' USING ERRCODE = 'DK016';
    END IF;
    PERFORM reviews_demand_no_stop(n.type_id, n.proposer_id);
END $$;

CREATE FUNCTION reviews_check_policy_rejection(n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT reviews_policy_voted(n, 'reject') THEN
        RAISE EXCEPTION 'policy did not reject this' USING ERRCODE = 'DK016';
    END IF;
END $$;

CREATE FUNCTION reviews_check_approval(n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF n.decide_by <= clock_timestamp() THEN
        RAISE EXCEPTION 'the deadline is over' USING ERRCODE = 'DK006';
    END IF;
    IF EXISTS (SELECT FROM reviews_item i WHERE i.action_id = n.id AND i.closed_at IS NULL AND i.question_open) THEN
        RAISE EXCEPTION 'a question is open' USING ERRCODE = 'DK006';
    END IF;
    IF reviews_seeded(n) THEN
        RAISE EXCEPTION 'a seeded canary is never approved' USING ERRCODE = 'DK016';
    END IF;
    IF NOT reviews_people_approved(n, true) THEN
        RAISE EXCEPTION 'the approvals that this needs are not there' USING ERRCODE = 'DK006';
    END IF;
END $$;

CREATE FUNCTION reviews_check_rejection(n reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT reviews_people_rejected(n) THEN
        RAISE EXCEPTION 'nobody rejected this revision' USING ERRCODE = 'DK006';
    END IF;
END $$;

-- Time is over, and nothing may have begun that nobody knows the end of.
CREATE FUNCTION reviews_check_over(o reviews_action, deadline timestamptz) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF deadline IS NULL OR deadline > clock_timestamp() THEN
        RAISE EXCEPTION 'its time is not over' USING ERRCODE = 'DK007';
    END IF;
    PERFORM reviews_check_clear(o);
END $$;

CREATE FUNCTION reviews_check_clear(o reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF reviews_unclear(o.id) THEN
        RAISE EXCEPTION 'an effect began and nobody knows how it ended' USING ERRCODE = 'DK008';
    END IF;
END $$;

-- Undo: before release, before any attempt, because the vote that closed it was taken back.
CREATE FUNCTION reviews_check_undo(o reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF o.release_at <= clock_timestamp() OR EXISTS (SELECT FROM reviews_attempt t WHERE t.action_id = o.id) THEN
        RAISE EXCEPTION 'the undo window is over' USING ERRCODE = 'DK015';
    END IF;
    IF reviews_stands(o) OR NOT EXISTS (
        SELECT FROM reviews_retraction r JOIN reviews_decision d ON d.id = r.decision_id
        WHERE d.action_id = o.id AND d.revision = o.revision AND d.digest = o.digest
          AND audit.is_role(CASE WHEN d.reviewer_id IS NULL THEN 'router' ELSE 'web' END)) THEN
        RAISE EXCEPTION 'undo follows the retraction of the vote that decided it' USING ERRCODE = 'DK015';
    END IF;
END $$;

-- Would what closed this action close it still?
CREATE FUNCTION reviews_stands(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE a.state
        WHEN 'approved' THEN reviews_people_approved(a, false) OR reviews_policy_voted(a, 'approve')
        WHEN 'rejected' THEN reviews_people_rejected(a) OR reviews_policy_voted(a, 'reject')
        ELSE false END
$$;

-- May this be leased now? The lease's query asks before it locks, so that one row in the way blocks nobody.
CREATE FUNCTION reviews_leasable(target uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = target;
    RETURN FOUND AND reviews_lease_refusal(a) IS NULL;
END $$;

CREATE FUNCTION reviews_check_leasable(o reviews_action) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE code text := reviews_lease_refusal(o);
BEGIN
    IF code IS NOT NULL THEN
        RAISE EXCEPTION '%', CASE code
            WHEN 'DK015' THEN 'it is not released yet'
            WHEN 'DK007' THEN 'the approval has lapsed'
            WHEN 'DK020' THEN 'a stop stands'
            WHEN 'DK004' THEN 'its bytes are gone'
            ELSE 'the approvals that this needs are not there' END USING ERRCODE = code;
    END IF;
END $$;

-- The SQLSTATE with which a lease would be refused, or NULL. Votes are counted again; once an attempt was made,
-- who has since left no longer matters, or an unclear effect could never be settled with its key.
CREATE FUNCTION reviews_lease_refusal(a reviews_action) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE tried boolean := a.fence > 0;
BEGIN
    IF a.state <> 'approved' OR a.release_at > clock_timestamp() THEN
        RETURN 'DK015';
    ELSIF a.valid_until <= clock_timestamp() AND NOT (tried AND reviews_unclear(a.id)) THEN
        RETURN 'DK007';
    ELSIF reviews_stopped(a.type_id, a.proposer_id) THEN
        RETURN 'DK020';
    ELSIF NOT EXISTS (SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
                      WHERE r.action_id = a.id AND r.number = a.revision AND r.digest = a.digest) THEN
        RETURN 'DK004';
    ELSIF reviews_policy_voted(a, 'approve') THEN
        RETURN CASE WHEN reviews_policy_may(a) THEN NULL ELSE 'DK016' END;
    ELSIF reviews_people_approved(a, NOT tried) THEN
        RETURN NULL;
    END IF;
    RETURN 'DK006';
END $$;

CREATE FUNCTION reviews_check_reversed(o reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM reviews_action r WHERE r.reverses_id = o.id AND r.state = 'succeeded') THEN
        RAISE EXCEPTION 'nothing reversed this' USING ERRCODE = 'DK018';
    END IF;
END $$;
