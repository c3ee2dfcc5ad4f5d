"""Text from outside, made safe to look at: what hides is written out, what imitates is named.

Pure. Nothing here changes what is stored or approved; it changes what is
shown. Hidden characters are those that take no room or turn the reading
direction: a reader would approve something else than the machine reads.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_HIDDEN = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls but tab and line feed; with them ANSI escapes
    "\u00ad\u034f\u061c"  # soft hyphen, grapheme joiner, Arabic letter mark
    "\u115f\u1160\u3164\uffa0"  # Hangul fillers
    "\u17b4\u17b5\u180b-\u180f"  # Khmer inherent vowels, Mongolian selectors
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f"  # zero width, separators, bidi
    "\u2800"  # a Braille cell without a dot
    "\ud800-\udfff"  # halves of a character
    "\ufe00-\ufe0f\ufeff\ufff0-\uffff"  # variation selectors, BOM, interlinear notes, none at all
    "\U00013430-\U0001345f\U0001bca0-\U0001bca3"  # controls of hieroglyphs and of shorthand
    "\U0001d159\U0001d173-\U0001d17a"  # musical format controls
    "\U000e0000-\U000e0fff"  # tags, more variation selectors, and what is kept for their like
    "]"
)
_ODD_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_DOMAIN = re.compile(r"(?<![\w.-])(?:[^\W_][\w-]*\.)+[^\W\d_][\w-]*", re.UNICODE)
_MOST_MARKS = 4
_PUNY = "xn--"
_WORD = re.compile(r"[^\W\d_]{2,}")
# Alphabets whose letters are taken for each other.
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"})


def _escape(match: re.Match[str]) -> str:
    return f"[U+{ord(match.group()):04X}]"


def visible(text: str) -> str:
    """`text` with every hidden character written as [U+XXXX], and marks piled on a letter counted, not stacked."""
    shown = _HIDDEN.sub(_escape, text)
    return _levelled(shown) if towers(shown) else shown


def _levelled(text: str) -> str:
    """Four marks on each letter; the rest as [+12 marks], so that no tower covers its neighbours."""
    parts: list[str] = []
    height = 0
    for char in text:
        if not unicodedata.combining(char):
            parts += [_rest(height), char]
            height = 0
            continue
        height += 1
        if height <= _MOST_MARKS:
            parts.append(char)
    return "".join([*parts, _rest(height)])


def _rest(height: int) -> str:
    return f"[+{height - _MOST_MARKS} marks]" if height > _MOST_MARKS else ""


def has_hidden(text: str) -> bool:
    """Whether `text` holds a character that a reader cannot see."""
    return _HIDDEN.search(text) is not None


def towers(text: str) -> bool:
    """Whether marks are piled on a letter so high that they cover their neighbours."""
    if text.isascii():
        return False
    height = 0
    for char in text:
        height = height + 1 if unicodedata.combining(char) else 0
        if height > _MOST_MARKS:
            return True
    return False


class Clipped(NamedTuple):
    text: str
    more: int  # characters left out


def clip(text: str, limit: int) -> Clipped:
    """At most `limit` characters of `text`, and how many were left out."""
    return Clipped(text[:limit], max(0, len(text) - limit))


class Domain(NamedTuple):
    """A domain name outside ASCII: as written, in its other spelling, and whether it mixes scripts.

    The other spelling is the punycode of a name in letters, and the letters of a name in punycode.
    """

    shown: str
    punycode: str
    mixed: bool


def foreign_domains(text: str) -> list[Domain]:
    """The domain names in `text` that are not plain ASCII or are written in punycode, each in its other spelling."""
    if text.isascii() and _PUNY not in text.casefold():
        return []
    names = dict.fromkeys(m.group() for m in _DOMAIN.finditer(text))
    return [_domain(name) for name in names if not name.isascii() or _PUNY in name.casefold()]


def _domain(name: str) -> Domain:
    if not name.isascii():
        return Domain(name, _punycode(name), _mixes(name))
    letters = _letters(name)
    return Domain(name, visible(letters), _mixes(letters))


def _letters(name: str) -> str:
    """What a name in punycode looks like where letters are shown; as it is where it stands for none."""
    try:
        return name.casefold().encode("ascii").decode("idna")
    except UnicodeError:
        return name


def _punycode(name: str) -> str:
    """What a resolver would ask for; the escaped name where no resolver could."""
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name.encode("ascii", "backslashreplace").decode("ascii")


def _mixes(name: str) -> bool:
    """Whether one label is written in more than one script."""
    return any(len(_scripts(label)) > 1 for label in name.split("."))


def _scripts(label: str) -> set[str]:
    """The scripts of the letters, by the first word of their Unicode names."""
    return {unicodedata.name(c, "UNKNOWN").split()[0] for c in label if c.isalpha()}


def mixed_words(text: str) -> list[str]:
    """The words that are written in two alphabets whose letters look alike, such as Latin with one Cyrillic letter."""
    if text.isascii():
        return []
    words = dict.fromkeys(m.group() for m in _WORD.finditer(text) if not m.group().isascii())
    return [word for word in words if len(_scripts(word) & _ALIKE) > 1]


def values_at(payload: object, path: str) -> Iterator[object]:
    """What stands at a dotted path; lists on the way are entered, `*` is any key."""
    yield from _descend(payload, [part for part in path.split(".") if part])


def _descend(value: object, parts: Sequence[str]) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for one in value:
            yield from _descend(one, parts)
    elif not parts:
        yield value
    elif isinstance(value, Mapping):
        keys = value.keys() if parts[0] == "*" else {parts[0]} & value.keys()
        for key in keys:
            yield from _descend(value[key], parts[1:])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from _texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def hidden_at(payload: object, paths: Sequence[str]) -> list[str]:
    """Which of the machine-read fields at `paths` hold hidden characters, or spaces that are none to a machine."""
    return [path for path in paths if any(_deceives(t) for value in values_at(payload, path) for t in _texts(value))]


def _deceives(text: str) -> bool:
    return has_hidden(text) or _ODD_SPACE.search(text) is not None


def all_texts(payload: object) -> str:
    """Every text and number of a payload in one searchable line, hidden characters written out."""
    return " ".join(visible(t) for t in _leaves(payload))


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _leaves(one)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
