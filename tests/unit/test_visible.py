"""Text that hides or imitates is shown for what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.visible import (
    Clipped,
    Domain,
    all_texts,
    clip,
    foreign_domains,
    has_hidden,
    hidden_at,
    mixed_words,
    towers,
    values_at,
    visible,
)

HIDDEN = {
    "right-to-left override": "\u202e",
    "isolate": "\u2066",
    "zero width space": "\u200b",
    "zero width joiner": "\u200d",
    "byte order mark": "\ufeff",
    "tag": "\U000e0041",
    "variation selector": "\ufe0f",
    "second variation selector": "\U000e0100",
    "soft hyphen": "\u00ad",
    "Hangul filler": "\u3164",
    "halfwidth Hangul filler": "\uffa0",
    "escape": "\x1b",
    "carriage return": "\r",
    "line separator": "\u2028",
}


@pytest.mark.parametrize("char", HIDDEN.values(), ids=HIDDEN)
def test_a_hidden_character_is_written_out(char: str) -> None:
    assert has_hidden(f"a{char}b")
    assert visible(f"a{char}b") == f"a[U+{ord(char):04X}]b"


@pytest.mark.parametrize("text", ["", "plain", "Grüße, 你好, שלום", "two\nlines\tand a tab", "naïve — “quoted”", "👍"])
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert not has_hidden(text)
    assert visible(text) == text


@given(st.text())
def test_what_was_made_visible_hides_nothing(text: str) -> None:
    assert not has_hidden(visible(text))


def test_a_letter_of_another_script_in_a_domain_is_named() -> None:
    found = foreign_domains("Pay at https://p\u0430ypal.com/login or example.org")
    assert found == [Domain("p\u0430ypal.com", "xn--pypal-4ve.com", mixed=True)]


def test_a_domain_in_one_foreign_script_is_shown_with_its_punycode() -> None:
    assert foreign_domains("kim@müller.de") == [Domain("müller.de", "xn--mller-kva.de", mixed=False)]
    assert foreign_domains("plain text with example.com") == []


def test_a_domain_that_no_resolver_takes_is_shown_escaped() -> None:
    (found,) = foreign_domains("é" * 70 + ".com")
    assert found.punycode.startswith("\\xe9")


def test_marks_piled_up_are_noticed() -> None:
    assert towers("Z" + "\u0301" * 5)
    assert not towers("Ä\u0308")


def test_clipping_says_how_much_is_missing() -> None:
    assert clip("abcdef", 4) == Clipped("abcd", 2)
    assert clip("abc", 4) == Clipped("abc", 0)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("to", ["x"]),
        ("order.total", [5]),
        ("lines.name", ["a", "b"]),
        ("order.*", [5, None]),
        ("no.such", []),
        ("to.more", []),
    ],
)
def test_a_path_enters_lists_and_maps(path: str, values: list[object]) -> None:
    payload = {"to": "x", "order": {"total": 5, "note": None}, "lines": [{"name": "a"}, {"name": "b"}]}
    assert list(values_at(payload, path)) == values


def test_only_the_fields_asked_about_are_searched_and_deeply() -> None:
    payload = {"to": ["ok", {"x": "a\u200bb"}], "body": "\u202e"}
    assert hidden_at(payload, ["to", "cc"]) == ["to"]
    assert hidden_at({"to": {"a\u200b": 1}}, ["to"]) == ["to"]


def test_everything_in_a_payload_can_be_searched() -> None:
    assert all_texts({"a": "x", "b": [1, {"c": "y\u200b"}], "d": None, "e": True}) == "x 1 y[U+200B]"


def test_a_tower_of_marks_is_levelled_and_counted() -> None:
    assert visible("Z" + "\u0301" * 20 + "a") == "Z" + "\u0301" * 4 + "[+16 marks]a"


def test_a_name_in_punycode_is_shown_in_the_letters_it_stands_for() -> None:
    assert foreign_domains("see xn--pypal-4ve.com") == [Domain("xn--pypal-4ve.com", "p\u0430ypal.com", mixed=True)]


def test_words_in_two_alphabets_that_look_alike_are_named() -> None:
    assert mixed_words("Send it to P\u0430ul, not to Paul or \u041f\u0430\u0432\u0435\u043b, nor \u4f60\u597dabc") == [
        "P\u0430ul"
    ]
