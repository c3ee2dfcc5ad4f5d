"""Publishing policy: a new version each time, with its reason and its event. Nothing is edited."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from audit import events
from audit.services import Entry, load_chain, prepare, record
from reviews.errors import InvalidDecision, InvalidPayload, StaleRevision, desk_errors
from reviews.models import ActionType, PolicyDraft, PolicyVersion
from reviews.policy.document import PolicyDocument, changes, parse
from reviews.queries.policy import Current, current_policy, policy_version
from reviews.services.base import By, actor
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason

CASE = "policy:desk"
_Diff = Mapping[str, tuple[Any, Any]]


def publish_policy(*, document: PolicyDocument, based_on: int, reason: str, by: By) -> PolicyVersion:
    """Put `document` in force as a new version.

    `based_on` is the version its author saw: if another was published
    meanwhile, StaleRevision names it. Raises NotPermitted, InvalidDecision
    (no reason, no change), InvalidPayload (unknown types, overrides beyond 90
    days).
    """
    demand(by, "add_policyversion")
    demand_proof(by, "publishing a policy")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        return _publish(document, based_on, reason, by, restores=None)


def restore_policy(*, based_on: int, reason: str, by: By) -> PolicyVersion:
    """Publish the previous version's document again, as a new version.

    An override in it that has expired meanwhile stays expired.
    """
    demand(by, "add_policyversion")
    demand_proof(by, "publishing a policy")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        previous = policy_version(based_on - 1) if based_on else None
        if previous is None:
            raise InvalidDecision("there is no earlier version to publish again")
        return _publish(previous.document, based_on, reason, by, restores=previous.number)


def _publish(document: PolicyDocument, based_on: int, reason: str, by: By, restores: int | None) -> PolicyVersion:
    chain = load_chain(CASE)  # one publisher at a time
    current = current_policy()
    _refuse_stale(current, based_on)
    diff = _refuse_empty(current.document, document)
    _refuse_unknown(document)
    _refuse_overlong(document, chain.at)
    entry = prepare(
        name=events.EventName.POLICY_PUBLISHED,
        data=_event(current, document, diff, restores),
        chain=chain,
        actor=actor(by, "lead"),
        content={"reason": reason, "document": document.canonical().decode()},
        request=by.request,
    )
    row = _insert(current.number + 1, document, reason, by, entry, restores)
    PolicyDraft.objects.filter(by=by.user).delete()
    record([entry])
    return row


def _insert(
    number: int, document: PolicyDocument, reason: str, by: By, entry: Entry, restores: int | None
) -> PolicyVersion:
    return PolicyVersion.objects.create(
        number=number,
        document=document.plain(),
        digest=_digest(document),
        reason=reason,
        by=by.user,
        at=entry.at,
        restores=restores,
        event_id=entry.id,
    )


def _digest(document: PolicyDocument) -> bytes:
    return hashlib.sha256(document.canonical()).digest()


def _event(current: Current, document: PolicyDocument, diff: _Diff, restores: int | None) -> events.PolicyPublished:
    return events.PolicyPublished(
        version=current.number + 1,
        previous=current.number,
        policy="desk",
        before_digest=_digest(current.document),
        after_digest=_digest(document),
        before={path: _unworded(path, old) for path, (old, _) in diff.items()},
        after={path: _unworded(path, new) for path, (_, new) in diff.items()},
        republishes=restores,
    )


def _unworded(path: str, value: Any) -> Any:
    """The value without what a person wrote; that is committed with the whole document."""
    field = path.rpartition(".")[2]
    if field == "deny":
        return bool(value)
    if field == "overrides" and value:
        return [{k: v for k, v in entry.items() if k != "reason"} for entry in value]
    return value


def _refuse_stale(current: Current, based_on: int) -> None:
    if current.number != based_on:
        who = current.row.by if current.row else None
        raise StaleRevision(f"policy {current.number} was published by {who} meanwhile; look at it first")


def _refuse_empty(before: PolicyDocument, after: PolicyDocument) -> _Diff:
    diff = changes(before, after)
    if not diff:
        raise InvalidDecision("nothing would change")
    return diff


def _refuse_unknown(document: PolicyDocument) -> None:
    known = set(ActionType.objects.values_list("name", flat=True))
    unknown = sorted(document.types.keys() - known)
    if unknown:
        errors = [{"path": f"types.{n}", "message": "there is no such action type"} for n in unknown]
        raise InvalidPayload("the policy names types that do not exist", errors)


def _refuse_overlong(document: PolicyDocument, now: Any) -> None:
    errors = [
        {"path": f"types.{name}.overrides", "message": "an override lasts 90 days at most"}
        for name in document.overlong(now)
    ]
    if errors:
        raise InvalidPayload("an override lasts too long", errors)


def save_draft(*, document: Mapping[str, Any], by: By) -> PolicyDraft:
    """Keep what a lead is editing. One draft per person; it has no effect until published.

    A draft keeps the version it was begun on, so that publishing it later
    notices what others published meanwhile.
    """
    demand(by, "add_policyversion")
    plain = parse(document).plain()
    with desk_errors():
        draft, _ = PolicyDraft.objects.update_or_create(
            by=by.user,
            defaults={"document": json.loads(json.dumps(plain))},
            create_defaults={"document": plain, "based_on": current_policy().number},
        )
    return draft


def discard_draft(*, by: By) -> None:
    """Throw away one's own draft; nothing happens where there is none."""
    demand(by, "add_policyversion")
    with desk_errors():
        PolicyDraft.objects.filter(by=by.user).delete()
