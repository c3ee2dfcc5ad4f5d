"""Secrets are masked by shape and by name, and ordinary words, numbers and addresses are left alone."""

from __future__ import annotations

import pytest

from reviews.masking import (
    MASK,
    MOST_READ,
    folded,
    is_secret,
    marked,
    masked,
    redacted,
    secret_values,
    uninspectable,
)

SECRETS = {
    "private key": "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----",
    "cut private key": "-----BEGIN PRIVATE KEY-----\nMIIEow",
    "cloud key": "AKIA" + "ABCDEFGH12345678",
    "forge token": "ghp_" + "a1B2" * 9,
    "chat token": "xoxb-" + "12345678-abcdefgh",
    "payment key": "sk_live_" + "a1b2c3d4e5f6g7h8",
    "model key": "sk-proj-" + "a1b2c3d4e5f6g7h8",
    "web token": "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "card": "4111 1111 1111 1111",
    "card without spaces": "5500005555555559",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_secret_is_masked_and_the_words_around_it_stay(secret: str) -> None:
    text = masked(f"before {secret} after")
    assert secret not in text
    assert text.startswith("before")
    assert MASK in text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("password: hunter22", "password: [secret]"),
        ('{"api_key":"abcd1234"}', '{"api_key":"[secret]"}'),
        ("Authorization: Bearer abcdefghijkl1234", "Authorization: Bearer [secret]"),
        ("https://ada:pa55word@example.org/x", "https://[secret]@example.org/x"),
    ],
)
def test_what_is_named_a_secret_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Please reset the password of kim@example.org.",
        "order 40-1187, 129.50 EUR, +49 30 1234567",
        "4111 1111 1111 1112",  # no card: its check digit is wrong
        "DE02120300000000202051",
        "01a1f861-0a86-7ebd-b4e7-018e8f0efdc1",
        "https://example.org/a?b=c",
        "a token of our thanks",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert masked(text) == text


def test_a_field_is_secret_by_its_name_or_its_schema() -> None:
    assert is_secret("login.password", {})
    assert is_secret("apiKey".lower(), {})
    assert is_secret("note", {"writeOnly": True})
    assert is_secret("note", {"format": "password"})
    assert not is_secret("spinning", {})
    assert not is_secret("customer", {"type": "string"})


def test_paths_of_secrets_are_found_deep_in_a_payload() -> None:
    payload = {"to": "kim", "lines": [{"note": "fine"}, {"note": "password=hunter22"}], "login": {"token": "abc"}}
    assert list(secret_values(payload)) == ["lines[1].note", "login.token"]


def test_a_long_text_is_folded_and_an_endless_one_cannot_be_read() -> None:
    assert not folded({"text": "x" * 1_500})
    assert folded({"text": "x" * 1_501})
    assert uninspectable({"text": "x" * MOST_READ}) != ""
    assert uninspectable({"text": "x" * 50_000}) == ""


SCHEMA = {
    "$defs": {"Line": {"properties": {"answer": {"anyOf": [{"format": "password"}, {"type": "null"}]}}}},
    "properties": {
        "to": {"type": "string"},
        "phrase": {"type": "string", "x-secret": True},
        "codes": {"type": "array", "items": {"writeOnly": True}},
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    },
}


def test_what_a_schema_calls_secret_is_masked_wherever_it_stands() -> None:
    payload = {"to": "kim", "phrase": "blue horse", "codes": ["7", "8"], "lines": [{"answer": "rex", "n": "1"}]}
    names = marked(SCHEMA)
    hidden = {"to": "kim", "phrase": MASK, "codes": [MASK, MASK], "lines": [{"answer": MASK, "n": "1"}]}
    assert redacted(payload, names) == hidden
    assert list(secret_values(payload, names)) == ["phrase", "codes[0]", "codes[1]", "lines[0].answer"]
    assert folded(payload, names)
    assert not folded(payload)


def test_a_number_can_be_a_secret_too() -> None:
    payload = {"pin": 4711, "card": 4111111111111111, "count": 12, "token": None}
    assert redacted(payload) == {"pin": MASK, "card": MASK, "count": 12, "token": None}
    assert list(secret_values(payload)) == ["pin", "card"]
