"""Which field of a type may name the subject, and what is told of one that may not."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from agents import registry as agents
from audit.seal import lookup_of
from reviews import registry
from reviews.registry import DeskType
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk
from reviews.subjects import BadSubject, demand_subject, kind_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "customer_id": {"type": "integer"},
        "to": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "either": {"type": ["string", "null"]},
        "lines": {"type": "array", "items": {"type": "string"}},
        "paid": {"type": "boolean"},
        "owner": {"$ref": "#/$defs/Person"},
        "Kunden-Nr": {"type": "string"},
        "far": {"$ref": "https://example.org/person.json"},
        "loop": {"$ref": "#/$defs/Loop"},
    },
    "$defs": {
        "Person": {"type": "object", "properties": {"mail": {"type": "string"}}},
        "Loop": {"$ref": "#/$defs/Loop"},
    },
}


@pytest.mark.parametrize(
    ("path", "kind"),
    [("", ""), ("customer_id", ""), ("to", "mail"), ("either", ""), ("owner.mail", ""), ("Kunden-Nr", "customer")],
)
def test_a_text_or_a_whole_number_that_can_be_looked_up_names_the_subject(path: str, kind: str) -> None:
    demand_subject(SCHEMA, path, kind)


@pytest.mark.parametrize(
    ("path", "kind", "why"),
    [
        ("customer", "", "no field customer"),
        ("owner", "", "neither a text"),
        ("owner.name", "", "no field"),
        ("customer_id.x", "", "no field"),
        ("lines", "", "neither a text"),
        ("paid", "", "neither a text"),
        ("Kunden-Nr", "", "no kind of subject"),
        ("to", "Mail", "no kind of subject"),
        ("", "mail", "needs the field"),
        ("far", "", "neither a text"),
        ("loop", "", "neither a text"),
        (".", "", "no field"),
    ],
)
def test_anything_else_is_refused_in_words(path: str, kind: str, why: str) -> None:
    with pytest.raises(BadSubject, match=why):
        demand_subject(SCHEMA, path, kind)


def test_code_that_names_a_field_it_does_not_have_is_not_loaded() -> None:
    class Refund(Strict):
        customer: str

    common: dict[str, Any] = {
        "name": "test.subjects", "label": "x", "template": "x", "model": Refund, "risk": Risk.LOW, "queue": "support",
        "reversibility": Reversibility.REVERSIBLE, "effect_mode": EffectMode.ONCE,
    }  # fmt: skip
    with pytest.raises(BadSubject, match="no field client"):
        registry.register(DeskType(**common, subject_path="client"))
    assert registry.get("test.subjects") is None


def test_the_shipped_types_that_name_a_person_name_their_subject() -> None:
    named = {kind.name: (kind.subject_path, kind.subject_kind) for kind in agents.types() if kind.subject_path}
    assert named == {"mail.reply": ("to", "mail"), "mail.forward": ("to", "mail"), "mail.archive": ("sender", "mail")}


def test_a_person_is_the_same_whoever_writes_their_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SUBJECT_SECRET", "s" * 32)
    same = {
        lookup_of("mail", text) for text in ("ada@example.org", " Ada <ADA@Example.org>", '"L, A" <ada@example.org>')
    }
    assert len(same) == 1
    assert lookup_of("mail", "not an address") != lookup_of("mail", "")
    assert lookup_of("customer", "A1") != lookup_of("customer", "a1")
    assert kind_of("order.customer_id") == "customer_id"
