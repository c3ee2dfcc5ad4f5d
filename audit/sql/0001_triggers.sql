-- ENABLE ALWAYS: session_replication_role does not switch them off.

CREATE TRIGGER stamp BEFORE INSERT ON audit.event FOR EACH ROW EXECUTE FUNCTION audit.stamp();
CREATE TRIGGER enqueue AFTER INSERT ON audit.event REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION audit.enqueue();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.leaf
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER signature_once BEFORE UPDATE ON audit.checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit.check_checkpoint();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.head
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER only_grows BEFORE UPDATE ON audit.head FOR EACH ROW EXECUTE FUNCTION audit.check_head();
CREATE TRIGGER no_change BEFORE UPDATE OR TRUNCATE ON audit.pending
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER committed BEFORE INSERT ON audit.content FOR EACH ROW EXECUTE FUNCTION audit.check_content();
CREATE TRIGGER no_change BEFORE UPDATE OR TRUNCATE ON audit.content
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE CONSTRAINT TRIGGER erased AFTER DELETE ON audit.content DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION audit.check_erasure();
CREATE TRIGGER no_removal BEFORE DELETE OR TRUNCATE ON audit.job
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

DO $$
DECLARE t record;
BEGIN
    FOR t IN SELECT c.relname, g.tgname FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid
             WHERE c.relnamespace = 'audit'::regnamespace AND NOT g.tgisinternal LOOP
        EXECUTE format('ALTER TABLE audit.%I ENABLE ALWAYS TRIGGER %I', t.relname, t.tgname);
    END LOOP;
END $$;
