"""R11: one case in words for the person it is about: what was asked, by whom, why it was decided so, and by whom."""

from __future__ import annotations

from collections.abc import Iterator

from audit.ids import id_in
from audit.report import Query, Report, numbered
from audit.reports.events import Texts
from audit.tabular import Column, Line
from reviews.models import Action, Decision, SearchText
from reviews.reasons import presets
from reviews.states import Outcome, Status

WITHHELD = "withheld: opening it is a right of its own, and an event"


def _action(case: str) -> Action | None:
    wanted = id_in(case, "action")
    rows = Action.objects.select_related("type", "proposer", "requested_by")
    return rows.filter(pk=wanted).first() if wanted else None


def _lines(query: Query) -> Iterator[Line]:
    action = _action(query.case)
    if action is not None:
        yield from numbered(query, _answers(action, opened=query.opened))


def _answers(action: Action, *, opened: bool) -> Iterator[tuple[str, object, str]]:
    texts = dict(SearchText.objects.filter(action=action).values_list("revision", "title"))
    asked = texts.get(action.revision, "erased") if opened else WITHHELD
    yield "What was asked", asked, f"revision {action.revision}, rendered from the bytes that were decided on"
    yield "By which system", _agent(action), "as the database derived it from the run"
    yield "Kind of action, and its risk", f"{action.type.label}: {action.risk} risk, {action.reversibility}", "type"
    yield "How sure the system said it was", action.confidence, "stated by the agent, not calibrated"
    yield "Asked when", action.created_at, "database clock"
    yield "Which way it was sent", _routing(action), f"policy version {action.policy_version}"
    if action.needed > 1 and action.state == Status.PENDING:
        yield "Who decided", f"not closed yet: {action.needed} people decide, none knowing of the others", "state"
    else:
        yield from _votes(action, opened=opened)
    yield "What became of it", str(action.state).replace("_", " "), "state now"
    yield "Closed when", action.closed_at, "database clock"


def _agent(action: Action) -> str:
    if action.proposer is None:
        return "a person, without an agent"
    return f"{action.proposer.name}, version {action.agent_version}"


def _routing(action: Action) -> str:
    if not action.outcome:
        return "not routed yet"
    why = [f"{floor['name']} {floor.get('value') or ''}".strip() for floor in action.floors
           if floor.get("outcome") == action.outcome]  # fmt: skip
    return f"{Outcome(action.outcome).words}, because of {', '.join(why) or 'no rule in particular'}"


def _votes(action: Action, *, opened: bool) -> Iterator[tuple[str, object, str]]:
    votes = Decision.objects.filter(action=action).exclude(purpose="canary").select_related("reviewer")
    rows = list(votes.select_related("retraction").order_by("created_at"))
    words = Texts.of([row.event_id for row in rows]) if opened else Texts()
    for row in rows:
        who = f"a person ({row.reviewer.pseudonym})" if row.reviewer else "policy, without a person"
        back = ", taken back" if hasattr(row, "retraction") else ""
        yield f"Decided: {row.verdict}{back}", row.created_at, who
        yield "For the reason", _reason(action, row), "as picked"
        if row.reviewer:
            found = words.get(row.event_id, "rationale") or "none, or erased"
            yield "In their words", found if opened else WITHHELD, "committed text"


def _reason(action: Action, row: Decision) -> str:
    known = {preset.code: preset.text for preset in presets(action.type, row.verdict)}
    return known.get(row.reason_code, row.reason_code)


R11 = Report(
    id="R11",
    title="Explanation pack",
    question="How did this decision come about, and what part did the system and what part did people have in it?",
    columns=(
        Column("question"),
        Column("answer"),
        Column("source", "where the answer comes from, or who gave it"),
    ),
    lines=_lines,
    asks=frozenset({"case"}),
    needs_case=True,
    texts=True,
    note="A basis for an explanation to the person concerned, not the explanation itself: read it, and leave out what "
    "concerns others.",
)
