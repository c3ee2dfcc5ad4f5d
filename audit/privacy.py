"""Legal holds and erasures, asked for by a person who has just proved who they are."""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import events, registry, seal
from audit.entries import Actor, Entry, prepare
from audit.erasable import CaseTexts, Wanted, cases_of, texts_of
from audit.services import MOST_ERASED, ErasureRefused, erase, erase_keys, fresh, load_chain, record, uuid7
from audit.sessions import is_fresh

Scope = Literal["case", "subject", "type"]
BASES = {
    "gdpr_17": "The person asked for it (GDPR article 17)",
    "consent": "Consent was withdrawn",
    "unlawful": "It should not have been collected",
    "order": "A court or an authority ordered it",
    "purpose": "It is no longer needed",
}


class NotFresh(RuntimeError):
    """Who asks has not proved who they are recently enough."""


class HoldRefused(RuntimeError):
    """The hold was not placed or lifted; the message says why."""


class Erased(NamedTuple):
    """What an erasure removed: texts, of how many cases, and whether a subject's key went with them."""

    texts: int
    cases: int
    key: bool
    entries: tuple[UUID, ...]


def demand_fresh(actor: Actor) -> None:
    if not is_fresh(actor.stepped_up_at):
        raise NotFresh("confirm who you are first")


@transaction.atomic
def place_hold(*, scope: Scope, target: str, shown: str = "", reason: str, actor: Actor, request: str = "") -> UUID:
    """Nothing of this case, subject or type is erased until the hold is lifted. `target` of a subject is its hash.

    `shown`, the subject in words, is committed and kept from the log.
    """
    demand_fresh(actor)
    if not target or not reason.strip():
        raise HoldRefused("a hold names what is kept, and why")
    hold = uuid7()
    entry = prepare(
        name=events.EventName.HOLD_PLACED,
        data=events.HoldEvent(hold=str(hold), scope=scope, target="" if scope == "subject" else target),
        chain=fresh(f"hold:{hold}"),
        actor=actor,
        request=request,
        content={"reason": reason} | ({"subject": shown} if shown else {}),
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.place_hold(%s, %s, %s, %s)", [hold, scope, target, entry.id])
    record([entry])
    return hold


@transaction.atomic
def lift_hold(*, hold: UUID, reason: str, actor: Actor, request: str = "") -> None:
    """What it kept may be erased again."""
    demand_fresh(actor)
    if not reason.strip():
        raise HoldRefused("say why the hold is lifted")
    with connection.cursor() as cursor:
        cursor.execute("SELECT scope, target FROM audit.hold WHERE id = %s AND lifted_at IS NULL", [hold])
        row = cursor.fetchone()
        if row is None:
            raise HoldRefused("this hold does not stand any more")
        data = events.HoldEvent(hold=str(hold), scope=row[0], target="" if row[0] == "subject" else row[1])
        entry = prepare(
            name=events.EventName.HOLD_LIFTED, data=data, chain=load_chain(f"hold:{hold}"), actor=actor,
            request=request, content={"reason": reason},
        )  # fmt: skip
        cursor.execute("SELECT audit.lift_hold(%s, %s)", [hold, entry.id])
        if not cursor.fetchone()[0]:
            raise HoldRefused("this hold does not stand any more")
    record([entry])


@transaction.atomic
def erase_all(
    *, wanted: Wanted, seen: Sequence[tuple[UUID, str]], basis: str, reason: str, actor: Actor, request: str = ""
) -> Erased:
    """Erase what was previewed, in one transaction; a subject's key goes when nothing of it has to stay.

    `seen` is what the preview showed as erasable: if something else would go now, nothing goes.
    """
    demand_fresh(actor)
    if basis not in BASES:
        raise ErasureRefused("choose the legal basis")
    cases = cases_of(wanted)
    found = texts_of(cases.names, person=wanted.person)
    slots = [(slot.event, slot.field) for case in found for slot in case.erasable]
    if not slots:
        raise ErasureRefused("there is nothing that may be erased")
    if set(slots) != set(seen):
        raise ErasureRefused("what can be erased has changed since it was shown; look again")
    made = _erase_slots(slots, basis, reason, actor, request)
    subjects = [] if cases.more else _forgotten(wanted, found)
    if subjects:
        erase_keys(subjects, told=made[-1], authoriser=actor, request=request)
    return Erased(len(slots), len([c for c in found if c.erasable]), bool(subjects), tuple(e.id for e in made))


def _erase_slots(slots: Sequence[tuple[UUID, str]], basis: str, reason: str, actor: Actor, request: str) -> list[Entry]:
    parts = [slots[at : at + MOST_ERASED] for at in range(0, len(slots), MOST_ERASED)]
    return [
        erase(entries=part, basis=basis, authoriser=actor, request=request, reason=reason) for part in parts
    ]  # fmt: skip


def _forgotten(wanted: Wanted, found: Sequence[CaseTexts]) -> list[bytes]:
    """Subjects of whom everything goes: so does their key, and with it what copies elsewhere still hold."""
    if any(case.kept or any(slot.kept and slot.field != "identity" for slot in case.slots) for case in found):
        return []
    if wanted.person:
        subjects = [seal.person(ref) for ref in registry.refs_of(wanted.person)]
    else:
        subjects = _own_subjects([case.case for case in found])
    if wanted.subject is not None:
        subjects.append(wanted.subject)
    return subjects


def _own_subjects(cases: Sequence[str]) -> list[bytes]:
    """Subjects that are these cases themselves, and so nobody else's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit.subject_of(c) FROM unnest(%s::text[]) c"
            " WHERE NOT EXISTS (SELECT FROM audit.subject s WHERE s.case_id = c)", [list(cases)],
        )  # fmt: skip
        return [bytes(row[0]) for row in cursor.fetchall()]
