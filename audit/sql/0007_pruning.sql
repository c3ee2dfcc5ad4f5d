-- A pruning is ordered on a page, carried out as a job, and told of: what would go, what stays and why, what went.

ALTER TABLE audit.job DROP CONSTRAINT job_kind_check,
    ADD CONSTRAINT job_kind_check CHECK (kind IN ('export', 'verify', 'prune'));

-- Orders that were carried out. The folder of tiles learns from it which entries to forget.
CREATE TABLE audit.carried_out (
    event uuid PRIMARY KEY,
    below bigint NOT NULL,
    count bigint NOT NULL CHECK (count > 0),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.carried_out
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- By class: how many entries would go, of how many cases, from when to when.
CREATE FUNCTION audit.prune_plan(below bigint, classes text[])
RETURNS TABLE (class text, entries bigint, cases bigint, since timestamptz, until timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT audit.retention_class(e.name), count(*), count(DISTINCT e.case_id), min(e.at), max(e.at)
    FROM audit.prunable(below, classes) p JOIN audit.event e ON e.n = p.n GROUP BY 1 ORDER BY 1
$$;

-- What is past its period and stays: under which hold, or (no hold) since its case is still open.
CREATE FUNCTION audit.prune_kept(classes text[]) RETURNS TABLE (hold uuid, entries bigint, cases bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    WITH names AS MATERIALIZED (SELECT p.* FROM audit.prunable_names(classes) p), old AS MATERIALIZED (
        SELECT e.case_id, count(*) AS entries FROM audit.event e JOIN audit.leaf l ON l.n = e.n
            JOIN names ON names.name = e.name
        WHERE e.at < clock_timestamp() - make_interval(days => names.days) GROUP BY e.case_id
    ), its AS MATERIALIZED (SELECT array_agg(o.case_id) AS cases FROM old o), kept AS (
        SELECT h.case_id, h.hold FROM its, audit.held_among(its.cases) h
        UNION ALL SELECT a.case_id, NULL FROM its, audit.open_among(its.cases) AS a (case_id)
    ), first AS (SELECT DISTINCT ON (k.case_id) k.* FROM kept k ORDER BY k.case_id, k.hold)
    SELECT f.hold, sum(o.entries)::bigint, count(*) FROM first f JOIN old o ON o.case_id = f.case_id
    GROUP BY f.hold ORDER BY f.hold
$$;

DO $$
DECLARE
    t record;
    f regprocedure;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'audit'::regnamespace AND NOT g.tgisinternal LOOP
        EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
