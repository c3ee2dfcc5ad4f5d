-- What the search reads beside the events: a sequenced event's type, agent, verdict, reason and words. Derived, and
-- made again from the record whenever it is lost. The keeper fills it in tree order, so that no event is skipped.
CREATE TABLE audit.search (
    n bigint PRIMARY KEY,
    leaf_index bigint NOT NULL UNIQUE,
    type text,
    agent text,
    verdict text,
    reason_code text,
    words tsvector
);
CREATE INDEX search_by_type ON audit.search (type, n);
CREATE INDEX search_by_agent ON audit.search (agent, n);
CREATE INDEX search_by_verdict ON audit.search (verdict, n) WHERE verdict IS NOT NULL;
CREATE INDEX search_by_reason ON audit.search (reason_code, n) WHERE reason_code IS NOT NULL;
CREATE INDEX search_by_words ON audit.search USING gin (words) WITH (fastupdate = off);

-- The next events without a row here get one, without words yet: (n, event, case) of each. An event says its type and
-- agent itself, or its case's first event does. Indexes whose events are gone are passed over.
CREATE FUNCTION audit.index_next(most integer) RETURNS TABLE (n bigint, event uuid, case_of text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
#variable_conflict use_column
DECLARE mark bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));
    SELECT coalesce(max(s.leaf_index), -1) INTO mark FROM audit.search s;
    RETURN QUERY
    WITH fresh AS (
        SELECT l.leaf_index, e.n, e.id, e.case_id, e.case_seq, convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS d
        FROM audit.leaf l JOIN audit.event e ON e.n = l.n
        WHERE l.leaf_index > mark ORDER BY l.leaf_index LIMIT most
    ), told AS (
        SELECT f.*, CASE WHEN f.case_seq = 1 THEN f.d ELSE (
            SELECT convert_from(b.leaf, 'UTF8')::jsonb -> 'data' FROM audit.event b
            WHERE b.case_id = f.case_id AND b.case_seq = 1) END AS first
        FROM fresh f
    ), added AS (
        INSERT INTO audit.search (n, leaf_index, type, agent, verdict, reason_code)
        SELECT t.n, t.leaf_index,
               nullif(coalesce(t.d ->> 'type', t.first ->> 'type'), ''),
               nullif(coalesce(t.d ->> 'principal', t.first ->> 'proposer', t.first ->> 'principal',
                               t.first ->> 'agent'), ''),
               nullif(t.d ->> 'verdict', ''), nullif(t.d ->> 'reason_code', '')
        FROM told t ON CONFLICT DO NOTHING
    )
    SELECT f.n, f.id, f.case_id FROM fresh f;
END $$;

-- The words of events, in the transaction of `index_next` or when they are stored another way.
CREATE FUNCTION audit.index_words(of_n bigint[], said text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));
    UPDATE audit.search s SET words = array_to_tsvector(string_to_array(w.told, ' '))
        FROM unnest(of_n, said) AS w (n, told) WHERE s.n = w.n AND w.told <> '';
END $$;

-- With a text its words go. Waits for an indexer that has read it already.
CREATE FUNCTION audit.forget_words(event uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('audit words', 0));
    UPDATE audit.search s SET words = NULL FROM audit.event e WHERE e.id = event AND s.n = e.n;
END $$;

CREATE OR REPLACE FUNCTION audit.erase(event uuid, field text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    PERFORM audit.demand_erasable(event, field);
    PERFORM audit.forget_words(event);
    DELETE FROM audit.content c WHERE c.event_id = erase.event AND c.field = erase.field;
    RETURN FOUND;
END $$;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'audit'::regnamespace LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
