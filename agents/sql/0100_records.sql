-- What an agent may learn of its own past: which sources it has acted on, and how its rules fared.
-- A rule or a source is named in the evidence of a proposal, as `rule:<name>` or `mail:<id>`.

CREATE FUNCTION agents_own_principal(run uuid) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE found uuid;
BEGIN
    SELECT r.agent_id INTO found FROM agents_run r WHERE r.id = run AND r.state = 'running' AND agents_mine(r.agent_id);
    IF found IS NULL THEN
        RAISE EXCEPTION 'no run % of this login''s group', run USING ERRCODE = 'DK002';
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION agents_known_sources(run uuid, sources text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE me uuid := agents_own_principal(run);
BEGIN
    RETURN QUERY SELECT DISTINCT e.source::text
        FROM reviews_evidence e JOIN reviews_action a ON a.id = e.action_id
        WHERE a.proposer_id = me AND a.run <> agents_known_sources.run AND e.source = ANY (sources);
END $$;

-- decided: actions on which a person's verdict stands. approved: of these, let through as proposed.
CREATE FUNCTION agents_rule_records(run uuid, rules text[])
RETURNS TABLE (rule text, approved integer, decided integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE me uuid := agents_own_principal(run);
BEGIN
    RETURN QUERY
        SELECT r.name, count(*) FILTER (WHERE d.verdict = 'approve' AND d.revision = 1)::integer, count(d.verdict)::integer
        FROM unnest(rules) AS r(name)
        LEFT JOIN LATERAL (
            SELECT DISTINCT ON (a.id) v.verdict, v.revision
            FROM reviews_evidence e
            JOIN reviews_action a ON a.id = e.action_id AND a.proposer_id = me
            JOIN reviews_decision v ON v.action_id = a.id AND v.reviewer_id IS NOT NULL AND v.revision = a.revision
                AND v.verdict IN ('approve', 'reject')
            WHERE e.source = 'rule:' || r.name
              AND a.state NOT IN ('proposed', 'pending')
              AND NOT EXISTS (SELECT FROM reviews_retraction t WHERE t.decision_id = v.id)
            ORDER BY a.id, v.created_at DESC) AS d ON true
        GROUP BY r.name;
END $$;

CREATE INDEX reviews_evidence_source ON reviews_evidence (source) WHERE source <> '';
