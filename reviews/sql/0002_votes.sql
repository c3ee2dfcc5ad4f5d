-- Votes: bound to the bytes under the row's lock, by somebody entitled, counted where it matters.
-- DK010 closed, DK011 stale, DK012 not entitled, DK015 too late to take back, DK016 wrong kind of voter, DK017 batch.

-- Active, and in a group whose reach has the queue.
CREATE FUNCTION reviews_reaches(person bigint, its_queue text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_user u
        JOIN reviews_user_groups g ON g.user_id = u.id
        JOIN reviews_reach r ON r.group_id = g.group_id AND r.queue_id = its_queue
        WHERE u.id = person AND u.is_active)
$$;

-- Four eyes: why this person's approval of these bytes would not count, or NULL.
CREATE FUNCTION reviews_partial(a reviews_action, person bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE
        -- Who asks for a reversal answers for it, unless the type wants two people.
        WHEN person = a.requested_by_id AND (a.reverses_id IS NULL OR a.needed > 1)
            THEN 'nobody approves what they proposed'
        WHEN person = a.owner_id THEN 'the owner of an agent does not approve its actions'
        WHEN a.needed > 1 AND EXISTS (
            SELECT FROM reviews_decision d
            WHERE d.action_id = a.id AND d.reviewer_id = person AND d.verdict = 'escalate')
            THEN 'who escalated is not one of the two'
        WHEN EXISTS (
            SELECT FROM reviews_revision r
            WHERE r.action_id = a.id AND r.number = a.revision AND r.number > 1 AND r.author_id = person
              AND NOT (r.self_edit AND a.needed = 1))
            THEN 'who edited it does not approve it'
    END
$$;

-- Persons whose live approvals count for the present bytes. `entitled`: and who are still entitled today.
CREATE FUNCTION reviews_count_votes(a reviews_action, entitled boolean) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(DISTINCT d.reviewer_id)::integer
    FROM reviews_decision d JOIN reviews_item i ON i.id = d.item_id
    WHERE d.action_id = a.id AND d.revision = a.revision AND d.digest = a.digest AND d.verdict = 'approve'
      AND d.reviewer_id IS NOT NULL AND d.purpose IN ('gate', 'question')
      AND NOT EXISTS (SELECT FROM reviews_retraction t WHERE t.decision_id = d.id)
      AND reviews_partial(a, d.reviewer_id) IS NULL
      AND (NOT entitled OR reviews_reaches(d.reviewer_id, i.queue_id))
$$;

CREATE FUNCTION reviews_people_rejected(a reviews_action) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM reviews_decision d
        WHERE d.action_id = a.id AND d.revision = a.revision AND d.digest = a.digest AND d.verdict = 'reject'
          AND d.reviewer_id IS NOT NULL AND d.purpose IN ('gate', 'question', 'canary')
          AND NOT EXISTS (SELECT FROM reviews_retraction t WHERE t.decision_id = d.id))
$$;

CREATE FUNCTION reviews_people_approved(a reviews_action, entitled boolean) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_count_votes(a, entitled) >= a.needed AND NOT reviews_people_rejected(a)
$$;

-- For pages and services: how many approvals count now.
CREATE FUNCTION reviews_votes(target uuid) RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT reviews_count_votes(a, true) FROM reviews_action a WHERE a.id = target
$$;

CREATE FUNCTION reviews_decision_cast() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    a reviews_action;
    visit reviews_item;
BEGIN
    -- The lock makes what follows true until the commit.
    SELECT * INTO a FROM reviews_action x WHERE x.id = NEW.action_id FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such action' USING ERRCODE = 'DK010';
    END IF;
    IF (NEW.reviewer_id IS NULL) <> (NEW.via = 'policy')
       OR NOT audit.is_role(CASE WHEN NEW.reviewer_id IS NULL THEN 'router' ELSE 'web' END)
       OR (NEW.via = 'policy' AND NEW.verdict NOT IN ('approve', 'reject')) THEN
        RAISE EXCEPTION 'people vote through web, policy through the router' USING ERRCODE = 'DK016';
    END IF;
    SELECT * INTO visit FROM reviews_item i WHERE i.id = NEW.item_id AND i.action_id = a.id;
    IF NEW.via <> 'policy' AND (visit.id IS NULL OR visit.closed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'it is no longer in the queue' USING ERRCODE = 'DK010';
    END IF;
    IF a.state <> (CASE WHEN NEW.via = 'policy' THEN 'proposed' ELSE 'pending' END)
       AND coalesce(visit.purpose, '') <> 'qa' THEN
        RAISE EXCEPTION 'it is % and takes no more votes', a.state USING ERRCODE = 'DK010';
    END IF;
    PERFORM reviews_check_seen(NEW, a);
    IF NEW.via <> 'policy' THEN
        PERFORM reviews_check_voter(NEW, a, visit);
    END IF;
    NEW.purpose := coalesce(visit.purpose, 'gate');
    NEW.risk := a.risk;
    NEW.created_at := clock_timestamp();
    SELECT count(*) INTO NEW.round FROM reviews_retraction t JOIN reviews_decision d ON d.id = t.decision_id
        WHERE d.action_id = a.id AND d.reviewer_id IS NOT DISTINCT FROM NEW.reviewer_id;
    RETURN NEW;
END $$;

-- What was looked at is what is there now: the bytes, and for a verdict also evidence and thread.
CREATE FUNCTION reviews_check_seen(d reviews_decision, a reviews_action) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last_evidence integer;
    last_message integer;
BEGIN
    IF d.revision <> a.revision OR d.digest <> a.digest THEN
        RAISE EXCEPTION 'it was changed since: revision % is the present one', a.revision USING ERRCODE = 'DK011';
    END IF;
    IF NOT EXISTS (SELECT FROM reviews_revision r JOIN reviews_revisionbody b ON b.revision_id = r.id
                   WHERE r.action_id = a.id AND r.number = a.revision AND r.digest = a.digest) THEN
        RAISE EXCEPTION 'its bytes are not there' USING ERRCODE = 'DK010';
    END IF;
    IF d.via = 'policy' OR d.verdict NOT IN ('approve', 'reject') THEN
        RETURN;
    END IF;
    SELECT coalesce(max(e.number), 0) INTO last_evidence FROM reviews_evidence e WHERE e.action_id = a.id;
    SELECT coalesce(max(m.number), 0) INTO last_message FROM reviews_message m WHERE m.action_id = a.id;
    IF d.seen_evidence <> last_evidence OR d.seen_message <> last_message THEN
        RAISE EXCEPTION 'there is evidence or a message that was not shown' USING ERRCODE = 'DK011';
    END IF;
END $$;

CREATE FUNCTION reviews_check_voter(d reviews_decision, a reviews_action, visit reviews_item) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE why text;
BEGIN
    IF NOT reviews_reaches(d.reviewer_id, visit.queue_id) THEN
        RAISE EXCEPTION 'this is out of the reviewer''s reach' USING ERRCODE = 'DK012';
    END IF;
    IF d.verdict = 'escalate' AND d.target_id IS NULL THEN
        RAISE EXCEPTION 'an escalation names to whom' USING ERRCODE = 'DK003';
    END IF;
    IF d.verdict <> 'approve' THEN
        RETURN;
    END IF;
    IF d.via = 'batch' AND a.risk IN ('high', 'critical') THEN
        RAISE EXCEPTION '% risk is approved one by one', a.risk USING ERRCODE = 'DK017';
    END IF;
    IF visit.question_open AND visit.purpose <> 'qa' THEN
        RAISE EXCEPTION 'a question is open' USING ERRCODE = 'DK010';
    END IF;
    why := reviews_partial(a, d.reviewer_id);
    IF why IS NOT NULL THEN
        RAISE EXCEPTION '%', why USING ERRCODE = 'DK012';
    END IF;
END $$;

CREATE FUNCTION reviews_retraction_made() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    vote reviews_decision;
    a reviews_action;
BEGIN
    SELECT * INTO vote FROM reviews_decision d WHERE d.id = NEW.decision_id;
    SELECT * INTO a FROM reviews_action x WHERE x.id = vote.action_id FOR NO KEY UPDATE;
    IF NOT audit.is_role(CASE WHEN vote.reviewer_id IS NULL THEN 'router' ELSE 'web' END)
       OR NEW.by_id IS DISTINCT FROM vote.reviewer_id THEN
        RAISE EXCEPTION 'a vote is taken back by who cast it' USING ERRCODE = 'DK016';
    END IF;
    IF vote.verdict NOT IN ('approve', 'reject') OR vote.revision <> a.revision
       OR NOT (a.state = 'pending' OR (a.state IN ('approved', 'rejected') AND a.release_at > clock_timestamp()))
       OR EXISTS (SELECT FROM reviews_attempt t WHERE t.action_id = a.id) THEN
        RAISE EXCEPTION 'it is too late to take this vote back' USING ERRCODE = 'DK015';
    END IF;
    NEW.created_at := clock_timestamp();
    RETURN NEW;
END $$;

CREATE TRIGGER reviews_decision_cast BEFORE INSERT ON reviews_decision
    FOR EACH ROW EXECUTE FUNCTION reviews_decision_cast();
CREATE TRIGGER reviews_retraction_made BEFORE INSERT ON reviews_retraction
    FOR EACH ROW EXECUTE FUNCTION reviews_retraction_made();
