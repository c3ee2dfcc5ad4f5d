"""The one encoder, strict JSON, and the models at the boundary."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reviews.errors import InvalidPayload
from reviews.schemas import DecisionIn, EvidenceIn, Proposal, commitment, decode, encode, new_salt

TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00", exclude_categories=["Cs"])).filter(
    lambda s: __import__("unicodedata").is_normalized("NFC", s)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_bytes_read_back_give_the_same_bytes(value: Any) -> None:
    raw = encode(value)
    assert decode(raw) == value
    assert encode(decode(raw)) == raw


@given(st.dictionaries(TEXT, st.integers(0, 9), max_size=6), st.randoms())
def test_the_order_of_keys_does_not_matter(value: dict[str, int], random: Any) -> None:
    pairs = list(value.items())
    random.shuffle(pairs)
    assert encode(dict(pairs)) == encode(value)


def test_it_is_compact_sorted_utf8() -> None:
    assert encode({"b": [1, None, True], "a": "ü\n", "ä": Decimal("1.50")}) == (
        '{"a":"ü\\n","b":[1,null,true],"ä":"1.50"}'.encode()
    )


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": {"b": [1, 0.5]}}, "a.b[1]"),
        ({"a": 2**53}, "a"),
        ({"a": "e\u0301"}, "a"),
        ({"a": "\ud800"}, "a"),
        ({"a": "x\x00"}, "a"),
        ({"a": Decimal("NaN")}, "a"),
        ({"a": {1: 2}}, "a"),
        ({"a": b"x"}, "a"),
        ({"a": {"b"}}, "a"),
    ],
)
def test_what_has_no_canonical_form_is_refused_by_path(value: Any, path: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        encode(value)
    assert caught.value.errors[0]["path"] == path


def test_what_is_nested_too_deeply_is_refused() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InvalidPayload, match="nested deeper"):
        encode(deep)


@pytest.mark.parametrize(
    "raw",
    [
        '{"a":1,"a":2}',
        '{"a":NaN}',
        '{"a":Infinity}',
        '{"a":-Infinity}',
        "{",
        "",
        '{"a":1_000}',
        "[" * 100_000,
        '{"a":' + "9" * 5_000 + "}",
    ],
)
def test_what_is_not_strict_json_is_refused(raw: str) -> None:
    with pytest.raises(InvalidPayload):
        decode(raw)


def test_invalid_utf8_is_refused() -> None:
    with pytest.raises(InvalidPayload):
        decode(b'{"a":"\xff"}')


def test_fractions_keep_their_digits() -> None:
    assert decode('{"a":0.10}') == {"a": Decimal("0.10")}
    assert encode(decode('{"a":0.10}')) == b'{"a":"0.10"}'


def test_the_digest_is_of_salt_and_bytes() -> None:
    salt = new_salt()
    assert commitment(salt, b"x") == hashlib.sha256(salt + b"x").digest()
    assert len(salt) == 32 and new_salt() != salt


@pytest.mark.parametrize(
    "more",
    [
        {"risk": "low"},
        {"state": "approved"},
        {"needed": 1},
        {"confidence": 1.5},
        {"confidence": "0.9"},
        {"type": "Mail.Send"},
        {"type": "../etc"},
        {"dedup_key": ""},
        {"payload": []},
        {"evidence": ({"title": "", "text": "x"},)},
    ],
)
def test_a_proposal_names_nothing_but_what_is_its_own(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Proposal.model_validate({"type": "mail.send", "payload": {}, "dedup_key": "k"} | more)


def test_a_decision_from_json_is_strict() -> None:
    assert DecisionIn.model_validate_json('{"verdict":"approve"}').verdict == "approve"
    for raw in (
        '{"verdict":"maybe"}',
        '{"verdict":"approve","reviewer":1}',
        json.dumps({"verdict": "reject", "rationale": "x" * 4_001}),
    ):
        with pytest.raises(ValidationError):
            DecisionIn.model_validate_json(raw)


def test_evidence_is_frozen() -> None:
    one = EvidenceIn(title="Mail", text="x")
    with pytest.raises(ValidationError):
        one.text = "y"  # type: ignore[misc]
