-- Competence at the vote, and rows about people that only ever take one step. DK001, DK003, DK012, AU007.

-- The newest row of a name acts, so that a later one takes back what an earlier one gave.
CREATE FUNCTION reviews_qualified(person bigint, needed text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT needed = '' OR coalesce((
        SELECT q.valid_from <= clock_timestamp() AND q.valid_until > clock_timestamp()
        FROM reviews_qualification q WHERE q.user_id = person AND q.name = needed
        ORDER BY q.at DESC, q.id DESC LIMIT 1), false)
$$;

CREATE FUNCTION reviews_risk_rank(risk text) RETURNS integer
LANGUAGE sql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT array_position(ARRAY['low', 'medium', 'high', 'critical'], risk)
$$;

-- Some line of authority covers type and risk today, with its qualification. Amounts are judged by the service,
-- which reads the bytes by their type.
CREATE FUNCTION reviews_authorised(person bigint, its_type text, its_risk text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_authority a
        JOIN reviews_user_groups g ON g.group_id = a.group_id AND g.user_id = person
        WHERE (a.action_type_id IS NULL OR a.action_type_id = its_type)
          AND reviews_risk_rank(a.max_risk) >= reviews_risk_rank(its_risk)
          AND (a.valid_until IS NULL OR a.valid_until > clock_timestamp())
          AND reviews_qualified(person, a.qualification))
$$;

-- Named so that it runs after reviews_decision_cast, which locks the action and copies its risk.
CREATE FUNCTION reviews_decision_entitled() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE its_type text;
BEGIN
    SELECT a.type_id INTO its_type FROM reviews_action a WHERE a.id = NEW.action_id;
    IF NOT reviews_authorised(NEW.reviewer_id, its_type, NEW.risk) THEN
        RAISE EXCEPTION 'this reviewer has no authority, or no valid qualification, for it' USING ERRCODE = 'DK012';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER reviews_decision_entitled BEFORE INSERT ON reviews_decision
    FOR EACH ROW WHEN (NEW.reviewer_id IS NOT NULL AND NEW.verdict = 'approve')
    EXECUTE FUNCTION reviews_decision_entitled();

-- Qualifications, absences, invitations: written by web at the database's own time, and told by an event.
CREATE FUNCTION reviews_staff_born() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT audit.is_role('web') THEN
        RAISE EXCEPTION 'people are managed through web' USING ERRCODE = 'DK002';
    END IF;
    NEW.at := clock_timestamp();
    IF (to_jsonb(NEW) ->> 'expires')::timestamptz > NEW.at + interval '14 days' THEN
        RAISE EXCEPTION 'an invitation lasts 14 days at most' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;

-- What was written stays; an open end is closed once.
CREATE FUNCTION reviews_staff_kept() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    was jsonb := to_jsonb(OLD);
    is_now jsonb := to_jsonb(NEW);
    ends text[] := ARRAY['ended_at', 'used_at', 'revoked_at'];
    field text;
BEGIN
    IF was - ends <> is_now - ends THEN
        RAISE EXCEPTION 'what was written about a person stays as it is' USING ERRCODE = 'DK001';
    END IF;
    FOREACH field IN ARRAY ends LOOP
        IF was ->> field IS NOT NULL AND was -> field <> is_now -> field THEN
            RAISE EXCEPTION 'that was over already' USING ERRCODE = 'DK001';
        END IF;
    END LOOP;
    IF is_now ->> 'used_at' IS NOT NULL AND (was ->> 'used_at') IS NULL
       AND (is_now ->> 'revoked_at' IS NOT NULL OR (is_now ->> 'expires')::timestamptz <= clock_timestamp()) THEN
        RAISE EXCEPTION 'this invitation is over' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION reviews_staff_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    its_case text;
    told jsonb;
BEGIN
    SELECT 'person:' || u.pseudonym INTO its_case FROM reviews_user u WHERE u.id = NEW.user_id;
    SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' INTO told FROM audit.event e
        WHERE e.id = NEW.event_id AND e.case_id = its_case AND e.name = TG_ARGV[0];
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the event of this row is not there' USING ERRCODE = 'AU007';
    END IF;
    IF TG_ARGV[0] = 'qualification.recorded' AND (
        told ->> 'qualification' IS DISTINCT FROM to_jsonb(NEW) ->> 'name'
        OR (told ->> 'valid_until')::timestamptz IS DISTINCT FROM (to_jsonb(NEW) ->> 'valid_until')::timestamptz) THEN
        RAISE EXCEPTION 'the event tells another qualification' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    names text[] := ARRAY['qualification', 'absence', 'invitation'];
    events text[] := ARRAY['qualification.recorded', 'delegation.granted', 'account.changed'];
    tbl text;
BEGIN
    FOR i IN 1 .. 3 LOOP
        tbl := 'reviews_' || names[i];
        EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION reviews_staff_born()',
                       tbl || '_born', tbl);
        EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION reviews_staff_kept()',
                       tbl || '_kept', tbl);
        EXECUTE format('CREATE CONSTRAINT TRIGGER %I AFTER INSERT ON %I DEFERRABLE INITIALLY DEFERRED '
                       'FOR EACH ROW EXECUTE FUNCTION reviews_staff_told(%L)', tbl || '_told', tbl, events[i]);
        EXECUTE format('CREATE TRIGGER %I BEFORE DELETE OR TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION reviews_refuse_change()', tbl || '_stays', tbl);
    END LOOP;
END $$;

-- What people set for themselves: one small object.
ALTER TABLE reviews_user ADD CONSTRAINT user_preferences
    CHECK (jsonb_typeof(preferences) = 'object' AND octet_length(preferences::text) < 4096);

-- Codes used within the last half minute, and counts of attempts: shared by all web processes, none of it lasting.
CREATE UNLOGGED TABLE desk_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX desk_cache_expires ON desk_cache (expires);

DO $$
DECLARE
    t record;
    f regprocedure;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'public'::regnamespace AND g.tgname LIKE 'reviews\_%' AND NOT g.tgisinternal
               AND g.tgenabled <> 'A' LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname LIKE 'reviews\_%' LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
