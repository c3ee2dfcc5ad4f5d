-- News for people. DK001, DK003.

-- With each notice the row that says what becomes of it: whoever tells news neither reads nor changes that.
CREATE FUNCTION reviews_notices_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_posting (notice_id, state, tries, why) SELECT n.id, 'waiting', 0, '' FROM new_rows n;
    RETURN NULL;
END $$;

-- What is over stays as it is: nothing is sent again because a row says that it waits.
CREATE FUNCTION reviews_posting_changes() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NEW.notice_id <> OLD.notice_id OR NEW.tries < OLD.tries
       OR NOT (OLD.state = 'waiting' AND NEW.state = 'taken' AND NEW.tries = OLD.tries + 1 OR OLD.state = 'taken') THEN
        RAISE EXCEPTION 'a notice is taken, and then it is over or waits again' USING ERRCODE = 'DK003';
    END IF;
    RETURN NEW;
END $$;

-- An agent may read neither who follows nor what they want: its answer tells them here, in its transaction.
CREATE FUNCTION reviews_answer_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    INSERT INTO reviews_notice (user_id, kind, item_id, mark)
    SELECT u.id, 'answered', i.id, NEW.number::text
    FROM reviews_follow f JOIN reviews_user u ON u.id = f.user_id
    JOIN reviews_item i ON i.action_id = f.action_id AND i.closed_at IS NULL
    WHERE f.action_id = NEW.action_id AND f.active AND u.is_active AND u.email <> ''
      AND u.preferences -> 'mail_answered' = 'true'::jsonb
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER reviews_answer_told AFTER INSERT ON reviews_message
    FOR EACH ROW WHEN (NEW.kind = 'answer' AND NEW.author_id IS NULL) EXECUTE FUNCTION reviews_answer_told();
CREATE TRIGGER reviews_notices_told AFTER INSERT ON reviews_notice REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_notices_told();
CREATE TRIGGER reviews_notice_append_only BEFORE UPDATE OR DELETE ON reviews_notice
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_notice_no_truncate BEFORE TRUNCATE ON reviews_notice
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_posting_changes BEFORE UPDATE ON reviews_posting
    FOR EACH ROW EXECUTE FUNCTION reviews_posting_changes();
CREATE TRIGGER reviews_posting_stays BEFORE DELETE ON reviews_posting
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();
CREATE TRIGGER reviews_posting_no_truncate BEFORE TRUNCATE ON reviews_posting
    FOR EACH STATEMENT EXECUTE FUNCTION reviews_refuse_change();

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
             WHERE p.pronamespace = 'public'::regnamespace AND p.proname IN (
                 'reviews_notices_told', 'reviews_posting_changes', 'reviews_answer_told') LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$;
