-- Revisions, messages, evidence and their erasable bodies. DK004: the bytes are not what the digest says.

CREATE FUNCTION reviews_revision_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    a reviews_action;
    kind reviews_actiontype;
BEGIN
    PERFORM reviews_demand_own(NEW.action_id);
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF NOT ((NEW.number = 1 AND a.revision = 1 AND a.state = 'proposed' AND a.digest = NEW.digest)
            OR (a.state = 'pending' AND NEW.number > 1
                AND (NEW.number = a.revision + 1 OR (NEW.number = a.revision AND a.digest = NEW.digest)))) THEN
        RAISE EXCEPTION 'a revision is the next one of a pending action' USING ERRCODE = 'DK004';
    END IF;
    IF (NEW.number = 1 AND NEW.author_id IS DISTINCT FROM a.requested_by_id)
       OR (NEW.number > 1 AND NEW.author_id IS NULL AND NOT audit.is_role('agent'))
       OR (NEW.author_id IS NOT NULL AND NOT audit.is_role('web')) THEN
        RAISE EXCEPTION 'a revision names its author: a person through web, or else the agent' USING ERRCODE = 'DK002';
    END IF;
    IF NEW.self_edit THEN
        SELECT * INTO kind FROM reviews_actiontype t WHERE t.name = a.type_id;
        IF NEW.number = 1 OR a.needed > 1 OR NOT coalesce(kind.self_edit,
               a.risk IN ('low', 'medium') AND a.reversibility <> 'irreversible') THEN
            RAISE EXCEPTION 'this type does not let an editor approve the edit' USING ERRCODE = 'DK012';
        END IF;
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_message_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE last_number integer;
BEGIN
    PERFORM reviews_demand_own(NEW.action_id);
    PERFORM FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    SELECT coalesce(max(m.number), 0) INTO last_number FROM reviews_message m WHERE m.action_id = NEW.action_id;
    IF NEW.number <> last_number + 1 THEN
        RAISE EXCEPTION 'the next message of this thread is number %', last_number + 1 USING ERRCODE = 'DK011';
    END IF;
    IF (NEW.author_id IS NOT NULL AND NOT audit.is_role('web'))
       OR (NEW.kind = 'question' AND NEW.author_id IS NULL)
       OR (audit.role() = 'agent' AND NEW.kind NOT IN ('reasoning', 'answer', 'comment')) THEN
        RAISE EXCEPTION 'people write through web, in their own name' USING ERRCODE = 'DK002';
    END IF;
    IF NEW.in_reply_to_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM reviews_message q WHERE q.id = NEW.in_reply_to_id AND q.action_id = NEW.action_id) THEN
        RAISE EXCEPTION 'an answer stays in its thread' USING ERRCODE = 'DK002';
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_evidence_added() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    now_in text;
    last_number integer;
BEGIN
    PERFORM reviews_demand_own(NEW.action_id);
    SELECT x.state INTO now_in FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    SELECT coalesce(max(e.number), 0) INTO last_number FROM reviews_evidence e WHERE e.action_id = NEW.action_id;
    IF NEW.number <> last_number + 1 THEN
        RAISE EXCEPTION 'the next evidence of this action is number %', last_number + 1 USING ERRCODE = 'DK011';
    END IF;
    IF now_in NOT IN ('proposed', 'pending') THEN
        RAISE EXCEPTION 'evidence comes before the decision' USING ERRCODE = 'DK010';
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;

-- The digest that people decide on is sha256(salt || plaintext) of what is stored here.
CREATE FUNCTION reviews_revision_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_revision;
BEGIN
    SELECT * INTO head FROM reviews_revision r WHERE r.id = NEW.revision_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NEW.scheme <> 0 OR head.digest <> sha256(NEW.salt || NEW.body) THEN
        RAISE EXCEPTION 'the bytes are not those of the digest' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_message_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_message;
BEGIN
    SELECT * INTO head FROM reviews_message m WHERE m.id = NEW.message_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NEW.scheme <> 0 OR head.digest <> sha256(NEW.salt || NEW.body) THEN
        RAISE EXCEPTION 'the text is not that of the digest' USING ERRCODE = 'DK004';
    END IF;
    IF char_length(reviews_text(NEW.body)) > (CASE head.kind WHEN 'reasoning' THEN 20000 ELSE 4000 END) THEN
        RAISE EXCEPTION 'the text is too long' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_evidence_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_evidence;
BEGIN
    SELECT * INTO head FROM reviews_evidence e WHERE e.id = NEW.evidence_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NEW.scheme <> 0 OR head.digest <> sha256(NEW.salt || NEW.body) THEN
        RAISE EXCEPTION 'the artefact is not that of the digest' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;

-- The words of a message: its bytes are a JSON object with `text`.
CREATE FUNCTION reviews_text(body bytea) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT convert_from(body, 'UTF8')::jsonb ->> 'text'
$$;

CREATE TRIGGER reviews_revision_added BEFORE INSERT ON reviews_revision
    FOR EACH ROW EXECUTE FUNCTION reviews_revision_added();
CREATE TRIGGER reviews_message_added BEFORE INSERT ON reviews_message
    FOR EACH ROW EXECUTE FUNCTION reviews_message_added();
CREATE TRIGGER reviews_evidence_added BEFORE INSERT ON reviews_evidence
    FOR EACH ROW EXECUTE FUNCTION reviews_evidence_added();
CREATE TRIGGER reviews_revision_body BEFORE INSERT ON reviews_revisionbody
    FOR EACH ROW EXECUTE FUNCTION reviews_revision_body();
CREATE TRIGGER reviews_message_body BEFORE INSERT ON reviews_messagebody
    FOR EACH ROW EXECUTE FUNCTION reviews_message_body();
CREATE TRIGGER reviews_evidence_body BEFORE INSERT ON reviews_evidencebody
    FOR EACH ROW EXECUTE FUNCTION reviews_evidence_body();
