-- What a pruning would do, asked of a long log: whole sets at once, where a function for each case took most of the time.

-- Of these cases those that are open: in the state of its newest change, here or pruned, and that is no final one.
CREATE FUNCTION audit.open_among(cases text[]) RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT c.case_id FROM unnest(cases) AS c (case_id)
    WHERE split_part(c.case_id, ':', 1) IN (SELECT f.kind FROM audit.final_state f)
      AND (split_part(c.case_id, ':', 1), (
          SELECT s.state FROM (
              (SELECT e.change_to AS state, e.case_seq FROM audit.event e
               WHERE e.case_id = c.case_id AND e.change_to IS NOT NULL ORDER BY e.case_seq DESC LIMIT 1)
              UNION ALL SELECT p.state, p.case_seq FROM audit.pruned_case p
              WHERE p.case_id = c.case_id AND p.state IS NOT NULL) s
          ORDER BY s.case_seq DESC LIMIT 1)) IN (SELECT f.kind, f.state FROM audit.final_state f) IS NOT TRUE
$$;

-- Of these cases those that a hold keeps, with the oldest if several do.
CREATE FUNCTION audit.held_among(cases text[]) RETURNS TABLE (case_id text, hold uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT DISTINCT ON (k.case_id) k.case_id, k.id FROM (
        SELECT c.case_id, h.id, h.placed_at FROM audit.hold h JOIN unnest(cases) AS c (case_id) ON c.case_id = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'case'
        UNION ALL SELECT s.case_id, h.id, h.placed_at FROM audit.hold h
            JOIN audit.subject s ON encode(s.lookup, 'hex') = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'subject' AND s.case_id = ANY (cases)
        UNION ALL SELECT t.case_id, h.id, h.placed_at FROM audit.hold h JOIN (
                SELECT c.case_id, coalesce(
                    (SELECT convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,type}' FROM audit.event e
                     WHERE e.case_id = c.case_id AND e.case_seq = 1),
                    (SELECT p.type FROM audit.pruned_case p WHERE p.case_id = c.case_id)) AS type
                FROM unnest(cases) AS c (case_id)
                WHERE EXISTS (SELECT FROM audit.hold x WHERE x.lifted_at IS NULL AND x.scope = 'type')) t
            ON t.type = h.target
            WHERE h.lifted_at IS NULL AND h.scope = 'type') k
    ORDER BY k.case_id, k.placed_at
$$;

CREATE OR REPLACE FUNCTION audit.is_open(case_of text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT EXISTS (SELECT FROM audit.open_among(ARRAY[case_of]))
$$;

-- The names of these classes that are ever pruned; there are few, so each row compares its name and calls nothing.
CREATE FUNCTION audit.prunable_names(classes text[]) RETURNS TABLE (name text, days integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    SELECT w.name, r.days FROM audit.event_name w JOIN audit.retention r ON r.class = audit.retention_class(w.name)
    WHERE r.class = ANY (classes) AND audit.may_be_pruned(w.name)
$$;

CREATE OR REPLACE FUNCTION audit.prunable(below bigint, classes text[])
RETURNS TABLE (n bigint, leaf_index bigint, leaf_hash bytea, case_id text, case_seq bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
    WITH names AS MATERIALIZED (SELECT p.name FROM audit.prunable_names(classes) p), old AS MATERIALIZED (
        SELECT e.n, l.leaf_index, l.leaf_hash, e.case_id, e.case_seq FROM audit.leaf l JOIN audit.event e ON e.n = l.n
        WHERE l.leaf_index < below AND e.name IN (SELECT names.name FROM names)
    ), open AS MATERIALIZED (
        SELECT a.case_id FROM audit.open_among(ARRAY(SELECT DISTINCT o.case_id FROM old o)) AS a (case_id)
    )
    SELECT o.* FROM old o WHERE NOT EXISTS (SELECT FROM open WHERE open.case_id = o.case_id)
$$;

CREATE OR REPLACE FUNCTION audit.prune_limit(classes text[], OUT below bigint, OUT stopped_by text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    kept record;
    going text[];
BEGIN
    SELECT h.size, 'the end of the log' INTO below, stopped_by FROM audit.head h;
    WITH names AS MATERIALIZED (SELECT p.* FROM audit.prunable_names(classes) p)
    SELECT l.leaf_index, e.name, e.at INTO kept
    FROM audit.leaf l JOIN audit.event e ON e.n = l.n JOIN names ON names.name = e.name
    WHERE e.at >= clock_timestamp() - make_interval(days => names.days)
    ORDER BY l.leaf_index LIMIT 1;
    IF FOUND THEN
        below := kept.leaf_index;
        stopped_by := format('entry %s, %s of %s, is still in its period', below, kept.name, kept.at::date);
    END IF;
    IF EXISTS (SELECT FROM audit.hold h WHERE h.lifted_at IS NULL) THEN
        SELECT array_agg(DISTINCT p.case_id) INTO going FROM audit.prunable(below, classes) p;
        SELECT p.leaf_index, p.case_id, h.hold INTO kept
        FROM audit.held_among(going) h JOIN audit.prunable(below, classes) p ON p.case_id = h.case_id
        ORDER BY p.leaf_index LIMIT 1;
        IF FOUND THEN
            below := kept.leaf_index;
            stopped_by := format('entry %s, of %s, is under legal hold %s', below, kept.case_id, kept.hold);
        END IF;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION audit.prune_kept(classes text[]) RETURNS TABLE (hold uuid, entries bigint, cases bigint)
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

-- A deletion of events is lawful only as a whole: afterwards exactly those are gone that a signed event names, none of
-- them young, held or of an open case. Holds for whoever deletes, the owner included. As before, in sets.
CREATE OR REPLACE FUNCTION audit.check_pruned() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
DECLARE
    now_gone bigint;
    now_digest text;
    upto bigint;
    bad record;
    cases text[];
BEGIN
    IF NOT EXISTS (SELECT FROM deleted) THEN
        RETURN NULL;
    END IF;
    SELECT * INTO now_gone, now_digest FROM audit.gone_today();
    SELECT max(o.below) INTO upto FROM audit.event e, LATERAL audit.pruning_order(e.id) o
    WHERE e.name = 'retention.pruned' AND o.gone = now_gone AND o.digest = now_digest;
    IF upto IS NULL THEN
        RAISE EXCEPTION 'DELETE on audit.event is refused: the record is append-only, and no signed retention.pruned '
            'names exactly what would be gone' USING ERRCODE = 'AU001';
    END IF;
    SELECT d.name, d.case_id INTO bad FROM deleted d LEFT JOIN audit.leaf l ON l.n = d.n
        LEFT JOIN audit.prunable_names('{decisions,runs,access}') p ON p.name = d.name
        WHERE (l.leaf_index < upto AND d.at < clock_timestamp() - make_interval(days => greatest(p.days, 184))
               AND p.name IS NOT NULL) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% of % is still in its period', bad.name, bad.case_id USING ERRCODE = 'AU008';
    END IF;
    SELECT array_agg(DISTINCT d.case_id) INTO cases FROM deleted d;
    SELECT h.case_id, h.hold INTO bad FROM audit.held_among(cases) h LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is under legal hold %', bad.case_id, bad.hold USING ERRCODE = 'AU008';
    END IF;
    SELECT a.case_id INTO bad FROM audit.open_among(cases) AS a (case_id) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION '% is still open', bad.case_id USING ERRCODE = 'AU008';
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
