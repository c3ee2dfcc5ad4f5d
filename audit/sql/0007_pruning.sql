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
    WITH old AS MATERIALIZED (
        SELECT e.case_id, count(*) AS entries FROM audit.event e JOIN audit.leaf l ON l.n = e.n
            JOIN audit.retention r ON r.class = audit.retention_class(e.name)
        WHERE r.class = ANY (classes) AND audit.may_be_pruned(e.name)
          AND e.at < clock_timestamp() - make_interval(days => r.days)
        GROUP BY e.case_id
    )
    SELECT k.hold, sum(k.entries)::bigint, count(*) FROM (
        SELECT o.entries, audit.held(o.case_id) AS hold, audit.is_open(o.case_id) AS is_open FROM old o) k
    WHERE k.hold IS NOT NULL OR k.is_open GROUP BY k.hold ORDER BY k.hold
$$;

-- A case is in the state of its newest change, whether that is still here (as a run's beginning is) or pruned.
CREATE OR REPLACE FUNCTION audit.is_open(case_of text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.final_state f WHERE f.kind = split_part(case_of, ':', 1))
       AND NOT EXISTS (
           SELECT FROM audit.final_state f WHERE f.kind = split_part(case_of, ':', 1) AND f.state = (
               SELECT c.state FROM (
                   (SELECT e.change_to AS state, e.case_seq FROM audit.event e
                    WHERE e.case_id = case_of AND e.change_to IS NOT NULL ORDER BY e.case_seq DESC LIMIT 1)
                   UNION ALL SELECT p.state, p.case_seq FROM audit.pruned_case p
                   WHERE p.case_id = case_of AND p.state IS NOT NULL) c
               ORDER BY c.case_seq DESC LIMIT 1))
$$;

-- As before, and it says that it was done.
CREATE OR REPLACE FUNCTION audit.prune(ordered uuid) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    told record;
    then_gone record;
    going bigint[];
BEGIN
    LOCK TABLE audit.hold, audit.retention IN SHARE MODE;
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));  -- no row of the search comes back meanwhile
    SELECT * INTO told FROM audit.pruning_order(ordered);
    IF told.below IS NULL THEN
        RAISE EXCEPTION 'no retention.pruned event % lies under a signed checkpoint', ordered USING ERRCODE = 'AU007';
    END IF;
    SELECT * INTO then_gone FROM audit.pruning(told.below, told.classes);
    IF (then_gone.gone, audit.b64(then_gone.digest)) <> (told.gone, told.digest) THEN
        RAISE EXCEPTION 'what may go has changed since this was ordered; order it again' USING ERRCODE = 'AU007';
    END IF;
    IF then_gone.count = 0 THEN
        RETURN 0;
    END IF;
    SELECT array_agg(p.n) INTO going FROM audit.prunable(told.below, told.classes) p;
    INSERT INTO audit.pruned_case AS k (case_id, case_seq, leaf_hash, state, type)
        SELECT DISTINCT ON (e.case_id) e.case_id, e.case_seq, e.leaf_hash, s.state, s.type
        FROM unnest(going) g (n) JOIN audit.event e ON e.n = g.n, LATERAL (
            SELECT (SELECT c.change_to FROM audit.event c WHERE c.case_id = e.case_id AND c.change_to IS NOT NULL
                    ORDER BY c.case_seq DESC LIMIT 1) AS state,
                   (SELECT convert_from(f.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event f
                    WHERE f.case_id = e.case_id AND f.case_seq = 1) AS type) s
        ORDER BY e.case_id, e.case_seq DESC
        ON CONFLICT (case_id) DO UPDATE SET case_seq = excluded.case_seq, leaf_hash = excluded.leaf_hash,
            state = coalesce(excluded.state, k.state), type = coalesce(k.type, excluded.type)
        WHERE k.case_seq < excluded.case_seq;
    DELETE FROM audit.content c USING unnest(going) g (n), audit.event e WHERE e.n = g.n AND c.event_id = e.id;
    DELETE FROM audit.search s USING unnest(going) g (n) WHERE s.n = g.n;
    DELETE FROM audit.event e USING unnest(going) g (n) WHERE e.n = g.n;
    SET CONSTRAINTS ALL IMMEDIATE;  -- before the head is locked, for which the sequencer would wait
    UPDATE audit.head h SET min_index = told.below WHERE h.min_index < told.below;
    INSERT INTO audit.carried_out (event, below, count) VALUES (ordered, told.below, then_gone.count);
    RETURN then_gone.count;
END $$;

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
