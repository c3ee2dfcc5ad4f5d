-- Columns that the database fills when an INSERT does not name them; what a role may name, grants say.
ALTER TABLE reviews_action
    ALTER COLUMN type_version SET DEFAULT 0,
    ALTER COLUMN agent_version SET DEFAULT '',
    ALTER COLUMN risk SET DEFAULT '',
    ALTER COLUMN reversibility SET DEFAULT '',
    ALTER COLUMN effect_mode SET DEFAULT '',
    ALTER COLUMN effect_queue SET DEFAULT '',
    ALTER COLUMN needed SET DEFAULT 1,
    ALTER COLUMN state SET DEFAULT 'proposed',
    ALTER COLUMN revision SET DEFAULT 1,
    ALTER COLUMN floors SET DEFAULT '[]',
    ALTER COLUMN created_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN fence SET DEFAULT 0,
    ALTER COLUMN failures SET DEFAULT 0;
ALTER TABLE reviews_item
    ALTER COLUMN purpose SET DEFAULT 'gate',
    ALTER COLUMN currency SET DEFAULT '',
    ALTER COLUMN breached SET DEFAULT false,
    ALTER COLUMN question_open SET DEFAULT false,
    ALTER COLUMN version SET DEFAULT 1;
ALTER TABLE reviews_decision
    ALTER COLUMN purpose SET DEFAULT 'gate',
    ALTER COLUMN risk SET DEFAULT '',
    ALTER COLUMN reason_code SET DEFAULT '',
    ALTER COLUMN round SET DEFAULT 0,
    ALTER COLUMN seen_evidence SET DEFAULT 0,
    ALTER COLUMN seen_message SET DEFAULT 0,
    ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE reviews_revision
    ALTER COLUMN self_edit SET DEFAULT false,
    ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE reviews_message ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE reviews_evidence ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE reviews_retraction ALTER COLUMN created_at SET DEFAULT clock_timestamp();
ALTER TABLE reviews_attempt
    ALTER COLUMN key SET DEFAULT '',
    ALTER COLUMN leased_at SET DEFAULT clock_timestamp(),
    ALTER COLUMN note SET DEFAULT '';
ALTER TABLE reviews_queuestamp ALTER COLUMN n SET DEFAULT 0;

-- Shown as ACT-<ref>.
CREATE SEQUENCE reviews_item_ref START 1001;

-- Sizes: what is stored stays readable, and no row is a way to fill the disk.
ALTER TABLE reviews_revisionbody
    ADD CONSTRAINT revision_salt CHECK (octet_length(salt) = 32),
    ADD CONSTRAINT revision_size CHECK (octet_length(body) <= 262144);
ALTER TABLE reviews_messagebody
    ADD CONSTRAINT message_salt CHECK (octet_length(salt) = 32),
    ADD CONSTRAINT message_size CHECK (octet_length(body) <= 131072);
ALTER TABLE reviews_evidencebody
    ADD CONSTRAINT evidence_salt CHECK (octet_length(salt) = 32),
    ADD CONSTRAINT evidence_size CHECK (octet_length(body) <= 1048576);
ALTER TABLE reviews_attempt ADD CONSTRAINT attempt_result_size CHECK (octet_length(result) <= 65536);
ALTER TABLE reviews_message ADD CONSTRAINT message_kind
    CHECK (kind IN ('reasoning', 'question', 'answer', 'comment', 'note'));
ALTER TABLE reviews_principal ADD CONSTRAINT principal_group CHECK ("group" ~ '^[a-z0-9][a-z0-9_.-]{0,62}$');
ALTER TABLE reviews_actiontype
    ADD CONSTRAINT action_type_effect_queue CHECK (effect_queue ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    ADD CONSTRAINT action_type_reversal_needed CHECK (reversal_needed BETWEEN 1 AND 5),
    -- Code sets the floors; whoever edits a type may only go above them.
    ADD CONSTRAINT action_type_risk_floor CHECK (
        array_position(ARRAY['low', 'medium', 'high', 'critical'], risk::text)
        >= array_position(ARRAY['low', 'medium', 'high', 'critical'], risk_floor::text)),
    ADD CONSTRAINT action_type_reversibility_floor CHECK (
        array_position(ARRAY['reversible', 'compensable', 'irreversible'], reversibility::text)
        >= array_position(ARRAY['reversible', 'compensable', 'irreversible'], reversibility_floor::text));

-- What each state must carry. The triggers say it first and with a code of their own.
ALTER TABLE reviews_action
    ADD CONSTRAINT action_digest CHECK (octet_length(digest) = 32),
    ADD CONSTRAINT action_case CHECK (case_seq >= 1 AND octet_length(case_head) = 32),
    ADD CONSTRAINT action_lease CHECK ((state = 'executing') = (lease_until IS NOT NULL)),
    ADD CONSTRAINT action_approved_dates
        CHECK (state <> 'approved' OR (release_at IS NOT NULL AND valid_until IS NOT NULL)),
    ADD CONSTRAINT action_pending_routed
        CHECK (state <> 'pending' OR (outcome IS NOT NULL AND decide_by IS NOT NULL));
ALTER TABLE reviews_attempt
    ADD CONSTRAINT attempt_ended CHECK ((ended_at IS NULL) = ("end" IS NULL)),
    ADD CONSTRAINT attempt_probe CHECK (probe IN ('done', 'not_done', 'unknown')),
    -- Success needs the intent written before it, or an outside that says it happened.
    ADD CONSTRAINT attempt_intent CHECK ("end" <> 'succeeded' OR effect_at IS NOT NULL OR probe = 'done');
ALTER TABLE reviews_level
    -- Set by hand for 90 days at most.
    ADD CONSTRAINT level_expires CHECK (NOT hand_set OR expires <= at + interval '91 days'),
    ADD CONSTRAINT level_reason CHECK (reason <> '');
ALTER TABLE reviews_stop ADD CONSTRAINT stop_reason CHECK (reason <> '');

-- The queue page: default order inside (queue, risk, bucket), (queue, risk) and by exact confidence.
CREATE INDEX item_cell ON reviews_item (queue_id, risk_rank, cb, prio, entered, id) WHERE waiting;
CREATE INDEX item_risk ON reviews_item (queue_id, risk_rank, prio, entered, id) INCLUDE (confidence) WHERE waiting;
CREATE INDEX item_confidence ON reviews_item (queue_id, risk_rank, confidence) INCLUDE (prio, entered, id)
    WHERE waiting;
-- Sorts by age and by due date.
CREATE INDEX item_entered ON reviews_item (queue_id, entered, id) WHERE waiting;
CREATE INDEX item_due ON reviews_item (queue_id, due, id) WHERE waiting;
-- keeper: what to wake, what became overdue, which questions got an answer.
CREATE INDEX item_deferred ON reviews_item (deferred_until) WHERE deferred_until IS NOT NULL AND closed_at IS NULL;
CREATE INDEX item_overdue ON reviews_item (due) WHERE waiting AND NOT breached;
CREATE INDEX item_asked ON reviews_item (id) WHERE question_open AND closed_at IS NULL;
-- Every lease and every policy approval asks it.
CREATE INDEX stop_standing ON reviews_stop (scope) WHERE lifted_at IS NULL;

ALTER TABLE reviews_item SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE reviews_action SET (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE reviews_pending_cube SET (fillfactor = 30);
ALTER TABLE reviews_pending_delta SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- The visit as web sees it: all but the purpose. Plain columns, so that the planner looks through it.
CREATE VIEW reviews_item_desk AS
    SELECT id, ref, risk, risk_rank, confidence, cb, amount, currency, prio, breached, entered, due, question_open,
           deferred_until, closed_at, waiting, claimed_until, version, action_id, action_type_id, assignee_id,
           claimed_by_id, escalated_to_id, principal_id, queue_id
    FROM reviews_item;
