-- Bodies that lie sealed, and what keeps a text from being erased. DK001, DK004, AU008.

-- Sealing adds at most 430 bytes to what it hides.
ALTER TABLE reviews_revisionbody DROP CONSTRAINT revision_size,
    ADD CONSTRAINT revision_size CHECK (octet_length(body) <= 262144 + CASE scheme WHEN 1 THEN 512 ELSE 0 END);
ALTER TABLE reviews_messagebody DROP CONSTRAINT message_size,
    ADD CONSTRAINT message_size CHECK (octet_length(body) <= 131072 + CASE scheme WHEN 1 THEN 512 ELSE 0 END);
ALTER TABLE reviews_evidencebody DROP CONSTRAINT evidence_size,
    ADD CONSTRAINT evidence_size CHECK (octet_length(body) <= 1048576 + CASE scheme WHEN 1 THEN 512 ELSE 0 END);

-- Plain bytes are compared with the digest here; sealed ones by whoever opens them, before anything is done with them.
CREATE FUNCTION reviews_fits(digest bytea, scheme integer, salt bytea, body bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE scheme WHEN 0 THEN digest = sha256(salt || body) WHEN 1 THEN audit.is_sealed(body) ELSE false END
$$;

CREATE OR REPLACE FUNCTION reviews_revision_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_revision;
BEGIN
    SELECT * INTO head FROM reviews_revision r WHERE r.id = NEW.revision_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NOT reviews_fits(head.digest, NEW.scheme, NEW.salt, NEW.body) THEN
        RAISE EXCEPTION 'the bytes are not those of the digest' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION reviews_message_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_message;
BEGIN
    SELECT * INTO head FROM reviews_message m WHERE m.id = NEW.message_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NOT reviews_fits(head.digest, NEW.scheme, NEW.salt, NEW.body) THEN
        RAISE EXCEPTION 'the text is not that of the digest' USING ERRCODE = 'DK004';
    END IF;
    IF NEW.scheme = 0 AND
       char_length(reviews_text(NEW.body)) > (CASE head.kind WHEN 'reasoning' THEN 20000 ELSE 4000 END) THEN
        RAISE EXCEPTION 'the text is too long' USING ERRCODE = '23514';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION reviews_evidence_body() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE head reviews_evidence;
BEGIN
    SELECT * INTO head FROM reviews_evidence e WHERE e.id = NEW.evidence_id;
    PERFORM reviews_demand_own(head.action_id);
    IF NOT reviews_fits(head.digest, NEW.scheme, NEW.salt, NEW.body) THEN
        RAISE EXCEPTION 'the artefact is not that of the digest' USING ERRCODE = 'DK004';
    END IF;
    RETURN NEW;
END $$;

-- Sealed words go to the agent as they lie: a control character and base64, which its own key opens.
CREATE FUNCTION reviews_words(body bytea, path text) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE get_byte(body, 0) WHEN 1 THEN E'\x01' || encode(body, 'base64')
                                  ELSE convert_from(body, 'UTF8')::jsonb #>> ARRAY[path] END
$$;

CREATE OR REPLACE FUNCTION reviews_text(body bytea) RETURNS text
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_words(body, 'text')
$$;

-- The approved text as it lies, for the holder of the lease alone.
CREATE FUNCTION reviews_leased_text(target uuid, OUT salt bytea, OUT scheme integer, OUT body bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    SELECT * INTO a FROM reviews_action x WHERE x.id = target;
    IF NOT FOUND OR NOT reviews_holds(a) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    SELECT b.salt, b.scheme, b.body
        INTO reviews_leased_text.salt, reviews_leased_text.scheme, reviews_leased_text.body
        FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
        WHERE r.action_id = target AND r.number = a.revision;
END $$;

CREATE OR REPLACE FUNCTION reviews_rationale(event uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_words(c.body, '1') FROM audit.content c
    WHERE c.event_id = event AND c.field = 'rationale'
$$;

-- A proposal's repeat. Sealed bytes are compared by a keyed hash that lies where a plain row has its salt.
CREATE FUNCTION reviews_known_proposal(run uuid, proposer uuid, person bigint, key text, type text, body bytea,
                                       mark bytea) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    known reviews_action;
    who uuid := proposer;
BEGIN
    IF audit.role() = 'agent' AND reviews_known_proposal.run IS NULL THEN
        RAISE EXCEPTION 'an agent asks about its own run' USING ERRCODE = 'DK002';
    END IF;
    IF reviews_known_proposal.run IS NOT NULL THEN
        who := reviews_run_principal(reviews_known_proposal.run);
    END IF;
    SELECT * INTO known FROM reviews_action a
        WHERE a.dedup_key = key
          AND CASE WHEN person IS NULL THEN a.proposer_id = who AND a.requested_by_id IS NULL
                   ELSE a.requested_by_id = person END;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF known.type_id <> type OR NOT EXISTS (
        SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
        WHERE r.action_id = known.id AND r.number = 1
          AND CASE b.scheme WHEN 0 THEN r.digest = sha256(b.salt || reviews_known_proposal.body)
                            ELSE b.salt = reviews_known_proposal.mark END) THEN
        RAISE EXCEPTION 'this key was used for something else' USING ERRCODE = 'DK014';
    END IF;
    RETURN known.id;
END $$;

CREATE OR REPLACE FUNCTION reviews_known_proposal(run uuid, proposer uuid, person bigint, key text, type text,
                                                  body bytea) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_known_proposal(run, proposer, person, key, type, body, NULL)
$$;

-- Erasure -------------------------------------------------------------------------------------------------------

-- An action that is over: final, and past its undo window.
CREATE FUNCTION reviews_is_over(target uuid) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (SELECT FROM reviews_action a WHERE a.id = target AND a.closed_at IS NOT NULL
                   AND (a.state <> 'rejected' OR a.release_at <= clock_timestamp()))
$$;

CREATE OR REPLACE FUNCTION reviews_erase(event uuid, field text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    target uuid;
    erased integer;
BEGIN
    PERFORM audit.demand_erasable(event, field);
    PERFORM audit.forget_words(event);
    SELECT x.action_id INTO target FROM (
        SELECT r.action_id FROM reviews_revision r WHERE r.event_id = event AND field = 'payload'
        UNION ALL SELECT m.action_id FROM reviews_message m
            WHERE m.event_id = event AND field IN ('text', 'message_' || m.number)
        UNION ALL SELECT e.action_id FROM reviews_evidence e
            WHERE e.event_id = event AND field IN ('evidence', 'evidence_' || e.number)) x LIMIT 1;
    PERFORM FROM reviews_action a WHERE a.id = target FOR NO KEY UPDATE;
    IF NOT reviews_is_over(target) THEN
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
    UPDATE reviews_attempt t SET result = NULL, note = ''
        WHERE t.action_id = target AND (t.result IS NOT NULL OR t.note <> '') AND field = 'payload' AND NOT EXISTS (
            SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
            WHERE r.action_id = target);
    RETURN erased > 0;
END $$;

-- An attempt keeps what it is, and ends once. What the effect answered may be erased with the action's bytes.
CREATE OR REPLACE FUNCTION reviews_attempt_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE a reviews_action;
BEGIN
    IF OLD.ended_at IS NOT NULL AND NEW.result IS NULL AND NEW.note = '' AND audit.is_role('web')
       AND to_jsonb(OLD) - '{result,note}'::text[] = to_jsonb(NEW) - '{result,note}'::text[] AND NOT EXISTS (
           SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
           WHERE r.action_id = NEW.action_id) THEN
        RETURN NEW;  -- what the effect answered goes with the payload
    END IF;
    IF (OLD.id, OLD.action_id, OLD.fence, OLD.worker, OLD.revision, OLD.digest, OLD.key, OLD.leased_at, OLD.event_id)
       IS DISTINCT FROM
       (NEW.id, NEW.action_id, NEW.fence, NEW.worker, NEW.revision, NEW.digest, NEW.key, NEW.leased_at, NEW.event_id)
       OR OLD.ended_at IS NOT NULL THEN
        RAISE EXCEPTION 'an attempt keeps what it is, and ends once' USING ERRCODE = 'DK013';
    END IF;
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF a.fence <> NEW.fence OR NOT (reviews_holds(a) OR reviews_reaps(a, NEW)) THEN
        RAISE EXCEPTION 'the lease is no longer yours' USING ERRCODE = 'DK005';
    END IF;
    IF NEW.probe IS DISTINCT FROM OLD.probe THEN
        PERFORM reviews_check_probe(OLD, a);
    END IF;
    IF NEW.effect_at IS DISTINCT FROM OLD.effect_at THEN
        PERFORM reviews_check_begin(OLD, NEW, a);
        NEW.effect_at := clock_timestamp();
    END IF;
    IF num_nonnulls(NEW."end", NEW.ended_at) > 0 THEN
        NEW.ended_at := clock_timestamp();
        IF NEW."end" IS NULL OR (NEW."end" = 'succeeded' AND NEW.effect_at IS NULL
                                 AND NEW.probe IS DISTINCT FROM 'done') THEN
            RAISE EXCEPTION 'nothing succeeds that was not begun' USING ERRCODE = 'DK013';
        END IF;
    ELSIF NEW.result IS NOT NULL THEN
        RAISE EXCEPTION 'a result comes with the end' USING ERRCODE = 'DK013';
    END IF;
    RETURN NEW;
END $$;

-- The record's own texts wait for the end of their action too, whoever asks.
CREATE FUNCTION reviews_content_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE target uuid;
BEGIN
    SELECT reviews_case_action(e.case_id) INTO target FROM audit.event e WHERE e.id = OLD.event_id;
    IF EXISTS (SELECT FROM reviews_action a WHERE a.id = target) AND NOT reviews_is_over(target) THEN
        RAISE EXCEPTION 'texts are erased once their action is over' USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER reviews_content_erased BEFORE DELETE ON audit.content
    FOR EACH ROW EXECUTE FUNCTION reviews_content_erased();
ALTER TABLE audit.content ENABLE ALWAYS TRIGGER reviews_content_erased;

-- Nor does a subject's key go while one of its actions is open.
CREATE FUNCTION reviews_key_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM audit.subject s JOIN reviews_action a ON a.id = reviews_case_action(s.case_id)
               WHERE s.lookup = OLD.lookup AND NOT reviews_is_over(a.id)) THEN
        RAISE EXCEPTION 'the subject has an open action' USING ERRCODE = 'DK001';
    END IF;
    IF EXISTS (SELECT FROM audit.subject s JOIN reviews_revision r ON r.action_id = reviews_case_action(s.case_id)
               JOIN reviews_revisionbody b ON b.revision_id = r.id WHERE s.lookup = OLD.lookup)
       OR EXISTS (SELECT FROM audit.subject s JOIN reviews_message m ON m.action_id = reviews_case_action(s.case_id)
                  JOIN reviews_messagebody b ON b.message_id = m.id WHERE s.lookup = OLD.lookup)
       OR EXISTS (SELECT FROM audit.subject s JOIN reviews_evidence v ON v.action_id = reviews_case_action(s.case_id)
                  JOIN reviews_evidencebody b ON b.evidence_id = v.id WHERE s.lookup = OLD.lookup) THEN
        RAISE EXCEPTION 'texts of this subject are still here' USING ERRCODE = 'DK001';
    END IF;
    RETURN OLD;
END $$;
CREATE TRIGGER reviews_key_erased BEFORE DELETE ON audit.seal_key
    FOR EACH ROW EXECUTE FUNCTION reviews_key_erased();
ALTER TABLE audit.seal_key ENABLE ALWAYS TRIGGER reviews_key_erased;
CREATE TRIGGER reviews_key_erased BEFORE DELETE ON audit.subject
    FOR EACH ROW EXECUTE FUNCTION reviews_key_erased();
ALTER TABLE audit.subject ENABLE ALWAYS TRIGGER reviews_key_erased;

DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'reviews\_%' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
