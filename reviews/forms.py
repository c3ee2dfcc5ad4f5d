"""What the desk's GET and POST fields mean: the filter panel, what a page showed, and the decision."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from reviews.attachments import Upload
from reviews.errors import InvalidDecision
from reviews.models import User
from reviews.queries.grammar import Query, Term
from reviews.schemas import MAX_EVIDENCE, MAX_NOTE, DecisionIn, Seen
from reviews.services import shown_at, stamp_shown
from reviews.services.reading import saw_whole
from reviews.states import Verdict

ITEM = re.compile(r"ACT-([0-9]{1,15}):([0-9]{1,9}):([0-9a-f]{64})")
ROW_NOTE = re.compile(r"note-ACT-([0-9]{1,15})")
LIST = "list"  # the subject of a list's stamp; it counts for low risk only
_PANEL = {"risk": "risk", "type": "type", "agent": "agent", "state": "is", "queue": "queue", "age": "age"}


def from_panel(query: Query, given: QueryDict) -> Query:
    """The query with what the filter panel says about the panel's own keys."""
    for name, key in _PANEL.items():
        query = query.replaced(key, [value for value in given.getlist(name) if value])
    low, high = _end(given, "conf_lo"), _end(given, "conf_hi")
    wanted = [f"{low or '0'}..{high or '1'}"] if low or high else []
    if given.get("conf_none"):
        wanted.append("none")
    query = query.replaced("conf", wanted)
    text = (given.get("text") or "").strip().replace('"', "")
    kept = Query(tuple(term for term in query.terms if term.key or term.negated))
    return Query((*kept.terms, Term("", (text,)))) if text else kept


def _end(given: QueryDict, name: str) -> str:
    """An end of the confidence range as the grammar writes it; what is no number is left for it to refuse."""
    return (given.get(name) or "").strip().replace(",", ".")


def seen(given: QueryDict, *, user: User, item: object, low_risk: bool) -> Seen:
    """What the page showed. InvalidDecision names the field that is missing: a form of ours has them all."""
    return Seen(
        version=_number(given, "version"),
        digest=_digest(given),
        evidence=_number(given, "evidence"),
        message=_number(given, "message"),
        opened_at=opened(given, user=user, item=item, low_risk=low_risk),
        whole=saw_whole(given.get("whole") or "", user, item, given.get("digest") or ""),
    )


def opened(given: QueryDict, *, user: User, item: object, low_risk: bool) -> datetime | None:
    """When this person was shown it; a list shows enough of what is of low risk, and no more."""
    token = given.get("opened") or ""
    found = shown_at(token, user, str(item))
    return found or (shown_at(token, user, LIST) if low_risk else None)


def shown_number(given: QueryDict, name: str) -> int:
    """How far somebody says they have read."""
    return _number(given, name)


def _number(given: QueryDict, name: str) -> int:
    text = given.get(name) or ""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise InvalidDecision(f"the page must say what it showed: `{name}` is missing")
    return int(text)


def _digest(given: QueryDict) -> bytes:
    text = given.get("digest") or ""
    if not re.fullmatch(r"[0-9a-f]{64}", text):
        raise InvalidDecision("the page must say what it showed: `digest` is missing")
    return bytes.fromhex(text)


def decision(given: QueryDict, verdict: str = "") -> DecisionIn:
    """The verdict with its reason. InvalidDecision in words, before any row is looked at."""
    said = verdict or given.get("verdict") or ""
    if said not in (Verdict.APPROVE, Verdict.REJECT):
        raise InvalidDecision("choose approve or reject")
    rationale = note(given, "rationale")
    code = given.get("reason_code") or ""
    if len(code) > 63:
        raise InvalidDecision("that is no reason code")
    return DecisionIn(verdict=Verdict(said), reason_code=code, rationale=rationale)


def note(given: QueryDict, name: str) -> str:
    """Free text as typed, with the line ends of a browser made plain."""
    text = (given.get(name) or "").replace("\r\n", "\n").strip()
    if len(text) > MAX_NOTE:
        raise InvalidDecision(f"the text is longer than {MAX_NOTE:,} characters")
    return text


@dataclass(frozen=True, slots=True)
class Chosen:
    """One item of a batch as the page showed it."""

    ref: int
    version: int
    digest: bytes


def chosen(given: QueryDict) -> list[Chosen]:
    """The selection, each item once."""
    found: dict[int, Chosen] = {}
    for text in given.getlist("item"):
        match = ITEM.fullmatch(text)
        if match is None:
            raise InvalidDecision("a selected item does not say which version was shown")
        found[int(match[1])] = Chosen(int(match[1]), int(match[2]), bytes.fromhex(match[3]))
    if not found:
        raise InvalidDecision("select at least one item first")
    return list(found.values())


def row_notes(given: QueryDict) -> dict[int, str]:
    """What was written about single items of a batch, by reference."""
    found = {name: ROW_NOTE.fullmatch(name) for name in given}
    return {int(match[1]): note(given, name) for name, match in found.items() if match and given.get(name, "").strip()}


def shown_or_now(token: str, *, user: User, item: object, at: datetime) -> str:
    """The stamp a form carries on: the one it came with while that is good, otherwise a new one."""
    return token if shown_at(token, user, str(item)) else stamp_shown(user, str(item), at)


def upload(files: Any) -> Upload:
    """The file of a form, read no further than its limit. InvalidDecision where none was chosen."""
    sent = files.get("file")
    if sent is None:
        raise InvalidDecision("choose a file")
    return Upload(sent.name or "", sent.read(MAX_EVIDENCE + 1))


def expects(given: QueryDict) -> dict[str, object] | None:
    """What kind of answer a question asks for; free text needs no word."""
    kind = given.get("expects") or "text"
    if kind == "choice":
        options = [line.strip() for line in (given.get("options") or "").splitlines() if line.strip()][:20]
        if len(options) < 2:
            raise InvalidDecision("write at least two choices, one on each line")
        return {"kind": "choice", "options": options}
    if kind == "field":
        path = (given.get("path") or "").strip()[:200]
        if not path:
            raise InvalidDecision("name the field that should be corrected")
        return {"kind": "field", "path": path}
    return {"kind": "attachment"} if kind == "attachment" else None


def words(given: QueryDict, name: str) -> list[str]:
    """Words with spaces or commas between them."""
    return (given.get(name) or "")[:1000].replace(",", " ").split()


def later(given: QueryDict, *, now: datetime) -> datetime:
    """When something deferred comes back: in so many minutes, or at a time of the reader's zone."""
    text = (given.get("until_time") or given.get("until") or "").strip()
    if text.isascii() and text.isdigit() and len(text) <= 6:
        return now + timedelta(minutes=int(text))
    try:
        wanted = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidDecision("say until when: a number of minutes or a time") from None
    return wanted if wanted.tzinfo else timezone.make_aware(wanted)
