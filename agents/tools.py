"""What is known of a tool that was only ever seen in a transcript: its schema, its risk, its name here. Pure.

Everything guessed here is a proposal for the person who imports, and is shown as such.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator, SchemaError

from agents.transcripts import Call, Conversation, Refusal
from reviews import registry
from reviews.errors import InvalidPayload
from reviews.registry import DeskType
from reviews.states import EffectMode, Reversibility, Risk

READS = frozenset(
    {
        "get",
        "list",
        "search",
        "read",
        "find",
        "fetch",
        "lookup",
        "view",
        "show",
        "calculate",
        "think",
    }
)


IMPORTED = "imported"  # the desk's queue of what comes from transcripts


class Guess(NamedTuple):
    """What a tool's name suggests."""

    risk: Risk
    reversibility: Reversibility
    effect_mode: EffectMode


_R, _V, _E = Risk, Reversibility, EffectMode
_GUESSES: tuple[tuple[frozenset[str], Guess], ...] = tuple(
    (frozenset(verbs.split()), guess)
    for verbs, guess in (
        (
            "delete drop destroy erase purge wipe terminate kill",
            Guess(_R.HIGH, _V.IRREVERSIBLE, _E.IDEMPOTENT),
        ),
        (
            "send mail email notify publish post reply message call",
            Guess(_R.MEDIUM, _V.IRREVERSIBLE, _E.ONCE),
        ),
        (
            "pay refund charge book order buy purchase issue grant",
            Guess(_R.MEDIUM, _V.COMPENSABLE, _E.ONCE),
        ),
        (
            "create add insert append open start",
            Guess(_R.MEDIUM, _V.COMPENSABLE, _E.ONCE),
        ),
        ("tag label flag note draft save", Guess(_R.LOW, _V.REVERSIBLE, _E.IDEMPOTENT)),
    )
)
_OTHER = Guess(_R.MEDIUM, _V.COMPENSABLE, _E.IDEMPOTENT)


def words(tool: str) -> list[str]:
    """`cancelReservation`, `cancel-reservation` and `Cancel_Reservation` are the same two words."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", tool)
    return [word for word in re.split(r"[^a-z0-9]+", parted.lower()) if word]


def acts(tool: str) -> bool:
    """Whether a tool acts on the world, by its name: all but those that only get, list, search or read.

    To think, to calculate and to hand over to a human change nothing either. `get_and_delete` acts.
    """
    said = words(tool)
    if said[:1] == ["transfer"] and {"human", "humans"} & set(said):
        return False
    return not said or said[0] not in READS or "and" in said


def guess(tool: str) -> Guess:
    """Risk, reversibility and effect mode that the verb suggests; careful where it says nothing."""
    verb = words(tool)[:1]
    return next((found for verbs, found in _GUESSES if verb and verb[0] in verbs), _OTHER)


def prefix_of(file: str) -> str:
    """The family name of a file's tools: `airline_transcripts.jsonl` gives `airline`."""
    usual = {
        "transcripts",
        "transcript",
        "conversations",
        "conversation",
        "chats",
        "chat",
        "messages",
        "data",
        "export",
    }
    kept = [word for word in words(file.rpartition("/")[2].split(".")[0]) if word not in usual and not word.isdigit()]
    return kept[0][:20] if kept else "tool"


def type_name(prefix: str, tool: str) -> str:
    """The action type's name: `airline.cancel_reservation`."""
    return f"{prefix}.{'_'.join(words(tool)) or 'unnamed'}"[:63]


def infer(values: Sequence[object]) -> dict[str, Any]:
    """The narrowest simple JSON Schema that all these values fit. Needs at least one value."""
    kinds = {_kind(value) for value in values}
    if "number" in kinds:
        kinds.discard("integer")
    if len(kinds) > 1:
        parts = [
            infer([v for v in values if _kind(v) == kind or (kind, _kind(v)) == ("number", "integer")])
            for kind in sorted(kinds)
        ]
        return {"anyOf": parts}
    kind = kinds.pop()
    if kind == "object":
        return _object([v for v in values if isinstance(v, Mapping)])
    if kind == "array":
        inner = [each for value in values if isinstance(value, list) for each in value]
        return {"type": "array", "items": infer(inner)} if inner else {"type": "array"}
    return {"type": kind}


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A schema that fits what either fits, for schemas that `infer` made; else the new one."""
    if old == new:
        return dict(new)
    if old.get("type") == new.get("type") == "object" and "properties" in old and "properties" in new:
        return _merged_objects(old, new)
    if {old.get("type"), new.get("type")} == {"integer", "number"}:
        return {"type": "number"}
    if old.get("type") == new.get("type") == "array" and "items" in old and "items" in new:
        return {**new, "items": merged(old["items"], new["items"])}
    if old.get("type") == new.get("type"):
        return dict(new if "items" in new else old)
    choices = [*old.get("anyOf", [old]), *new.get("anyOf", [new])]
    return {"anyOf": [each for n, each in enumerate(choices) if each not in choices[:n]]}


def _merged_objects(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    before, after = old["properties"], new["properties"]
    both = {name: merged(before[name], after[name]) if name in before and name in after else {**before, **after}[name]
            for name in {**before, **after}}  # fmt: skip
    required = [name for name in new.get("required", []) if name in old.get("required", [])]
    return {**old, **new, "properties": both, "required": required}


def _object(values: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for value in values for name in value))
    return {
        "type": "object",
        "properties": {name: infer([v[name] for v in values if name in v]) for name in names},
        "required": [name for name in names if all(name in value for value in values)],
        "additionalProperties": False,
    }


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "boolean"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (type(None), "null"), (int, "integer"), (Decimal, "number"), (str, "string"), (list, "array"),
    )  # fmt: skip
    return next((name for kind, name in names if isinstance(value, kind)), "object")


def plain(value: Any) -> Any:
    """Arguments as the desk's bytes will have them: fractions as decimal strings."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return format(value, "f") if isinstance(value, Decimal) else value


def template(tool: str, schema: Mapping[str, Any]) -> str:
    """The ask in words: the tool's words and the one or two fields that say which."""
    ask = " ".join(words(tool)).capitalize() or "Call"
    fields = _telling(tool, schema)
    return f"{ask} {' for '.join('{' + name + '}' for name in fields)}".strip()[:300]


def _telling(tool: str, schema: Mapping[str, Any]) -> list[str]:
    properties = schema.get("properties") or {}
    scalar = [
        name for name in schema.get("required") or properties
        if re.fullmatch(r"[A-Za-z0-9_]{1,63}", name) and properties.get(name, {}).get("type") in {"string", "integer"}
    ]  # fmt: skip
    amounts = [name for name in scalar if "amount" in name.lower() or "price" in name.lower()][:1]
    ids = [name for name in scalar if re.search(r"(^|_)(id|number|name|email|to|path)$|Id$", name)]
    ids.sort(key=lambda name: not set(words(name)[:1]) & set(words(tool)))  # reservation_id for cancel_reservation
    return [*amounts, *ids[:1]] or scalar[:1]


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool as a file shows it, with what is proposed for its action type."""

    name: str
    type: str
    count: int
    acts: bool
    guess: Guess
    schema: dict[str, Any]
    template: str
    label: str
    listed: bool  # its schema stands in the file's tool list
    example: dict[str, Any]

    def desk_type(self, **chosen: Any) -> DeskType:
        """The desk's half of its action type, as guessed but for what a person chose."""
        return DeskType(**{**self._guessed(), **chosen})

    def _guessed(self) -> dict[str, Any]:
        return {
            "name": self.type, "label": self.label, "template": self.template, "schema": self.schema,
            "risk": self.guess.risk, "reversibility": self.guess.reversibility,
            "effect_mode": self.guess.effect_mode, "queue": IMPORTED,
        }  # fmt: skip


def inventory(conversations: Iterable[Conversation], *, prefix: str) -> list[Tool]:
    """Every tool that was called, the most consequential first. Two names never share a type."""
    calls: dict[str, list[Call]] = {}
    listed: dict[str, tuple[str, dict[str, Any]]] = {}
    for conversation in conversations:
        for spec in conversation.tools:
            listed.setdefault(
                spec.function.name,
                (spec.function.description or "", spec.function.parameters or {}),
            )
        for call in conversation.calls:
            calls.setdefault(call.tool, []).append(call)
    taken: dict[str, str] = {}
    found = [_tool(name, made, listed.get(name), _free(prefix, name, taken)) for name, made in calls.items()]
    return sorted(found, key=lambda tool: (not tool.acts, -tool.count, tool.name))


def _free(prefix: str, tool: str, taken: dict[str, str]) -> str:
    base = name = type_name(prefix, tool)
    number = 2
    while taken.setdefault(name, tool) != tool:
        name, number = f"{base[:60]}_{number}", number + 1
    return name


def _tool(
    name: str,
    made: Sequence[Call],
    listed: tuple[str, dict[str, Any]] | None,
    type_: str,
) -> Tool:
    values = [call.arguments for call in made]
    schema = _listed_schema(listed[1]) if listed else None
    chosen = schema or infer(values)
    label = (listed[0].split("\n")[0] if listed else "")[:120] or " ".join(words(name)).capitalize() or name
    return Tool(
        name, type_, len(made), acts(name), guess(name), chosen, template(name, chosen), label,
        schema is not None, values[0],
    )  # fmt: skip


def _listed_schema(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """The tool list's schema if it is one for an object, else None: then the calls speak."""
    schema = json.loads(json.dumps(parameters, default=_bound))
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        return None
    return schema if isinstance(schema, dict) and schema.get("type") == "object" else None


def _bound(value: object) -> float:
    """A limit such as 0.5 in a schema: it judges payloads and is no part of them."""
    return float(str(value))


def unfit(conversation: Conversation, kinds: Mapping[str, DeskType]) -> Refusal | None:
    """A refusal if a call of this conversation does not fit the type that its tool became."""
    for call in conversation.calls:
        try:
            if call.tool in kinds:
                registry.validate(kinds[call.tool], call.arguments)
        except InvalidPayload as error:
            reason = f"message {call.index}: the arguments of {call.tool} do not fit its schema: {error}"
            return Refusal(conversation.id, conversation.line, reason)
    return None
