-- Who gave an item out of their hands, in the visit as web sees it; and the few of each person, for their list and counts.

CREATE OR REPLACE VIEW reviews_item_desk AS
    SELECT id, ref, risk, risk_rank, confidence, cb, amount, currency, prio, breached, entered, due, question_open,
           deferred_until, closed_at, waiting, claimed_until, version, action_id, action_type_id, assignee_id,
           claimed_by_id, escalated_to_id, principal_id, queue_id,
           (closed_at IS NOT NULL AND purpose = 'canary') AS was_check, passed_by_id
    FROM reviews_item;
CREATE INDEX item_passed ON reviews_item (passed_by_id) WHERE passed_by_id IS NOT NULL AND waiting;
