"""The words by which texts are found: as they are, or as keyed hashes where texts lie sealed."""

import re
import unicodedata
from collections.abc import Sequence

from audit import seal

WORD = re.compile(r"\w{2,64}")
MOST = 400


def tokens(text: str) -> tuple[str, ...]:
    """Each word once, in order; what a text is filed under, and what a search asks for."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("_", " ")
    found = list(dict.fromkeys(WORD.findall(plain)))[:MOST]
    return tuple(hidden(word) for word in found) if seal.is_on() else tuple(found)


def hidden(word: str) -> str:
    """Equal words stay equal; which word it is, only holders of the installation's secret can try."""
    made = seal.keyed("word", word.encode())
    if made is None:
        raise RuntimeError("words are sealed, and this process has no subject secret")
    return "x" + made.hex()[:22]


def query_of(found: Sequence[str]) -> str:
    """All of these words, as PostgreSQL's tsquery; tokens are letters and digits, so nothing needs an escape."""
    return " & ".join(f"'{token}'" for token in found)
