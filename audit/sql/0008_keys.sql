-- Which keys an erasure takes stands in the log; a new master key takes over by an order that stands there too.

-- While one master key takes over from another, both are known. A subject and a group have one key each.
ALTER TABLE audit.seal_key DROP CONSTRAINT seal_key_kind_lookup_key;
CREATE UNIQUE INDEX seal_key_found ON audit.seal_key (kind, lookup) WHERE kind <> 'master';

-- A key goes only with an erasure whose next event names this very key; a subject's link only with such an event.
CREATE OR REPLACE FUNCTION audit.check_key_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM audit.event k
        JOIN audit.event e ON e.case_id = k.case_id AND e.case_seq = k.case_seq - 1 AND e.name = 'privacy.erased'
        WHERE k.name = 'privacy.keys_erased' AND k.at >= transaction_timestamp() - interval '1 second'
          AND (TG_TABLE_NAME = 'subject'
               OR convert_from(k.leaf, 'UTF8')::jsonb #> '{data,keys}' ? (to_jsonb(OLD) ->> 'id'))) THEN
        RAISE EXCEPTION 'a key was deleted, and no privacy.erased event says so' USING ERRCODE = 'AU007';
    END IF;
    RETURN NULL;
END $$;

-- By whom a private half can be opened: the id of a master key.
CREATE FUNCTION audit.sealed_by(wrapped bytea) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT encode(substr(wrapped, 1, 16), 'hex')::uuid
$$;

REVOKE ALL ON FUNCTION audit.sealed_by(bytea), audit.check_key_erased(), audit.check_key() FROM PUBLIC;
