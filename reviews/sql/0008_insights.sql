-- What the insight pages and the reports read: a stretch of time, newest first, never a whole table.
CREATE INDEX decision_at ON reviews_decision (created_at, id);
CREATE INDEX item_came ON reviews_item (queue_id, entered, id);
CREATE INDEX action_created_at ON reviews_action (created_at, id);
CREATE INDEX attempt_leased_at ON reviews_attempt (leased_at, id);
