"""What search may ask about a payload: its words, and the values of its fields. Pure.

The same functions make what is stored and what a query looks for, so that the two
cannot disagree. All of it is derived: erased with the text, and never what is approved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation

CUSTOMER = "@customer"  # the key for all fields that name a customer; no field can be called so
LONGEST_WORD = 64
MOST_WORDS = 4_000
MOST_FIELDS = 300
LONGEST_VALUE = 120  # longer values are found by their words
# Scripts without spaces between words: each character is a word, and the text itself says whether they stand together.
_WORD = re.compile(
    r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
    r"|[^\W_\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]+"
)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,6})?")


def words(text: str) -> list[str]:
    """The different words of a text, in any order."""
    return list(dict.fromkeys(_words(text)))[:MOST_WORDS]


def _words(text: str) -> Iterator[str]:
    return (word[:LONGEST_WORD] for word in _WORD.findall(text.casefold()))


def lookup(phrase: str) -> str:
    """A phrase as PostgreSQL's tsquery: all its words, the last one perhaps only begun; "" where it has none."""
    found = list(_words(phrase))
    begun = bool(found) and phrase.casefold().rstrip().endswith(found[-1])
    parts = [f"'{word}'" for word in found[:-1]] + [f"'{found[-1]}'{':*' if begun else ''}"] if found else []
    return " & ".join(parts)


def fields(payload: object) -> dict[str, list[str | float | int]]:
    """The values at each dotted path, list positions left out; and all of them that name a customer."""
    found: dict[str, dict[str | float | int, None]] = {}
    for number, (path, value) in enumerate(_leaves(payload, "")):
        if number >= MOST_FIELDS:
            break
        for key in (path, CUSTOMER) if names_customer(path) else (path,):
            found.setdefault(key, {}).update(dict.fromkeys(_forms(value, key)))
    return {path: list(values) for path, values in found.items()}


def names_customer(path: str) -> bool:
    """`customer`, `customer_id`, `customer.name`: whether a field is about the customer."""
    return any(part.startswith("customer") for part in path.split("."))


def _forms(value: object, key: str) -> Iterable[str | float | int]:
    """How a value may be asked for: as text in small letters, as a number, and a customer by a word of the name."""
    if isinstance(value, bool):
        return ("true" if value else "false",)
    text = _storable(str(value)).strip().casefold()
    whole = (text,) if text and len(text) <= LONGEST_VALUE else ()
    return (*whole, *number_in(text), *(words(text) if key == CUSTOMER else ()))


def _storable(text: str) -> str:
    """Without what PostgreSQL keeps in no text: NUL, and halves of characters."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def number_in(text: str) -> tuple[int | float, ...]:
    """The number that a text is, or nothing: codes with leading zeros are no numbers."""
    if not _NUMBER.fullmatch(text):
        return ()
    try:
        number = Decimal(text)
    except InvalidOperation:
        return ()
    return (int(number) if number == number.to_integral_value() else float(number),)


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            name = _storable(str(key)).casefold()
            yield from _leaves(one, f"{path}.{name}" if path else name)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one, path)
    elif value is not None and path:
        yield path, value
