-- What earlier cases are found by, the keeper's work list, and cases that bind. Frozen once shipped.

-- Payload before evidence: a word in the payload weighs more.
ALTER TABLE reviews_precedenttext ADD COLUMN lexemes tsvector GENERATED ALWAYS AS (
    setweight(to_tsvector('pg_catalog.english'::regconfig, words), 'A')
    || setweight(to_tsvector('pg_catalog.english'::regconfig, context), 'C')) STORED;
CREATE INDEX precedent_lexemes ON reviews_precedenttext USING gin (lexemes) WITH (fastupdate = off);
ALTER TABLE reviews_precedenttext
    ADD CONSTRAINT precedent_verdict CHECK (verdict IN ('approve', 'reject')),
    ADD CONSTRAINT precedent_size CHECK (length(words) <= 8000 AND length(context) <= 8000);
ALTER TABLE reviews_precedentdue ADD CONSTRAINT precedent_due_what CHECK (what IN ('find', 'keep'));

-- A case that came to people, or changed there, wants its precedents; one that they decided may become one.
CREATE FUNCTION reviews_precedent_due() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_precedentdue (action_id, what)
    VALUES (NEW.id, CASE NEW.state WHEN 'pending' THEN 'find' ELSE 'keep' END)
    ON CONFLICT (action_id, what) DO UPDATE SET at = clock_timestamp();
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_action_precedent AFTER UPDATE ON reviews_action FOR EACH ROW
    WHEN ((NEW.state = 'pending' AND (OLD.state = 'proposed' OR OLD.revision <> NEW.revision))
          OR (OLD.state = 'pending' AND NEW.state IN ('approved', 'rejected')))
    EXECUTE FUNCTION reviews_precedent_due();

-- A precedent is a case that people decided and that was released; its type is the case's own.
CREATE FUNCTION reviews_precedent_kept() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM reviews_action a JOIN reviews_decision d ON d.action_id = a.id AND d.revision = a.revision
        WHERE a.id = NEW.action_id AND a.type_id = NEW.action_type_id AND a.revision = NEW.revision
          AND a.state NOT IN ('proposed', 'pending', 'expired', 'withdrawn') AND a.release_at <= clock_timestamp()
          AND d.verdict = NEW.verdict AND d.reviewer_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM reviews_retraction x WHERE x.decision_id = d.id))
       OR EXISTS (SELECT FROM reviews_item i WHERE i.action_id = NEW.action_id AND i.purpose = 'canary') THEN
        RAISE EXCEPTION 'only what people decided, and what was released, is a precedent' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_precedent_kept BEFORE INSERT ON reviews_precedenttext
    FOR EACH ROW EXECUTE FUNCTION reviews_precedent_kept();

-- The text goes with the bytes that it was derived from, whoever erases them.
CREATE FUNCTION reviews_precedent_forgotten() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE target uuid;
BEGIN
    IF TG_TABLE_NAME = 'reviews_revisionbody' THEN
        SELECT r.action_id INTO target FROM reviews_revision r WHERE r.id = OLD.revision_id;
    ELSE
        SELECT e.action_id INTO target FROM reviews_evidence e WHERE e.id = OLD.evidence_id;
    END IF;
    DELETE FROM reviews_precedenttext p WHERE p.action_id = target;
    RETURN NULL;
END $$;
CREATE TRIGGER reviews_revisionbody_precedent AFTER DELETE ON reviews_revisionbody
    FOR EACH ROW EXECUTE FUNCTION reviews_precedent_forgotten();
CREATE TRIGGER reviews_evidencebody_precedent AFTER DELETE ON reviews_evidencebody
    FOR EACH ROW EXECUTE FUNCTION reviews_precedent_forgotten();

-- A case binds for a year at most, and is let go once, by somebody, with a reason.
CREATE FUNCTION reviews_binding_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.at := clock_timestamp();
        IF NEW.lifted_at IS NOT NULL OR NEW.expires > NEW.at + interval '366 days' OR NOT EXISTS (
            SELECT FROM reviews_action a
            WHERE a.id = NEW.action_id AND a.type_id = NEW.action_type_id AND a.release_at <= clock_timestamp()
              AND a.state NOT IN ('proposed', 'pending', 'expired', 'withdrawn')) THEN
            RAISE EXCEPTION 'what binds is decided, released, and ends within a year' USING ERRCODE = 'DK003';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.id, OLD.action_id, OLD.action_type_id, OLD.note, OLD.by_id, OLD.at, OLD.expires)
       IS DISTINCT FROM (NEW.id, NEW.action_id, NEW.action_type_id, NEW.note, NEW.by_id, NEW.at, NEW.expires)
       OR OLD.lifted_at IS NOT NULL OR NEW.lifted_at IS NULL OR NEW.lifted_by_id IS NULL OR NEW.lift_reason = '' THEN
        RAISE EXCEPTION 'a precedent is let go once, by somebody, with a reason' USING ERRCODE = 'DK003';
    END IF;
    NEW.lifted_at := clock_timestamp();
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_binding_changes BEFORE INSERT OR UPDATE ON reviews_bindingprecedent
    FOR EACH ROW EXECUTE FUNCTION reviews_binding_changes();

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['precedent', 'precedentsearch'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_append_only BEFORE UPDATE OR DELETE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
    CREATE TRIGGER reviews_bindingprecedent_stays BEFORE DELETE ON reviews_bindingprecedent
        FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
    CREATE TRIGGER reviews_precedenttext_kept BEFORE UPDATE ON reviews_precedenttext
        FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
    CREATE TRIGGER reviews_precedenttext_erased BEFORE DELETE ON reviews_precedenttext
        FOR EACH ROW EXECUTE FUNCTION reviews_body_erased();
    FOREACH t IN ARRAY ARRAY['precedent', 'precedentsearch', 'precedenttext', 'bindingprecedent'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_no_truncate BEFORE TRUNCATE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
END $$;

-- What was there before: cases that people decided, and those that wait.
INSERT INTO reviews_precedentdue (action_id, what)
    SELECT DISTINCT d.action_id, 'keep' FROM reviews_decision d
    WHERE d.verdict IN ('approve', 'reject') AND d.reviewer_id IS NOT NULL
    UNION ALL SELECT i.action_id, 'find' FROM reviews_item i WHERE i.closed_at IS NULL AND i.purpose IN ('gate', 'question');
