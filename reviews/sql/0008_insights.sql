-- What the insight pages and the reports read: a stretch of time, newest first, never a whole table.
CREATE INDEX decision_at ON reviews_decision (created_at, id);
CREATE INDEX item_entered_at ON reviews_item (entered, id);
CREATE INDEX item_closed_at ON reviews_item (closed_at, id) WHERE closed_at IS NOT NULL;
CREATE INDEX action_created_at ON reviews_action (created_at, id);
CREATE INDEX attempt_leased_at ON reviews_attempt (leased_at, id);
