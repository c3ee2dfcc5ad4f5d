"""A small desk for tests: people, types, and actions in any state, all brought there by services.

Nothing here writes a state. Each verb runs under the login that production
gives it; where a test needs an action in doubt, somebody leased it, began it
and fell silent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection
from django.utils import timezone

from agents import registry
from agents.services import start_run
from audit.models import Event
from reviews import services
from reviews.errors import DeskError
from reviews.ids import new_id
from reviews.models import (
    Action,
    Authority,
    Decision,
    Evidence,
    Item,
    Message,
    Principal,
    Queue,
    QueueStamp,
    Reach,
    User,
)
from reviews.registry import DeskType
from reviews.schemas import DecisionIn, EvidenceIn, PlanStep, Proposal, Seen
from reviews.services import By, Lease, PrincipalSpec
from reviews.states import AttemptEnd, EffectMode, Reversibility, Risk, Status, Verdict
from tests.logins import as_role

APPROVE = DecisionIn(verdict=Verdict.APPROVE, reason_code="checked")
REJECT = DecisionIn(verdict=Verdict.REJECT, reason_code="wrong_facts")


def _object(required: tuple[str, ...], **fields: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": fields,
        "required": list(required),
        "additionalProperties": False,
    }


_TEXT = {"type": "string", "minLength": 1, "maxLength": 2000}
_MAIL = _object(("to", "subject"), to=_TEXT, subject=_TEXT, body={"type": "string"})
_REFUND = _object(("customer", "amount"), customer=_TEXT, amount={"type": "integer"}, note={"type": "string"})
_NOTE = _object(("text",), text=_TEXT)
_FILES = _object(("path",), path=_TEXT)

TYPES: tuple[DeskType, ...] = (
    DeskType(
        name="mail.send", label="Send mail", template="Mail {to}: {subject}", schema=_MAIL,
        risk=Risk.LOW, reversibility=Reversibility.COMPENSABLE, effect_mode=EffectMode.IDEMPOTENT,
        queue="support", machine_paths=("to",),
    ),
    DeskType(
        name="refund.issue", label="Refund", template="Refund {amount} to {customer}",
        schema=_REFUND, risk=Risk.MEDIUM, reversibility=Reversibility.COMPENSABLE,
        effect_mode=EffectMode.PROBE, queue="support", amount_path="amount", currency="EUR", subject_path="customer",
        has_undo=True, has_probe=True,
    ),
    DeskType(
        name="files.delete", label="Delete files", template="Delete {path}", schema=_FILES,
        risk=Risk.HIGH, reversibility=Reversibility.IRREVERSIBLE, effect_mode=EffectMode.ONCE,
        queue="support", machine_paths=("path",),
    ),
    DeskType(
        name="call.place", label="Call", template="Call about {text}", schema=_NOTE,
        risk=Risk.MEDIUM, reversibility=Reversibility.COMPENSABLE, effect_mode=EffectMode.ONCE,
        queue="support",
    ),
    DeskType(
        name="note.add", label="Add a note", template="Note: {text}", schema=_NOTE, risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE, effect_mode=EffectMode.IDEMPOTENT,
        queue="support", has_undo=True,
    ),
)  # fmt: skip

PAYLOADS: Mapping[str, dict[str, Any]] = {
    "mail.send": {"to": "kim@example.org", "subject": "Your order", "body": "It is on its way."},
    "refund.issue": {"customer": "8812", "amount": 12_950},
    "files.delete": {"path": "/srv/reports/2019"},
    "call.place": {"text": "the invoice"},
    "note.add": {"text": "asked for a copy"},
}


@dataclass(frozen=True)
class House:
    """Ada and grace review, lin leads, root administers, mallory sees another queue only."""

    ada: User
    grace: User
    lin: User
    root: User
    mallory: User
    noor: User  # owns the agent
    reviewers: Group
    leads: Group
    queue: Queue
    agent: Principal

    def by(self, name: str = "ada") -> By:
        user: User = getattr(self, name)
        return By(user, stepped_up_at=timezone.now())


def house() -> House:
    """People and reach, which admin makes; then what the code declares, by its own verb."""
    from reviews.services.rights import lead_permissions

    reviewers, leads, others = (Group.objects.create(name=n) for n in ("reviewers", "leads", "others"))
    leads.permissions.add(*lead_permissions())
    queue = Queue.objects.create(name="support", title="Support")
    elsewhere = Queue.objects.create(name="elsewhere", title="Elsewhere")
    for one in (queue, elsewhere):
        QueueStamp.objects.get_or_create(queue=one)
    for group, seen in ((reviewers, queue), (leads, queue), (others, elsewhere)):
        Reach.objects.create(group=group, queue=seen)
        Authority.objects.create(group=group, max_risk=Risk.CRITICAL)
    users = [
        _user("ada"), _user("grace"), _user("lin", is_staff=True), _user("mallory"),
        _user("root", is_superuser=True, is_staff=True), _user("noor"),
    ]  # fmt: skip
    people = {user.username: user for user in User.objects.bulk_create(users)}
    groups = {"ada": reviewers, "grace": reviewers, "lin": leads, "mallory": others, "noor": reviewers}
    member = User.groups.through
    member.objects.bulk_create([member(user=people[name], group=group) for name, group in groups.items()])
    with as_role("web"):
        services.sync_types(types=TYPES, principals=[PrincipalSpec("helper", owner="noor")])
    agent = Principal.objects.get(name="helper")
    return House(**people, reviewers=reviewers, leads=leads, queue=queue, agent=agent)


def _user(name: str, **more: Any) -> User:
    """Not stored yet: the house stores all of its people at once, since nearly every test has one built."""
    return User(username=name, email=f"{name}@example.org", password=_secret(), first_name=name.capitalize(), **more)


@cache
def _secret() -> str:
    return make_password("secret")


def long_ago() -> datetime:
    """An opening time that no dwell objects to."""
    return timezone.now() - timedelta(minutes=1)


def proposal(type_name: str = "mail.send", **more: Any) -> Proposal:
    given: dict[str, Any] = {
        "type": type_name,
        "payload": PAYLOADS[type_name],
        "dedup_key": str(new_id()),
        "confidence": 0.8,
    }
    return Proposal(**(given | more))


def proposed(house: House, type_name: str = "mail.send", **more: Any) -> UUID:
    """An action that the house's agent has just proposed."""
    with as_role("web"):
        made = services.propose(proposal=proposal(type_name, **more), principal=house.agent.id)
    return made.id


def route() -> int:
    with as_role("router"):
        return services.route_due()


def pending(house: House, type_name: str = "mail.send", **more: Any) -> Item:
    """An action in the queue, as its item."""
    action = proposed(house, type_name, **more)
    route()
    return item_of(action)


def item_of(action: UUID) -> Item:
    return Item.objects.select_related("action").get(action=action)


def seen(item: Item, **more: Any) -> Seen:
    """What an honest page shows of this item now."""
    fresh = Item.objects.select_related("action").get(id=item.id)
    given: dict[str, Any] = {
        "version": fresh.version,
        "digest": bytes(fresh.action.digest),
        "evidence": Evidence.objects.filter(action=fresh.action).count(),
        "message": Message.objects.filter(action=fresh.action).count(),
        "opened_at": long_ago(),
    }
    return Seen(**(given | more))


def decide(house: House, item: Item, decision: DecisionIn = APPROVE, name: str = "ada", **more: Any) -> Decision:
    _catch_breath(getattr(house, name))
    shown = seen(item, **more)
    with as_role("web"):
        return services.decide(item=item.id, seen=shown, decision=decision, by=house.by(name))


def _catch_breath(user: User) -> None:
    """Not faster after the last decision than the tests' own dwell allows."""
    last = Decision.objects.filter(reviewer=user).order_by("-created_at").first()
    if last is not None and settings.TIMINGS.dwell_low < 1:
        ready = last.created_at + timedelta(seconds=settings.TIMINGS.dwell_low)
        time.sleep(max(0.0, (ready - timezone.now()).total_seconds()))


def approved(house: House, type_name: str = "mail.send", **more: Any) -> Action:
    """An action that people have let through; not released yet."""
    item = pending(house, type_name, **more)
    for name in ("ada", "grace")[: item.action.needed]:
        decide(house, item, name=name)
    return state_of(item.action_id, Status.APPROVED)


def rejected(house: House, type_name: str = "mail.send", **more: Any) -> Action:
    item = pending(house, type_name, **more)
    decide(house, item, REJECT)
    return state_of(item.action_id, Status.REJECTED)


def state_of(action: UUID, wanted: Status | None = None) -> Action:
    """The action as it is; a builder that arrived elsewhere is a mistake in the test."""
    row = Action.objects.get(id=action)
    if wanted is not None:
        assert row.state == wanted, f"built {row.state}, wanted {wanted}"
    return row


def released(house: House, type_name: str = "mail.send", **more: Any) -> Action:
    """Approved, and its undo window is over."""
    row = approved(house, type_name, **more)
    wait_for_release(row.id)
    return row


def wait_for_release(action: UUID) -> None:
    row = Action.objects.get(id=action)
    assert row.release_at is not None
    time.sleep(max(0.0, (row.release_at - timezone.now()).total_seconds()) + 0.01)


def types() -> dict[str, int]:
    return {kind.name: kind.version for kind in TYPES}


def take(worker: str = "worker@test") -> Lease:
    with as_role("executor"):
        found = services.lease(queue="default", types=types(), worker=worker)
    assert found is not None, "nothing to lease"
    return found


def leased(house: House, type_name: str = "mail.send", **more: Any) -> Lease:
    released(house, type_name, **more)
    return take()


def begun(house: House, type_name: str = "mail.send", **more: Any) -> Lease:
    found = leased(house, type_name, **more)
    with as_role("executor"):
        services.begin(lease=found)
    return found


def finished(
    house: House,
    type_name: str = "mail.send",
    end: AttemptEnd = AttemptEnd.SUCCEEDED,
    **more: Any,
) -> Action:
    """An action whose attempt was begun and ended like this."""
    found = begun(house, type_name, **more)
    with as_role("executor"):
        services.finish(lease=found, end=end, result=b'"done"')
    return Action.objects.get(id=found.action)


def in_doubt(house: House) -> Action:
    row = finished(house, "call.place", AttemptEnd.UNCLEAR)
    return state_of(row.id, Status.IN_DOUBT)


def evidence(text: str = "the customer wrote: please", **more: Any) -> EvidenceIn:
    return EvidenceIn(title="Mail", text=text, **more)


def plan_step(action: UUID, step: int) -> PlanStep:
    return PlanStep(action=action, step=step)


def events_of(action: UUID) -> list[str]:
    """Names of the events of an action's case, in order."""
    rows = Event.objects.filter(case_id=f"action:{action}").order_by("case_seq")
    return list(rows.values_list("name", flat=True))


def picture() -> dict[str, list[Any]]:
    """Every row that a verb could change, to compare before and after a refusal."""
    return {
        "actions": list(Action.objects.order_by("id").values_list()),
        "items": list(Item.objects.order_by("id").values_list()),
        "decisions": list(Decision.objects.order_by("id").values_list("id")),
        "messages": list(Message.objects.order_by("id").values_list("id")),
        "events": [Event.objects.count()],
    }


@contextmanager
def refused(error: type[DeskError], match: str = "") -> Iterator[pytest.ExceptionInfo[DeskError]]:
    """The block is refused like this, and not one row is different afterwards."""
    before = picture()
    with pytest.raises(error, match=match or None) as caught:
        yield caught
    assert picture() == before


def running(house: House) -> UUID:
    """A run of the house's agent that a worker of the agents' login has in hand."""
    with registry.isolated():
        registry.agent("helper", owner="noor")(_helper)
        with as_role("web"):
            run = start_run(agent="helper", by=house.by("root"))
    with as_role("agent"), connection.cursor() as cursor:
        cursor.execute("SELECT run FROM agents_lease('{helper}', '{1}', 'worker@test', 600, %s)", [run])
        assert cursor.fetchone()[0] == run
    return run


def _helper(run: Any) -> None:
    """What the house's agent would do; here the tests speak for it."""


def proposed_by_run(house: House, type_name: str = "mail.send", **more: Any) -> tuple[UUID, UUID]:
    """Run and action, proposed under the agents' login."""
    run = running(house)
    with as_role("agent"):
        made = services.propose(proposal=proposal(type_name, **more), run=run)
    return run, made.id


def timings(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    """The tests' timings with some of them changed."""
    usual = {f.name: getattr(settings.TIMINGS, f.name) for f in fields(settings.TIMINGS)}
    monkeypatch.setattr(settings, "TIMINGS", type(settings.TIMINGS)(**(usual | changed)))
