"""Several items at once: to make, to select, to decide in a batch. And checks seeded among them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from reviews import services
from reviews.models import Item
from reviews.schemas import DecisionIn
from reviews.services import BatchResult, Seed
from reviews.states import Verdict
from tests import build
from tests.build import APPROVE
from tests.logins import as_role

NOTE = "The customer asked for 12.95, not for ten times that."
Selected = tuple[Any, int, bytes]


def select(items: Sequence[Item]) -> list[Selected]:
    fresh = Item.objects.select_related("action").in_bulk([i.id for i in items])
    return [(i.id, fresh[i.id].version, bytes(fresh[i.id].action.digest)) for i in items]


def batch(
    house: build.House, chosen: list[Selected], decision: DecisionIn = APPROVE, name: str = "ada", **more: Any
) -> BatchResult:
    with as_role("web"):
        return services.batch_decide(
            items=chosen, decision=decision, by=house.by(name), **({"opened_at": build.long_ago()} | more)
        )


def several(house: build.House, count: int, type_name: str = "mail.send", **more: Any) -> list[Item]:
    actions = [build.proposed(house, type_name, **more) for _ in range(count)]
    build.route()
    return [build.item_of(action) for action in actions]


def outcome(result: BatchResult) -> list[tuple[str, str]]:
    return [(r.result, r.reason) for r in result.results]


def keys(items: list[Item]) -> list[str]:
    """What the forms of the queue send for them."""
    return [f"ACT-{item.ref}:{v}:{d.hex()}" for item, (_, v, d) in zip(items, select(items), strict=True)]


def seeded(house: build.House, source: UUID, type_name: str = "mail.send", **more: Any) -> Item:
    """A check in the queue, made from an action by the lead."""
    payload = build.PAYLOADS[type_name] | more.pop("payload", {"to": "somebody@else.example"})
    seed = Seed(**({"payload": payload, "answer": Verdict.REJECT, "note": NOTE} | more))
    with as_role("web"):
        action = services.seed_canary(source=source, seed=seed, by=house.by("lin"))
    build.route()
    return build.item_of(action)
