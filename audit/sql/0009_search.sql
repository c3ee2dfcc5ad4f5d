-- Who did it is filed with the rest: a person's rejections are two filters of one table, whose indexes are combined.
ALTER TABLE audit.search ADD COLUMN actor text;
UPDATE audit.search s SET actor = e.actor_ref FROM audit.event e WHERE e.n = s.n;
CREATE INDEX search_by_actor ON audit.search (actor, n);
-- A verdict on one type is the question that is asked most, and a rare one of both.
CREATE INDEX search_by_type_verdict ON audit.search (type, verdict, n) WHERE verdict IS NOT NULL;

-- As before, with the actor, and with the type of a case whose beginning was pruned.
CREATE OR REPLACE FUNCTION audit.index_next(most integer) RETURNS TABLE (n bigint, event uuid, case_of text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
#variable_conflict use_column
DECLARE mark bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));
    SELECT coalesce(max(s.leaf_index), -1) INTO mark FROM audit.search s;
    RETURN QUERY
    WITH fresh AS (
        SELECT l.leaf_index, e.n, e.id, e.case_id, e.case_seq, e.actor_ref, convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS d
        FROM audit.leaf l JOIN audit.event e ON e.n = l.n
        WHERE l.leaf_index > mark ORDER BY l.leaf_index LIMIT most
    ), told AS (
        SELECT f.*, CASE WHEN f.case_seq = 1 THEN f.d ELSE (
            SELECT convert_from(b.leaf, 'UTF8')::jsonb -> 'data' FROM audit.event b
            WHERE b.case_id = f.case_id AND b.case_seq = 1) END AS first
        FROM fresh f
    ), added AS (
        INSERT INTO audit.search (n, leaf_index, actor, type, agent, verdict, reason_code)
        SELECT t.n, t.leaf_index, t.actor_ref,
               nullif(coalesce(t.d ->> 'type', t.first ->> 'type', (
                   SELECT p.type FROM audit.pruned_case p WHERE p.case_id = t.case_id)), ''),
               nullif(coalesce(t.d ->> 'principal', t.first ->> 'proposer', t.first ->> 'principal',
                               t.first ->> 'agent'), ''),
               nullif(t.d ->> 'verdict', ''), nullif(t.d ->> 'reason_code', '')
        FROM told t ON CONFLICT DO NOTHING
    )
    SELECT f.n, f.id, f.case_id FROM fresh f;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
