-- Attachments, mentions, following, provisional verdicts. Frozen once shipped.

ALTER TABLE reviews_evidence ADD CONSTRAINT evidence_media
    CHECK (media IN ('text/plain', 'application/pdf', 'image/png', 'image/jpeg', 'image/webp'));

-- What the first bytes of a file say it is; a name or a header says nothing.
CREATE FUNCTION reviews_media(body bytea) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        WHEN substring(body FROM 1 FOR 5) = '%PDF-'::bytea THEN 'application/pdf'
        WHEN substring(body FROM 1 FOR 8) = '\x89504e470d0a1a0a'::bytea THEN 'image/png'
        WHEN substring(body FROM 1 FOR 3) = '\xffd8ff'::bytea THEN 'image/jpeg'
        WHEN substring(body FROM 1 FOR 4) = 'RIFF'::bytea AND substring(body FROM 9 FOR 4) = 'WEBP'::bytea THEN 'image/webp'
        ELSE 'text/plain' END
$$;

CREATE FUNCTION reviews_evidence_media() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.scheme = 0 AND EXISTS (
        SELECT FROM reviews_evidence e
        WHERE e.id = NEW.evidence_id AND e.kind = 'file' AND e.media <> reviews_media(NEW.body)) THEN
        RAISE EXCEPTION 'the file is not what it is said to be' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_evidence_media BEFORE INSERT ON reviews_evidencebody
    FOR EACH ROW EXECUTE FUNCTION reviews_evidence_media();

-- People attach through web, in their own name; only a file has another type than text.
CREATE FUNCTION reviews_evidence_author() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.author_id IS NOT NULL AND NOT audit.is_role('web') THEN
        RAISE EXCEPTION 'people attach through web, in their own name' USING ERRCODE = 'DK002';
    END IF;
    IF NEW.kind <> 'file' AND NEW.media <> 'text/plain' THEN
        RAISE EXCEPTION 'only a file is anything but text' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER reviews_evidence_author BEFORE INSERT ON reviews_evidence
    FOR EACH ROW EXECUTE FUNCTION reviews_evidence_author();

-- A run has added something to its own case. Whoever has it on a page, in a list too, has not seen that: its version rises.
CREATE OR REPLACE FUNCTION reviews_agent_touch(action uuid, case_seq bigint, case_head bytea) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM reviews_demand_own(reviews_agent_touch.action);
    UPDATE reviews_action a SET case_seq = reviews_agent_touch.case_seq, case_head = reviews_agent_touch.case_head
        WHERE a.id = reviews_agent_touch.action;
    UPDATE reviews_item i SET version = i.version + 1
        WHERE i.action_id = reviews_agent_touch.action AND i.closed_at IS NULL;
    PERFORM reviews_stamp_queues(reviews_agent_touch.action);
END $$;

-- What kind of answer a reviewer's question asks for, as JSON; NULL is free text. For its own agent alone.
CREATE FUNCTION reviews_expects(question uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE asked record;
BEGIN
    SELECT m.action_id, b.body INTO asked FROM reviews_message m JOIN reviews_messagebody b ON b.message_id = m.id
        WHERE m.id = reviews_expects.question AND m.kind = 'question' AND b.scheme = 0;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM reviews_demand_own(asked.action_id);
    RETURN convert_from(asked.body, 'UTF8')::jsonb ->> 'expects';
END $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['mention', 'provisionalverdict'] LOOP
        EXECUTE format('CREATE TRIGGER reviews_%s_append_only BEFORE UPDATE OR DELETE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
        EXECUTE format('CREATE TRIGGER reviews_%s_no_truncate BEFORE TRUNCATE ON reviews_%s
            FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change()', t, t);
    END LOOP;
END $$;
