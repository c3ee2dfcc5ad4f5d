"""What the desk tells the record about its rows: states, votes, revisions, attempts, texts, names.

`audit` knows none of these tables; it calls these functions inside its own read transaction, as `router` or
`auditor` (exports, reconciliation) or as `web` (names, erasure).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from audit import registry, seal
from audit.canonical import b64
from audit.ids import as_uuid, id_in
from audit.services import now
from reviews.models import (
    Action,
    Attempt,
    Authority,
    Decision,
    DeskItem,
    Evidence,
    EvidenceBody,
    Message,
    MessageBody,
    Principal,
    Revision,
    RevisionBody,
    User,
)
from reviews.states import Status, Verdict

CHUNK = 2_000
NUMBER = re.compile(r"ACT-([0-9]{1,15})", re.IGNORECASE | re.ASCII)
CLOSING = (Verdict.APPROVE, Verdict.REJECT)
STILL_OPEN = "You may still vote on this case. Its record, which tells how others voted, opens when you have."
KEPT_IN = {"payload": Revision, "text": Message, "message": Message, "evidence": Evidence}


def register() -> None:
    """Called once, when the app is ready."""
    registry.register_projection("reviews", lines)
    registry.register_texts("reviews", texts)
    registry.register_names("reviews", names)
    registry.register_refs("reviews", refs)
    registry.register_cases("reviews", case_of, short_names)
    registry.register_eraser("reviews", erase, guard)
    registry.register_veil("reviews", veil)


def veil(cases: Collection[str], pseudonym: str | None) -> dict[str, str]:
    """Of several people each votes alone: who may still do so reads the votes of the others afterwards."""
    named = {action: case for case in cases if (action := id_in(case, "action"))}
    shared = Action.objects.filter(pk__in=named, needed__gte=2, state=Status.PENDING)
    if pseudonym is not None:
        voted = Decision.objects.filter(reviewer__pseudonym=pseudonym, verdict__in=CLOSING, retraction=None)
        mine = Authority.objects.filter(
            Q(action_type=None) | Q(action_type=OuterRef("type_id")),
            group__user__pseudonym=pseudonym, group__reach__queue__deskitems__action=OuterRef("pk"),
        )  # fmt: skip
        # A vote on an earlier revision counts no more: its author votes once again.
        spoken = voted.filter(action=OuterRef("pk"), revision=OuterRef("revision"))
        shared = shared.filter(Exists(mine)).exclude(Exists(spoken))
    return dict.fromkeys((named[action] for action in shared.values_list("pk", flat=True)), STILL_OPEN)


def _action_of(case: str) -> Action | None:
    wanted = id_in(case, "action")
    return Action.objects.filter(pk=wanted).first() if wanted else None


def lines(cases: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """Every action, vote, revision and attempt, as docs/audit-log.md describes the lines."""
    for action, state, seq, head in _of(Action, "id", cases).values_list("id", "state", "case_seq", "case_head"):
        yield {"kind": "case", "case": f"action:{action}", "state": state, "seq": seq, "head": b64(bytes(head))}
    votes = _of(Decision, "action_id", cases)
    for event, action, verdict, who, digest in votes.values_list(
        "event_id", "action_id", "verdict", "reviewer__pseudonym", "digest"
    ):
        row = {"kind": "decision", "event": str(event), "case": f"action:{action}", "verdict": verdict}
        yield row | {"reviewer": who, "digest": b64(bytes(digest))}
    revisions = _of(Revision, "action_id", cases)
    for event, action, number, digest in revisions.values_list("event_id", "action_id", "number", "digest"):
        row = {"kind": "revision", "event": str(event), "case": f"action:{action}", "revision": number}
        yield row | {"digest": b64(bytes(digest))}
    attempts = _of(Attempt, "action_id", cases)
    for action, fence, effect_at, digest, key in attempts.values_list(
        "action_id", "fence", "effect_at", "digest", "key"
    ):
        row = {"kind": "attempt", "case": f"action:{action}", "fence": fence, "begun": effect_at is not None}
        yield row | {"digest": b64(bytes(digest)), "key": key}


def texts(cases: Collection[str] | None) -> Iterator[registry.Text]:
    """Payloads, messages and evidence; what is sealed and cannot be opened here comes without its bytes.

    A text that came with the proposal goes by its number there; one with an event of its own by its kind.
    """
    bodies = _of(RevisionBody, "revision__action_id", cases).values_list(
        "revision__event_id", "revision__digest", "salt", "scheme", "body"
    )
    for event, digest, *lies in bodies:
        yield _text(event, "payload", digest, lies)
    messages = _of(MessageBody, "message__action_id", cases).values_list(
        "message__event_id", "message__number", "message__digest", "salt", "scheme", "body"
    )
    for event, number, digest, *lies in messages:
        for field in ("text", f"message_{number}"):
            yield _text(event, field, digest, lies)
    artefacts = _of(EvidenceBody, "evidence__action_id", cases).values_list(
        "evidence__event_id", "evidence__number", "evidence__digest", "salt", "scheme", "body"
    )
    for event, number, digest, *lies in artefacts:
        for field in ("evidence", f"evidence_{number}"):
            yield _text(event, field, digest, lies)


def _text(event: UUID, field: str, digest: bytes, lies: Sequence[Any]) -> registry.Text:
    salt, scheme, body = lies
    if scheme == seal.PLAIN:  # what was changed behind the gate is the verifier's to find
        return registry.Text(event, field, bytes(salt), bytes(body))
    try:
        return registry.Text(event, field, *seal.opened(seal.Lying(salt, scheme, bytes(body)), bytes(digest)))
    except seal.CannotOpen:
        return registry.Text(event, field, b"", None)


def _of(model: Any, path: str, cases: Collection[str] | None) -> Any:
    """The model's rows, of all actions or of these cases, read a chunk at a time."""
    rows: QuerySet[Any] = model.objects.all()
    if cases is not None:
        rows = rows.filter(**{f"{path}__in": [action for case in cases if (action := id_in(case, "action"))]})
    return _Chunked(rows)


class _Chunked:
    """`values_list` that keeps a chunk in memory, not the table."""

    def __init__(self, rows: QuerySet[Any]) -> None:
        self.rows = rows

    def values_list(self, *names: str) -> Iterator[tuple[Any, ...]]:
        return iter(self.rows.values_list(*names).iterator(chunk_size=CHUNK))


def names(refs: Collection[str]) -> dict[str, str]:
    """Names for pseudonyms, principals, runs and policy versions, as timelines show them."""
    found = {user.pseudonym: str(user) for user in User.objects.filter(pseudonym__in=refs)}
    ids = [one for ref in refs if (one := as_uuid(ref))]
    found |= {str(principal.pk): str(principal) for principal in Principal.objects.filter(pk__in=ids)}
    numbers = {ref: ref.removeprefix("policy:") for ref in refs if ref.startswith("policy:")}
    return found | {ref: f"Policy, version {number}" for ref, number in numbers.items()}


def refs(words: str) -> Collection[str]:
    """Pseudonyms and ids of people and programs that go by this name."""
    people = User.objects.filter(Q(username__iexact=words) | Q(email__iexact=words))
    programs = Principal.objects.filter(name=words).values_list("pk", flat=True)
    return {*people.values_list("pseudonym", flat=True), *map(str, programs)}


def case_of(words: str) -> str:
    """The case of the action behind `ACT-1017`, however it is written."""
    number = NUMBER.fullmatch(words.strip())
    if number is None:
        return ""
    action = DeskItem.objects.filter(ref=int(number[1])).values_list("action_id", flat=True).first()
    return f"action:{action}" if action else ""


def short_names(cases: Collection[str]) -> dict[str, str]:
    """The numbers of an action's visits to the desk, oldest first."""
    actions = [action for case in cases if (action := id_in(case, "action"))]
    found: dict[str, str] = {}
    visits = DeskItem.objects.filter(action__in=actions).order_by("ref") if actions else DeskItem.objects.none()
    for action, ref in visits.values_list("action_id", "ref"):
        case = f"action:{action}"
        found[case] = f"{found[case]}, ACT-{ref}" if case in found else f"ACT-{ref}"
    return found


def erase(event: UUID, field: str) -> bool:
    """Body and salt of what this event brought, where it is the desk's; the database refuses an open action's."""
    model: Any = KEPT_IN.get(field.partition("_")[0])
    if model is None or not model.objects.filter(event_id=event).exists():
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_erase(%s, %s)", [event, field])
        erased: bool = cursor.fetchone()[0]
    return erased


def guard(case: str) -> str:
    """Why nothing of this case may be erased yet."""
    row = _action_of(case)
    if row is None or (row.closed_at is not None and (row.state != Status.REJECTED or _is_past(row.release_at))):
        return ""
    return "the action is still open; its texts are erased once it is over"


def _is_past(moment: datetime | None) -> bool:
    return moment is not None and moment <= now()
