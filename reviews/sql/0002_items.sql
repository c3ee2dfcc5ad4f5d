-- Visits to a queue, and the cube of how many wait where.

CREATE FUNCTION reviews_item_born() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT audit.is_role('router') THEN
        RAISE EXCEPTION 'the router brings actions into a queue' USING ERRCODE = 'DK009';
    END IF;
    NEW.ref := nextval('reviews_item_ref');
    NEW.action_type_id := a.type_id;
    NEW.principal_id := a.proposer_id;
    NEW.risk := a.risk;
    NEW.confidence := a.confidence;
    NEW.entered := clock_timestamp();
    NEW.version := 1;
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_item_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (OLD.id, OLD.ref, OLD.action_id, OLD.purpose, OLD.action_type_id, OLD.principal_id, OLD.risk, OLD.confidence,
        OLD.entered)
       IS DISTINCT FROM
       (NEW.id, NEW.ref, NEW.action_id, NEW.purpose, NEW.action_type_id, NEW.principal_id, NEW.risk, NEW.confidence,
        NEW.entered) OR NEW.version < OLD.version THEN
        RAISE EXCEPTION 'a visit keeps what it is about' USING ERRCODE = 'DK003';
    END IF;
    IF NEW.queue_id <> OLD.queue_id AND NOT audit.is_role('router') AND NOT EXISTS (
        SELECT FROM reviews_decision d
        WHERE d.item_id = NEW.id AND d.verdict = 'escalate' AND d.created_at >= transaction_timestamp()) THEN
        RAISE EXCEPTION 'a visit changes its queue by routing or escalation' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;

-- One row for each cell that a statement touched: -1 old, +1 new. In the same transaction, so cube + deltas is exact.
CREATE FUNCTION reviews_items_entered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_pending_delta (queue, risk, cb, dn, low)
    SELECT n.queue_id, n.risk_rank, n.cb, count(*), min(n.prio) FROM new_rows n WHERE n.waiting GROUP BY 1, 2, 3;
    RETURN NULL;
END $$;

CREATE FUNCTION reviews_items_moved() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_pending_delta (queue, risk, cb, dn, low)
    SELECT x.queue_id, x.risk_rank, x.cb, sum(x.dn), min(x.low)
    FROM new_rows n JOIN old_rows o ON o.id = n.id
    CROSS JOIN LATERAL (
        SELECT o.queue_id, o.risk_rank, o.cb, -1 AS dn, NULL::bigint AS low WHERE o.waiting
        UNION ALL
        SELECT n.queue_id, n.risk_rank, n.cb, 1, n.prio WHERE n.waiting) x
    WHERE (o.waiting, o.queue_id, o.risk_rank, o.cb, o.prio)
        IS DISTINCT FROM (n.waiting, n.queue_id, n.risk_rank, n.cb, n.prio)
    GROUP BY 1, 2, 3 HAVING sum(x.dn) <> 0 OR min(x.low) IS NOT NULL;
    RETURN NULL;
END $$;

-- Fold the deltas, and raise each touched cell's low-water mark to its first live row, in one snapshot.
CREATE FUNCTION reviews_cube_rollup() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE folded bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('reviews_cube_rollup', 0));
    WITH taken AS (
        DELETE FROM reviews_pending_delta RETURNING *
    ), cells AS (
        SELECT t.queue, t.risk, t.cb, sum(t.dn) AS dn, min(t.low) AS low, count(*) AS rows FROM taken t GROUP BY 1, 2, 3
    ), marked AS (
        SELECT c.queue, c.risk, c.cb, c.dn, c.rows, coalesce(first.prio, 9223372036854775807) AS low, first.entered
        FROM cells c LEFT JOIN reviews_pending_cube k USING (queue, risk, cb)
        LEFT JOIN LATERAL (
            SELECT i.prio, i.entered FROM reviews_item i
            WHERE i.waiting AND i.queue_id = c.queue AND i.risk_rank = c.risk AND i.cb = c.cb
              AND i.prio >= least(coalesce(k.low, -9223372036854775808), coalesce(c.low, 9223372036854775807))
            ORDER BY i.prio, i.entered LIMIT 1) first ON true
    ), written AS (
        INSERT INTO reviews_pending_cube AS k (queue, risk, cb, n, low, low_at)
        SELECT m.queue, m.risk, m.cb, m.dn, m.low, m.entered FROM marked m
        ON CONFLICT (queue, risk, cb) DO UPDATE SET n = k.n + excluded.n, low = excluded.low, low_at = excluded.low_at
    )
    SELECT coalesce(sum(m.rows), 0) INTO folded FROM marked m;
    RETURN folded;
END $$;

-- What pages read: exact at every moment. low_at NULL: from the beginning of that priority.
CREATE VIEW reviews_cube AS
    SELECT queue, risk, cb, sum(n)::bigint AS n, min(low) AS low,
           (array_agg(low_at ORDER BY low, low_at NULLS FIRST))[1] AS low_at
    FROM (SELECT queue, risk, cb, n, low, low_at FROM reviews_pending_cube
          UNION ALL
          SELECT queue, risk, cb, dn, coalesce(low, 9223372036854775807), NULL FROM reviews_pending_delta) cells
    GROUP BY queue, risk, cb HAVING sum(n) > 0;

-- Cells whose count is not what is really there; none, unless something is wrong.
CREATE FUNCTION reviews_cube_drift() RETURNS TABLE (queue text, risk smallint, cb smallint, counted bigint, cube bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce(i.queue_id, c.queue), coalesce(i.risk_rank, c.risk), coalesce(i.cb, c.cb), coalesce(i.n, 0),
           coalesce(c.n, 0)
    FROM (SELECT queue_id, risk_rank, x.cb, count(*) AS n FROM reviews_item x WHERE waiting GROUP BY 1, 2, 3) i
    FULL JOIN reviews_cube c ON c.queue = i.queue_id AND c.risk = i.risk_rank AND c.cb = i.cb
    WHERE coalesce(i.n, 0) <> coalesce(c.n, 0)
$$;

CREATE TRIGGER reviews_item_born BEFORE INSERT ON reviews_item FOR EACH ROW EXECUTE FUNCTION reviews_item_born();
CREATE TRIGGER reviews_item_changes BEFORE UPDATE ON reviews_item FOR EACH ROW EXECUTE FUNCTION reviews_item_changes();
CREATE TRIGGER reviews_items_entered AFTER INSERT ON reviews_item REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_items_entered();
CREATE TRIGGER reviews_items_moved AFTER UPDATE ON reviews_item
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_items_moved();

-- Each queue has its stamp from the start.
CREATE FUNCTION reviews_queue_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_queuestamp (queue_id, n) VALUES (NEW.name, 0) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_queue_made AFTER INSERT ON reviews_queue FOR EACH ROW EXECUTE FUNCTION reviews_queue_made();
