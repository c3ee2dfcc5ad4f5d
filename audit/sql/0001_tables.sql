-- The record. Nothing here points outside the schema, and no runtime login owns any of it.

CREATE SCHEMA audit;
REVOKE ALL ON SCHEMA audit FROM PUBLIC;

-- Who a database login is. Filled by `manage.py provision`; a superuser has no row.
CREATE TABLE audit.login (
    login name PRIMARY KEY,
    role text NOT NULL CHECK (role ~ '^[a-z][a-z0-9_]{0,62}$')
);

CREATE TABLE audit.event_name (
    name text PRIMARY KEY,
    writers text[] NOT NULL
);

-- Writers give `leaf` and nothing else; the stamp trigger derives the other columns from it.
CREATE TABLE audit.event (
    n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY,
    id uuid NOT NULL UNIQUE,
    name text NOT NULL,
    at timestamptz NOT NULL,
    case_id text NOT NULL,
    case_seq bigint NOT NULL CHECK (case_seq > 0),
    change_from text,
    change_to text,
    actor_ref text NOT NULL,
    batch_id uuid,
    writer text NOT NULL,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32),
    leaf bytea NOT NULL CHECK (octet_length(leaf) <= 65535),
    UNIQUE (case_id, case_seq)
);
CREATE INDEX event_by_name ON audit.event (name, n);
CREATE INDEX event_by_actor ON audit.event (actor_ref, n);
CREATE INDEX event_by_time ON audit.event (at, n);
CREATE INDEX event_by_batch ON audit.event (batch_id, n) WHERE batch_id IS NOT NULL;

-- Committed, and not yet in the tree. Drained by the sequencer; filled by a trigger only.
CREATE TABLE audit.pending (
    n bigint PRIMARY KEY,
    leaf_hash bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

CREATE TABLE audit.leaf (
    leaf_index bigint PRIMARY KEY CHECK (leaf_index >= 0),
    n bigint NOT NULL UNIQUE,
    leaf_hash bytea NOT NULL CHECK (octet_length(leaf_hash) = 32)
);

-- One row: how many leaves the tree has, and the roots of its perfect subtrees, left to right.
CREATE TABLE audit.head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint NOT NULL CHECK (size >= 0),
    frontier bytea NOT NULL CHECK (octet_length(frontier) % 32 = 0)
);
INSERT INTO audit.head (size, frontier) VALUES (0, '');

CREATE TABLE audit.checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0),
    root bytea NOT NULL CHECK (octet_length(root) = 32),
    body text NOT NULL,
    signature text,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX checkpoint_unsigned ON audit.checkpoint (size) WHERE signature IS NULL;

-- Committed text. Scheme 0: `body` is the canonical JSON of [field, value]. Erasable, salt included.
CREATE TABLE audit.content (
    event_id uuid NOT NULL,
    field text NOT NULL CHECK (field ~ '^[a-z][a-z0-9_]{0,62}$'),
    salt bytea NOT NULL CHECK (octet_length(salt) = 32),
    scheme smallint NOT NULL CHECK (scheme IN (0, 1)),
    body bytea NOT NULL CHECK (octet_length(body) <= 1048576),
    PRIMARY KEY (event_id, field)
);

CREATE TABLE audit.job (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('export', 'verify')),
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    requested_by text NOT NULL,
    params jsonb NOT NULL DEFAULT '{}',
    progress jsonb NOT NULL DEFAULT '{}',
    result jsonb NOT NULL DEFAULT '{}',
    created timestamptz NOT NULL DEFAULT clock_timestamp(),
    started timestamptz,
    finished timestamptz
);
CREATE INDEX job_waiting ON audit.job (created) WHERE state = 'waiting';
CREATE INDEX job_newest ON audit.job (kind, created);

-- What web may read: a canary or a QA draw stays hidden while its item is open. No security barrier: it would make a
-- subquery that loses the order of `n`, and each page of a long log would read all of it.
CREATE VIEW audit.event_web AS
SELECT e.* FROM audit.event e
WHERE (e.name <> 'canary.seeded' OR EXISTS (
          SELECT FROM audit.event c WHERE c.case_id = e.case_id AND c.name = 'canary.scored'))
  AND (e.name <> 'sample.drawn' OR EXISTS (
          SELECT FROM audit.event g WHERE g.case_id = e.case_id AND g.name = 'sample.graded'));
