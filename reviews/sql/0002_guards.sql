-- Rows that are only ever added, rows that are never removed, texts that leave only by an audited erasure. DK001.

CREATE FUNCTION reviews_refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% on % is refused', TG_OP, TG_TABLE_NAME USING ERRCODE = 'DK001';
END $$;

DO $$
DECLARE t text;
BEGIN
    -- Added, and never changed.
    FOREACH t IN ARRAY ARRAY['decision', 'retraction', 'revision', 'message', 'evidence', 'policyversion', 'level'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_append_only BEFORE UPDATE OR DELETE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
    -- Changed under rules of their own, and never removed.
    FOREACH t IN ARRAY ARRAY['action', 'attempt', 'item', 'stop'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_stays BEFORE DELETE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
    -- Added, and removed by erasure alone.
    FOREACH t IN ARRAY ARRAY['revisionbody', 'messagebody', 'evidencebody', 'searchtext'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_kept BEFORE UPDATE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
    -- Emptied by nobody.
    FOREACH t IN ARRAY ARRAY['decision', 'retraction', 'revision', 'message', 'evidence', 'policyversion', 'level',
                             'action', 'attempt', 'item', 'stop', 'revisionbody', 'messagebody', 'evidencebody',
                             'searchtext'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_no_truncate BEFORE TRUNCATE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
END $$;

-- Runs as who deletes: only the erase function, on behalf of web, is both the tables' owner and not its login.
CREATE FUNCTION reviews_body_erased() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT audit.is_role('web') OR NOT EXISTS (
        SELECT FROM pg_class c WHERE c.oid = TG_RELID AND pg_get_userbyid(c.relowner) = current_user) THEN
        RAISE EXCEPTION 'DELETE on % is refused', TG_TABLE_NAME USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER reviews_revisionbody_erased BEFORE DELETE ON reviews_revisionbody
    FOR EACH ROW EXECUTE FUNCTION reviews_body_erased();
CREATE TRIGGER reviews_messagebody_erased BEFORE DELETE ON reviews_messagebody
    FOR EACH ROW EXECUTE FUNCTION reviews_body_erased();
CREATE TRIGGER reviews_evidencebody_erased BEFORE DELETE ON reviews_evidencebody
    FOR EACH ROW EXECUTE FUNCTION reviews_body_erased();
CREATE TRIGGER reviews_searchtext_erased BEFORE DELETE ON reviews_searchtext
    FOR EACH ROW EXECUTE FUNCTION reviews_body_erased();

-- Erases what event `event` brought under `field`, salt included, of an action that is over. True if it was there.
-- Fields: payload, text or message_<number>, evidence or evidence_<number>.
CREATE FUNCTION reviews_erase(event uuid, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    target uuid;
    erased integer;
BEGIN
    SELECT x.action_id INTO target FROM (
        SELECT r.action_id FROM reviews_revision r WHERE r.event_id = event AND field = 'payload'
        UNION ALL SELECT m.action_id FROM reviews_message m
            WHERE m.event_id = event AND field IN ('text', 'message_' || m.number)
        UNION ALL SELECT e.action_id FROM reviews_evidence e
            WHERE e.event_id = event AND field IN ('evidence', 'evidence_' || e.number)) x LIMIT 1;
    PERFORM FROM reviews_action a WHERE a.id = target AND a.closed_at IS NOT NULL
        AND (a.state <> 'rejected' OR a.release_at <= clock_timestamp()) FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'texts are erased once their action is over' USING ERRCODE = 'DK001';
    END IF;
    WITH p AS (
        DELETE FROM reviews_revisionbody b USING reviews_revision r
        WHERE b.revision_id = r.id AND r.event_id = event AND field = 'payload' RETURNING 1
    ), m AS (
        DELETE FROM reviews_messagebody b USING reviews_message x
        WHERE b.message_id = x.id AND x.event_id = event AND field IN ('text', 'message_' || x.number) RETURNING 1
    ), e AS (
        DELETE FROM reviews_evidencebody b USING reviews_evidence x
        WHERE b.evidence_id = x.id AND x.event_id = event AND field IN ('evidence', 'evidence_' || x.number) RETURNING 1
    ), s AS (
        DELETE FROM reviews_searchtext t WHERE t.action_id = target
    )
    SELECT (SELECT count(*) FROM p) + (SELECT count(*) FROM m) + (SELECT count(*) FROM e) INTO erased;
    RETURN erased > 0;
END $$;

-- At COMMIT: an event of this transaction says what was erased.
CREATE FUNCTION reviews_erasure_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    event uuid;
    fields text[];
BEGIN
    CASE TG_TABLE_NAME
        WHEN 'reviews_revisionbody' THEN
            SELECT r.event_id, ARRAY['payload'] INTO event, fields FROM reviews_revision r WHERE r.id = OLD.revision_id;
        WHEN 'reviews_messagebody' THEN
            SELECT m.event_id, ARRAY['text', 'message_' || m.number] INTO event, fields
            FROM reviews_message m WHERE m.id = OLD.message_id;
        ELSE
            SELECT e.event_id, ARRAY['evidence', 'evidence_' || e.number] INTO event, fields
            FROM reviews_evidence e WHERE e.id = OLD.evidence_id;
    END CASE;
    IF NOT EXISTS (SELECT FROM unnest(fields) f WHERE audit.attests_erasure(event, f)) THEN
        RAISE EXCEPTION 'a text was erased, and no event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER reviews_revisionbody_told AFTER DELETE ON reviews_revisionbody
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_erasure_told();
CREATE CONSTRAINT TRIGGER reviews_messagebody_told AFTER DELETE ON reviews_messagebody
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_erasure_told();
CREATE CONSTRAINT TRIGGER reviews_evidencebody_told AFTER DELETE ON reviews_evidencebody
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reviews_erasure_told();

-- A stop is placed once and lifted once, with a reason.
CREATE FUNCTION reviews_stop_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.at := clock_timestamp();
        IF num_nonnulls(NEW.lifted_at, NEW.lifted_by_id) > 0 OR NEW.lift_reason <> '' THEN
            RAISE EXCEPTION 'a new stop stands' USING ERRCODE = 'DK003';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.id, OLD.scope, OLD.action_type_id, OLD.principal_id, OLD.reason, OLD.by_id, OLD.at)
       IS DISTINCT FROM (NEW.id, NEW.scope, NEW.action_type_id, NEW.principal_id, NEW.reason, NEW.by_id, NEW.at)
       OR OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL OR NEW.lifted_by_id IS NULL OR NEW.lift_reason = '' THEN
        RAISE EXCEPTION 'a stop is lifted once, by somebody, with a reason' USING ERRCODE = 'DK003';
    END IF;
    NEW.lifted_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_stop_changes BEFORE INSERT OR UPDATE ON reviews_stop
    FOR EACH ROW EXECUTE FUNCTION reviews_stop_changes();

-- A process gives its own sign of life, nobody else's.
CREATE FUNCTION reviews_heartbeat_own() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kinds text[] := CASE audit.role() WHEN 'web' THEN '{web}' WHEN 'router' THEN '{keeper}' WHEN 'agent' THEN '{agents}'
                        WHEN 'executor' THEN '{executor,drain}' WHEN 'sequencer' THEN '{sequencer}' END;
BEGIN
    IF audit.role() NOT IN ('one', 'superuser') AND (
        NEW.kind <> ALL (kinds) OR NEW.name NOT LIKE NEW.kind || '@%'
        OR (TG_OP = 'UPDATE' AND (OLD.name, OLD.kind) <> (NEW.name, NEW.kind))) THEN
        RAISE EXCEPTION '% gives no sign of life as %', audit.role(), NEW.name USING ERRCODE = 'DK002';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_heartbeat_own BEFORE INSERT OR UPDATE ON reviews_heartbeat
    FOR EACH ROW EXECUTE FUNCTION reviews_heartbeat_own();

-- The keeper takes autonomy away when it lapses; it never gives any.
CREATE FUNCTION reviews_level_set() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE standing text;
BEGIN
    IF audit.role() = 'router' THEN
        SELECT l.level INTO standing FROM reviews_level l
            WHERE l.principal_id = NEW.principal_id AND l.version = NEW.version
              AND l.action_type_id = NEW.action_type_id ORDER BY l.at DESC LIMIT 1;
        IF NEW.level >= coalesce(standing, 'L0') OR NEW.tau IS NOT NULL THEN
            RAISE EXCEPTION 'the keeper only lowers levels' USING ERRCODE = 'DK003';
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_level_set BEFORE INSERT ON reviews_level
    FOR EACH ROW EXECUTE FUNCTION reviews_level_set();
