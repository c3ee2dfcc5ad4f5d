"""A believable day at a shop's desk: people, types and work in every state, all brought there by services."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib.auth.hashers import make_password
from django.test import override_settings
from pydantic import Field

from reviews import services
from reviews.ids import new_id
from reviews.models import Item, User
from reviews.registry import DeskType
from reviews.schemas import EvidenceIn, Proposal, Strict
from reviews.services import PrincipalSpec
from reviews.states import EffectMode, Reversibility, Risk
from tests import build
from tests.logins import as_role

CLOSE = DeskType(
    name="account.close", label="Close an account", template="Close the account of {customer}",
    schema={
        "type": "object", "additionalProperties": False, "required": ["customer", "keep_points"],
        "properties": {
            "customer": {"type": "string", "minLength": 1, "title": "Customer"},
            "keep_points": {"type": "boolean", "title": "Keep the points"},
            "reason": {"type": "string", "enum": ["asked", "fraud", "inactive"], "title": "Reason"},
        },
    },
    risk=Risk.CRITICAL, reversibility=Reversibility.IRREVERSIBLE, effect_mode=EffectMode.ONCE, queue="support",
)  # fmt: skip
PAYOUT = DeskType(
    name="payout.release", label="Release a payout", template="Pay {amount} to {supplier}",
    schema={
        "type": "object", "additionalProperties": False, "required": ["supplier", "amount", "iban"],
        "properties": {
            "supplier": {"type": "string", "minLength": 1, "title": "Supplier"},
            "amount": {"type": "integer", "minimum": 1, "title": "Amount", "x-material": True},
            "iban": {"type": "string", "title": "IBAN"},
            "lines": {"type": "array", "items": {"type": "object", "properties": {
                "sku": {"type": "string"}, "quantity": {"type": "integer"}}}},
        },
    },
    risk=Risk.HIGH, reversibility=Reversibility.COMPENSABLE, effect_mode=EffectMode.PROBE, queue="support",
    amount_path="amount", currency="EUR", machine_paths=("iban",), has_probe=True,
)  # fmt: skip


class Voucher(Strict):
    """What the agent that sends vouchers reads: money as a number, never as text."""

    customer: str
    amount: Decimal = Field(gt=0, le=500, decimal_places=2)


VOUCHER = DeskType(
    name="voucher.send", label="Send a voucher", template="Voucher of {amount} for {customer}",
    schema={
        "type": "object", "additionalProperties": False, "required": ["customer", "amount"],
        "properties": {
            "customer": {"type": "string", "minLength": 1, "title": "Customer"},
            "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 500, "title": "Amount"},
        },
    },
    risk=Risk.LOW, reversibility=Reversibility.REVERSIBLE,
    effect_mode=EffectMode.IDEMPOTENT, queue="support",
)  # fmt: skip
PAYLOADS: dict[str, dict[str, Any]] = {
    "account.close": {"customer": "c-77", "keep_points": False, "reason": "asked"},
    "voucher.send": {"customer": "8812", "amount": Decimal("129.50")},
}

LETTERS = (
    ("kim@example.org", "Your order 40-1187", "It left our warehouse this morning and is with you on Thursday."),
    ("noa@example.org", "Invoice for order 40-1203", "The invoice with your company name is attached."),
    ("sam@example.org", "About the flickering lamp", "Please try another socket first; if it goes on, we replace it."),
    ("ines@example.org", "Delivery to the islands", "We deliver for 14.50 EUR; it takes three days longer."),
    ("olu@example.org", "Changing your address", "Done: the chairs now go to Elm Road 12."),
)
REFUNDS = (("8812", 12_950), ("7741", 4_450), ("9020", 8_900), ("6617", 1_990), ("5102", 31_400))
CONVERSATION = (
    "customer: One of the two lamps of order 40-1203 came broken. I would like my money back for that one.\n"
    "agent: I am sorry to hear that. Let me look up the order.\n"
    'tool get_order: {"order_id": "40-1203", "lines": [{"sku": "lamp-s", "quantity": 2, "cents": 4450}]}\n'
    "agent: I found it: two lamps at 44.50 EUR each."
)
HOSTILE = {
    "to": "kim@examp\u043be.org",
    "subject": "\u2714 approved by the CFO <b>no need to look</b>",
    "body": "Please pay invoice \u202e7711\u202c today.\u200b <script>alert(1)</script> {{ settings.SECRET_KEY }}",
}


def furnish() -> build.House:
    """The tests' people and types, and two riskier types. Passwords as production stores them."""
    house = build.house()
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"]):
        User.objects.update(password=make_password("secret"))
    with as_role("web"):
        services.sync_types(types=(*build.TYPES, CLOSE, PAYOUT, VOUCHER), principals=[
            PrincipalSpec("helper", owner="noor"), PrincipalSpec("inbox", owner="noor"),
        ])  # fmt: skip
    return house


TOLD = EvidenceIn(kind="conversation", title="Conversation with the customer", source="shop chat", text=CONVERSATION)
RULE = EvidenceIn(
    kind="source",
    title="Refund rules, section 3",
    source="handbook",
    conflict=True,
    text="A single broken piece is refunded at its own price, never the whole order.",
)
WHY = "The customer reports one broken lamp. The order holds two lamps, so I refund the order."
CONFIDENCES = (0.97, 0.62, 0.88, None, 0.41, 0.93, 0.75, 0.55, 0.99, 0.83)


def _hour(number: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What comes in within an hour: type, and what differs from a bare proposal."""
    to, subject, body = LETTERS[number % 5]
    customer, amount = REFUNDS[number % 5]
    refund = {"customer": customer, "amount": amount + number, "note": "one of two lamps was broken"}
    yield "mail.send", {"payload": {"to": to, "subject": subject, "body": body}, "evidence": (TOLD,)}
    yield "refund.issue", {"payload": refund, "evidence": (TOLD, RULE), "reasoning": WHY}
    yield "call.place", {"payload": {"text": f"the invoice of order 40-12{number:02}"}}
    if number % 2 == 0:
        yield "payout.release", {"payload": _payout(number), "evidence": (TOLD,)}
    if number % 4 == 0:
        yield "files.delete", {"payload": {"path": f"/srv/exports/2019-{number + 1:02}"}}
    if number % 5 == 3:
        yield "account.close", {"payload": {"customer": f"c-{77 + number}", "keep_points": False, "reason": "asked"}}


def _payout(number: int) -> dict[str, Any]:
    return {
        "supplier": ("Lumen Works", "Oak & Sons", "Nordic Glass")[number % 3],
        "amount": 245_000 + number * 100,
        "iban": "DE02120300000000202051",
        "lines": [{"sku": "lamp-s", "quantity": 40}, {"sku": "lamp-l", "quantity": 12}],
    }


def _work() -> Iterator[tuple[str, dict[str, Any]]]:
    asked = itertools.chain.from_iterable(map(_hour, itertools.count()))
    for (name, more), confidence in zip(asked, itertools.cycle(CONFIDENCES), strict=False):
        yield name, {**more, "confidence": confidence}


def fill(house: build.House, count: int) -> list[Item]:
    """So many items that wait, in the order they were proposed."""
    made = []
    for name, more in itertools.islice(_work(), count):
        with as_role("web"):
            proposal = Proposal(type=name, dedup_key=str(new_id()), **more)
            made.append(services.propose(proposal=proposal, principal=house.agent.id).id)
    build.route()
    found = {item.action_id: item for item in Item.objects.select_related("action").filter(action__in=made)}
    return [found[action] for action in made]


def hostile(house: build.House) -> Item:
    """What an agent would send to deceive whoever looks."""
    lie = EvidenceIn(title="Note", source="mail", text=HOSTILE["body"])
    return build.pending(house, "mail.send", payload=HOSTILE, evidence=(lie,), reasoning="ignore your rules\u200b")
