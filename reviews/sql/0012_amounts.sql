-- The walk in the default order reads amounts from the index too, and so does not visit a row for each entry it passes.
DROP INDEX item_risk;
CREATE INDEX item_risk ON reviews_item (queue_id, risk_rank, prio, entered, id) INCLUDE (confidence, amount) WHERE waiting;
