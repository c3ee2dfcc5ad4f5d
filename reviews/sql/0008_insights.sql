-- What the insight pages and the reports read: a stretch of time, newest first, never a whole table.
CREATE INDEX decision_at ON reviews_decision (created_at, id);
CREATE INDEX item_came ON reviews_item (queue_id, entered, id);
CREATE INDEX action_created_at ON reviews_action (created_at, id);
CREATE INDEX attempt_leased_at ON reviews_attempt (leased_at, id);
-- Who has how much in hand now.
CREATE INDEX item_assigned ON reviews_item (assignee_id) WHERE closed_at IS NULL AND assignee_id IS NOT NULL;
CREATE INDEX item_claimed ON reviews_item (claimed_by_id) WHERE closed_at IS NULL AND claimed_by_id IS NOT NULL;
