-- What search reads, and the indexes of every list of the queue.

ALTER TABLE reviews_searchtext ADD COLUMN words tsvector;
-- Words, and values of fields: where a list starts when few rows match.
CREATE INDEX search_text_words ON reviews_searchtext USING gin (words);
CREATE INDEX search_text_fields ON reviews_searchtext USING gin (fields jsonb_path_ops);

-- Sorts by age and by due date, within any choice of queues and risks.
DROP INDEX item_entered;
DROP INDEX item_due;
CREATE INDEX item_entered ON reviews_item (queue_id, risk_rank, entered, id) WHERE waiting;
CREATE INDEX item_due ON reviews_item (queue_id, risk_rank, due, id) WHERE waiting;
-- The default order within a type, and the sort by type.
CREATE INDEX item_type ON reviews_item (queue_id, action_type_id, prio, entered, id) WHERE waiting;
-- What is over, newest first.
CREATE INDEX item_closed ON reviews_item (queue_id, closed_at, id) WHERE closed_at IS NOT NULL;
-- Open, but not waiting: deferred, or waiting for an answer.
CREATE INDEX item_parked ON reviews_item (queue_id, id) WHERE closed_at IS NULL AND NOT waiting;
-- Few rows among many: what somebody was given, and what was handed on to a team.
CREATE INDEX item_assignee ON reviews_item (assignee_id) WHERE assignee_id IS NOT NULL AND closed_at IS NULL;
CREATE INDEX item_escalated ON reviews_item (escalated_to_id) WHERE escalated_to_id IS NOT NULL AND closed_at IS NULL;
