"""The Run that an agent's code is given. What it does to the world outside the code is journaled.

A run is executed from the top on each resume; every call below takes the next place of the journal,
and where something is recorded there already, the code gets it back instead of doing it again.
"""

import random as chance
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.db import transaction
from pydantic import BaseModel
from pydantic import ValidationError as ModelError

from agents import services
from agents.endings import final, outcome, waited_for
from agents.journal import MAX_RESULT, NotJson
from agents.journal import decode as read_journaled
from agents.journal import encode as journaled
from agents.outcomes import (
    Asked,
    Handle,
    Outcome,
)
from agents.recorder import Broken, ContinueAsNew, Leave, Parked, Place, Recorder, leaving
from agents.services import ActionEnd, Held, RunEnd, Wait
from audit.services import now as database_clock
from reviews import services as desk
from reviews.attachments import unpacked
from reviews.errors import Busy, DeskError, GateRefused, InvalidPayload, LostLease
from reviews.schemas import AttachmentIn, EvidenceIn, PlanStep, Proposal

OnAsked: TypeAlias = Callable[[Handle, Asked], None]
QUESTION = "question.ask"


class StepFailed(Exception):
    """The body of a step raised. Journaled: a replay raises it again."""

    def __init__(self, name: str, error: str, message: str) -> None:
        super().__init__(f"step {name}: {error}: {message}")
        self.name, self.error, self.message = name, error, message


class Refused(Exception):
    """The desk refused a proposal or an answer. Journaled. `errors`: [{"path", "message"}]."""

    def __init__(self, code: str, message: str, errors: list[dict[str, str]]) -> None:
        super().__init__(message)
        self.code, self.errors = code, errors


class Run:
    """What an agent may do. Methods return the same on every replay."""

    def __init__(self, held: Held, recorder: Recorder) -> None:
        self._held, self._journal = held, recorder
        self._seen: dict[UUID, None] = {}  # questions this run was told of, in order
        self._patches: dict[str, bool] = {}
        self._types: dict[UUID, str] = {}  # of what this run proposed
        self._ends: dict[UUID, ActionEnd | RunEnd] = {}

    @property
    def id(self) -> UUID:
        return self._held.id

    @property
    def agent(self) -> str:
        return self._held.agent

    @property
    def version(self) -> str:
        return self._held.version

    @property
    def title(self) -> str:
        return self._held.title

    def step(self, name: str, fn: Callable[..., Any], *args: Any) -> Any:
        """What `fn(*args)` returned, as JSON. The body may run twice after a crash, so it must be harmless."""
        place = self._journal.take("step", name, *args)
        value = place.value() if place.replayed else self._journal.keep(place, self._body(name, fn, args))
        if "error" in value:
            raise StepFailed(name, value["error"], value["message"])
        return value["ok"]

    def _body(self, name: str, fn: Callable[..., Any], args: tuple[Any, ...]) -> dict[str, Any]:
        self._journal.inside = name
        try:
            found = fn(*args)
        except Exception as exc:  # noqa: BLE001  whatever the agent's code raises is the step's result
            return {"error": type(exc).__name__, "message": _brief(exc)}
        finally:
            self._journal.inside = ""
        try:
            return {"ok": _json(found)}
        except NotJson as exc:
            raise Broken(f"step {name}: {exc}") from exc

    def propose(
        self,
        type: str,
        payload: Mapping[str, Any] | BaseModel,
        *,
        confidence: float | None = None,
        reasoning: str = "",
        evidence: Iterable[EvidenceIn | AttachmentIn] = (),
        plan: tuple[Handle | UUID, int] | None = None,
        retry_of: UUID | None = None,
    ) -> Handle:
        """Puts an action before the desk and goes on at once. Raises Refused where the desk does."""
        body = payload.model_dump(mode="json") if isinstance(payload, BaseModel) else dict(payload)
        given = list(evidence)
        step = (_id_of(plan[0]), plan[1]) if plan else None
        place = self._journal.take("propose", type, body, confidence, reasoning, given, step, retry_of)
        if not place.replayed:
            draft = _draft(type, body, f"{self.id}/{place.seq}", confidence, reasoning, given, step)
            value = self._at_desk(place, lambda: self._proposed(draft, retry_of))
        else:
            value = place.value()
        _raise_refused(value)
        action = UUID(value["action"])
        self._types[action] = type
        return Handle("action", action, type)

    def _proposed(self, draft: Callable[[], Proposal], retry_of: UUID | None) -> dict[str, Any]:
        found = desk.propose(proposal=draft(), run=self.id, retry_of=retry_of)
        return {"action": str(found.id)}

    def _at_desk(self, place: Place, verb: Callable[[], dict[str, Any]]) -> Any:
        """The verb and its journal row in one transaction; a refusal is journaled instead."""
        with leaving():
            try:
                with transaction.atomic():
                    return self._journal.keep(place, verb())
            except (LostLease, Busy, GateRefused):
                raise
            except DeskError as exc:
                errors = exc.errors if isinstance(exc, InvalidPayload) else []
                refusal = {"refused": exc.code, "message": _brief(exc), "errors": errors[:50]}
            return self._journal.keep(place, refusal)

    def wait(self, handle: Handle, *, asked: bool = True) -> Outcome:
        """Parks until the handle has an outcome. With `asked`, also once for each question asked about it."""
        return self._await("any", [handle], asked=asked)[0][1]

    def wait_any(self, *handles: Handle, asked: bool = True) -> tuple[Handle, Outcome]:
        """Parks until one of the handles has an outcome; the first in the order given."""
        return self._await("any", handles, asked=asked)[0]

    def wait_all(self, *handles: Handle, on_asked: OnAsked | None = None) -> list[Outcome]:
        """Parks until each handle has its outcome. Questions go to `on_asked`, else to the agent's owner."""
        while True:
            ends = self._await("all", handles, asked=on_asked is not None)
            question = next(((h, o) for h, o in ends if isinstance(o, Asked)), None)
            if question is None or on_asked is None:
                return [outcome for _, outcome in ends]
            on_asked(*question)

    def call(
        self, type: str, payload: Mapping[str, Any] | BaseModel, *, on_asked: OnAsked | None = None, **more: Any
    ) -> Outcome:
        """`propose` and wait for the end."""
        return self.wait_all(self.propose(type, payload, **more), on_asked=on_asked)[0]

    def ask(
        self,
        prompt: str,
        *,
        options: Sequence[str] | None = None,
        schema: Mapping[str, Any] | None = None,
        evidence: Iterable[EvidenceIn | AttachmentIn] = (),
    ) -> Outcome:
        """Asks the people at the desk. Approved.payload["answer"] is what they said."""
        payload: dict[str, Any] = {"prompt": prompt}
        if options is not None:
            payload["options"] = list(options)
        if schema is not None:
            payload["schema"] = dict(schema)
        return self.call(QUESTION, payload, evidence=evidence)

    def receipts(self, handle: Handle) -> list[str]:
        """The desk's signed receipts for what was proposed and decided, as of now: keep them outside the desk."""
        place = self._journal.take("step", "receipts", handle.id)
        if place.replayed:
            return list(place.value()["ok"])
        with leaving():
            found = services.receipts(held=self._held, action=handle.id)
        return list(self._journal.keep(place, {"ok": found})["ok"])

    def answer(
        self,
        asked: Asked,
        text: str,
        payload: Mapping[str, Any] | BaseModel | None = None,
        *,
        file: AttachmentIn | None = None,
    ) -> None:
        """Answers a reviewer's question; a payload makes a new revision, which is routed anew, a file new evidence."""
        body = payload.model_dump(mode="json") if isinstance(payload, BaseModel) else payload
        body = None if body is None else dict(body)
        if asked.action not in self._types:
            raise Broken(f"the question {asked.question} is not about an action of this run")
        given = (asked.action, text, body, file) if file else (asked.action, text, body)
        place = self._journal.take("answer", str(asked.question), *given)
        answered = place.replayed
        value = place.value() if answered else self._at_desk(place, lambda: self._answered(asked, text, body, file))
        _raise_refused(value)

    def _answered(
        self, asked: Asked, text: str, body: dict[str, Any] | None, file: AttachmentIn | None
    ) -> dict[str, Any]:
        desk.answer(
            action=asked.action,
            question=asked.question,
            text=text,
            payload=body,
            upload=unpacked(file) if file else None,
            type_name=self._types[asked.action],
            run=self.id,
        )
        return {"answered": str(asked.question)}

    def now(self) -> datetime:
        """The database's clock, UTC, when this was first reached."""
        place = self._journal.take("now", "now")
        value = place.value() if place.replayed else self._journal.keep(place, _clock().isoformat())
        return datetime.fromisoformat(value)

    def random(self) -> float:
        """A number in [0, 1), drawn when this was first reached. Not for secrets."""
        place = self._journal.take("random", "random")
        drawn = place.value() if place.replayed else self._journal.keep(place, chance.random())  # noqa: S311
        return float(drawn)

    def sleep(self, seconds: float) -> None:
        """Parks for this long."""
        place = self._journal.take("timer", "sleep", seconds)
        text = (
            place.value()
            if place.replayed
            else self._journal.keep(place, (_clock() + timedelta(seconds=seconds)).isoformat())
        )
        until = datetime.fromisoformat(text)
        place = self._journal.take("wait", "timer", text)
        if not place.replayed:
            if _clock() < until:
                raise Parked(Wait("timer", [], until=until))
            self._journal.keep(place, {})

    def patched(self, name: str) -> bool:
        """Whether a run takes the new way of a change made while runs were under way.

        True for runs that reach it first with the new code, False for those whose journal has gone past it.
        """
        if name not in self._patches:
            row = self._journal.recorded
            if row is None or row.kind == "patched":
                place = self._journal.take("patched", name)
                if not place.replayed:
                    self._journal.keep(place, True)
            self._patches[name] = row is None or row.kind == "patched"
        return self._patches[name]

    def start_child(self, agent: str, args: Mapping[str, Any] | None = None, *, title: str = "") -> Handle:
        """Starts a run of another agent, which this one must name in `starts`; wait for it by its handle."""
        given = dict(args or {})
        place = self._journal.take("child", agent, given, title)
        if place.replayed:
            value = place.value()
        else:
            with leaving(), transaction.atomic():
                child = services.start_child(held=self._held, agent=agent, args=given, title=title)
                value = self._journal.keep(place, {"run": str(child)})
        return Handle("run", UUID(value["run"]), agent)

    def continue_as_new(self, **args: Any) -> None:
        """Ends this run and goes on in a new one with an empty journal: for agents that never finish."""
        self._journal.finish()
        raise ContinueAsNew(args)

    def _await(self, mode: str, handles: Sequence[Handle], *, asked: bool) -> list[tuple[Handle, Outcome]]:
        if not handles:
            return [] if mode == "all" else _nothing()
        place = self._journal.take("wait", mode, [[h.kind, h.id] for h in handles], asked)
        if place.replayed:
            return self._recall(place.value(), handles)
        self._fetch(handles)
        found = self._question(handles) if asked else None
        found = found or self._ended(mode, handles)
        if found is None:
            raise Parked(Wait(mode, [h.id for h in handles], asked=asked, seen=list(self._seen)))
        return self._recall(self._journal.keep(place, found), handles)

    def _fetch(self, handles: Iterable[Handle]) -> None:
        """Looks up what is not known to be final yet."""
        wanted = [h for h in handles if not final(self._ends.get(h.id))]
        with leaving():
            self._ends |= services.action_ends(held=self._held, actions=[h.id for h in wanted if h.kind == "action"])
            self._ends |= services.run_ends(held=self._held, runs=[h.id for h in wanted if h.kind == "run"])

    def _question(self, handles: Iterable[Handle]) -> dict[str, Any] | None:
        for handle in handles:
            end = self._ends.get(handle.id)
            if isinstance(end, ActionEnd) and end.question and end.question not in self._seen:
                asked: dict[str, Any] = {"action": str(end.action), "question": str(end.question)}
                asked["text"] = end.question_text or ""
                with leaving():
                    expects = services.expected(question=end.question)
                return {"asked": asked | ({"expects": expects} if expects else {})}
        return None

    def _ended(self, mode: str, handles: Sequence[Handle]) -> dict[str, Any] | None:
        done = [h for h in handles if final(self._ends.get(h.id))]
        if mode == "all" and len({h.id for h in done}) < len({h.id for h in handles}):
            return None
        if not done:
            return None
        told = handles if mode == "all" else done[:1]
        value: dict[str, Any] = {"ends": [[str(h.id), self._ends[h.id].state] for h in told]}
        return value | self._receipts_of(told, room=MAX_RESULT - len(journaled(value)) - len(',"receipts":{}'))

    def _receipts_of(self, handles: Iterable[Handle], room: int) -> dict[str, Any]:
        """Receipts of the decisions for the journal's row, as many as it takes, so that a replay gives the same."""
        with leaving():
            found = services.decision_receipts(
                held=self._held, actions=[h.id for h in handles if h.kind == "action"]
            )  # fmt: skip
        kept: dict[str, list[str]] = {}
        for action, notes in found.items():
            room -= len(journaled({str(action): notes}))
            if room < 0:
                break
            kept[str(action)] = notes
        return {"receipts": kept} if kept else {}

    def _recall(self, value: dict[str, Any], handles: Sequence[Handle]) -> list[tuple[Handle, Outcome]]:
        """A journaled wait as outcomes. What was said is read again from its action, which cannot change it."""
        by_id = {h.id: h for h in handles}
        if "asked" in value:
            asked = value["asked"]
            question = UUID(asked["question"])
            self._seen[question] = None
            action = UUID(asked["action"])
            back = Asked(action=action, question=question, text=asked["text"], expects=asked.get("expects", {}))
            return [(by_id[action], back)]
        told = [by_id[UUID(one)] for one, _ in value["ends"]]
        if not self._ends:
            self._fetch(waited_for(self._journal.rows))
        self._fetch(told)
        receipts = value.get("receipts", {})  # rows from before receipts came along have none
        return [(one, outcome(self._ends.get(one.id), one, receipts.get(str(one.id), ()))) for one in told]


def _draft(
    kind: str,
    body: dict[str, Any],
    key: str,
    confidence: float | None,
    reasoning: str,
    evidence: Sequence[EvidenceIn | AttachmentIn],
    plan: tuple[UUID, int] | None,
) -> Callable[[], Proposal]:
    def make() -> Proposal:
        try:
            return Proposal(
                type=kind,
                payload=body,
                dedup_key=key,
                confidence=confidence,
                reasoning=reasoning,
                evidence=tuple(evidence),
                plan=PlanStep(action=plan[0], step=plan[1]) if plan else None,
            )
        except ModelError as exc:
            errors = [{"path": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in exc.errors()]
            raise InvalidPayload(f"{errors[0]['path']}: {errors[0]['message']}", errors) from exc

    return make


def _raise_refused(value: dict[str, Any]) -> None:
    if "refused" in value:
        raise Refused(value["refused"], value["message"], value["errors"])


def _nothing() -> list[tuple[Handle, Outcome]]:
    raise Broken("wait_any needs something to wait for")


def _id_of(one: Handle | UUID) -> UUID:
    return one.id if isinstance(one, Handle) else one


def _brief(exc: BaseException) -> str:
    return str(exc)[:2000]


def _json(value: Any) -> Any:
    return read_journaled(journaled(value))


def _clock() -> datetime:
    with leaving():
        return database_clock().astimezone(UTC)


__all__ = ["Leave", "Refused", "Run", "StepFailed"]
