"""Recorded conversations in the OpenAI chat format: read strictly, or refused by name and line. Pure.

`.jsonl` holds one conversation a line, `.json` one conversation or a list of them. A conversation is
`{"conversation_id", "messages", "tools"?, "agreement"? | "confidence"?}`, or just its list of messages.
A tool-call id may occur more than once in a conversation, so a call is named `message_index/tool_call_id`.
What is wrong with one conversation never stops the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from reviews.errors import InvalidPayload
from reviews.schemas import Confidence, decode, encode

MAX_MESSAGE = 1024 * 1024  # bytes of one message as JSON; evidence has the same limit
MAX_CONVERSATION = 4 * 1024 * 1024  # bytes of one conversation as JSON
_ARRAY = re.compile(rb"\s*\[")
_NUL = re.compile(r"(?<!\\)(\\\\)*\\u0000")  # written by json.dumps, unlike a backslash before the word u0000
_BETWEEN = re.compile(r"[\s,]*")


class Refusal(NamedTuple):
    """Why one conversation, or one row of another file, was left out."""

    name: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.name} (line {self.line}): {self.reason}"


class _Lenient(BaseModel):
    """Other people's files carry fields of their own; those are not read."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


def _number(value: object) -> object:
    return float(value) if isinstance(value, Decimal | int) and not isinstance(value, bool) else value


Share = Annotated[Confidence, BeforeValidator(_number)]


class Function(_Lenient):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    arguments: str  # JSON as text, as the format has it
    description: str = ""


class ToolCall(_Lenient):
    id: Annotated[str, Field(min_length=1, max_length=200)]
    type: Literal["function"] = "function"
    function: Function
    confidence: Share | None = None


class Part(_Lenient):
    type: str
    text: str | None = None


class Message(_Lenient):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: Function | None = None  # the older form of one call

    @property
    def text(self) -> str:
        """The words of the message; parts that are not text are named in brackets."""
        if isinstance(self.content, list):
            return "\n".join(part.text if part.text is not None else f"[{part.type}]" for part in self.content)
        return self.content or ""

    @property
    def calls(self) -> list[ToolCall]:
        older = [ToolCall(id="function_call", function=self.function_call)] if self.function_call else []
        return [*(self.tool_calls or ()), *older]


class ToolFunction(_Lenient):
    name: Annotated[str, Field(min_length=1, max_length=128)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolSpec(_Lenient):
    """One entry of a file's tool list."""

    function: ToolFunction


class _Row(_Lenient):
    conversation_id: str | int | None = None
    messages: Annotated[list[Message], Field(min_length=1)]
    tools: list[ToolSpec] | None = None
    agreement: dict[str, Share] | None = None
    confidence: Share | dict[str, Share] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call as it was made. `confidence` None is unknown, never 1."""

    index: int
    id: str
    tool: str
    arguments: dict[str, Any]
    confidence: float | None = None

    @property
    def key(self) -> str:
        return f"{self.index}/{self.id}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation that may be replayed. `raw` is its JSON in ASCII, the form in which it travels."""

    id: str
    line: int
    raw: str
    messages: tuple[Message, ...]
    calls: tuple[Call, ...]
    tools: tuple[ToolSpec, ...] = ()

    def before(self, call: Call, limit: int = MAX_MESSAGE) -> str:
        """The conversation up to this call as readable text; the earliest lines go first if it is too long."""
        shown = [_readable(index, message) for index, message in enumerate(self.messages[: call.index])]
        said = self.messages[call.index].text
        shown += [f"[{call.index}] assistant: {said}"] if said else []
        return _clipped(shown, limit)

    def last_word(self, call: Call) -> str:
        """What the user said last before the call, or nothing."""
        spoken = [m.text for m in self.messages[: call.index] if m.role == "user" and m.text]
        return spoken[-1] if spoken else ""


def _readable(index: int, message: Message) -> str:
    who = f"{message.role} {message.name}" if message.name else message.role
    lines = [f"[{index}] {who}: {message.text}"] if message.text or not message.calls else []
    lines += [f"[{index}] {who} calls {call.function.name} {call.function.arguments}" for call in message.calls]
    return "\n".join(lines)


def _clipped(shown: list[str], limit: int) -> str:
    """The system's words and as many of the latest messages as fit in `limit` bytes."""
    sizes = [len(text.encode()) + 1 for text in shown]
    room, first = limit - 100, len(shown)
    while first > 0 and sizes[first - 1] <= room:
        first -= 1
        room -= sizes[first]
    head = [f"({first} earlier messages are left out here)"] if first else []
    return "\n".join(head + shown[first:])


def read(data: bytes, *, name: str) -> Iterator[Conversation | Refusal]:
    """The conversations of one file in their order, each as it is or as a refusal with its line."""
    seen: set[str] = set()
    for line, raw in _pieces(data, name):
        if isinstance(raw, Refusal):
            yield raw
            continue
        found = one(raw, name=f"{_stem(name)}:{line}", line=line)
        if isinstance(found, Conversation) and found.id in seen:
            found = Refusal(found.id, line, "its conversation_id occurred before in this file")
        if isinstance(found, Conversation):
            seen.add(found.id)
        yield found


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0] or name


def _pieces(data: bytes, name: str) -> Iterator[tuple[int, bytes | Refusal]]:
    """Line number and JSON text of each conversation."""
    if name.endswith(".jsonl"):
        yield from ((n, part) for n, part in enumerate(data.splitlines(), start=1) if part.strip())
    elif _ARRAY.match(data):
        yield from _elements(data, name)
    elif data.strip():
        yield data[: len(data) - len(data.lstrip())].count(b"\n") + 1, data


def _elements(data: bytes, name: str) -> Iterator[tuple[int, bytes | Refusal]]:
    """The elements of a JSON list one after the other; a list of messages is one conversation."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        yield (
            1,
            Refusal(_stem(name), 1 + data[: error.start].count(b"\n"), "is not UTF-8"),
        )
        return
    scanner, at, first = json.JSONDecoder(), text.index("[") + 1, True
    while True:
        between = _BETWEEN.match(text, at)
        at = between.end() if between else at
        if text[at : at + 1] in {"]", ""}:
            return
        line = text.count("\n", 0, at) + 1
        try:
            value, end = scanner.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield (
                line,
                Refusal(
                    f"{_stem(name)}:{line}",
                    line,
                    f"is not JSON, nor can the rest be read: {error}",
                ),
            )
            return
        if first and isinstance(value, dict) and "role" in value and "messages" not in value:
            yield line, data
            return
        yield line, text[at:end].encode()
        at, first = end, False


def one(raw: bytes | str, *, name: str, line: int = 1) -> Conversation | Refusal:
    """One conversation from its JSON text. `name` is its name where it gives none itself."""
    if len(raw) > MAX_CONVERSATION * 4:
        return Refusal(name, line, f"is larger than {MAX_CONVERSATION:,} bytes")
    try:
        value = decode(raw)
    except InvalidPayload as error:
        return Refusal(_guess_name(raw, name), line, _broken(error))
    row = {"messages": value} if isinstance(value, list) else value
    if not isinstance(row, dict):
        return Refusal(name, line, "is neither a conversation nor a list of messages")
    return _checked(row, _ascii(raw), _name(row, name), line)


def _broken(error: InvalidPayload) -> str:
    return str(error).removeprefix("payload: ")


def _guess_name(raw: bytes | str, name: str) -> str:
    """The name that a broken line seems to give, so that a person can find it."""
    text = raw[:2000].decode(errors="replace") if isinstance(raw, bytes) else raw[:2000]
    found = re.search(r'"conversation_id"\s*:\s*"([^"\\]{1,120})"', text)
    return found.group(1) if found else name


def _name(row: Mapping[str, Any], name: str) -> str:
    given = row.get("conversation_id", row.get("id"))
    return str(given)[:120] if isinstance(given, str | int) and str(given).strip() else name


def _ascii(raw: bytes | str) -> str:
    """The same JSON with every character beyond ASCII escaped: only strings can hold one."""
    text = raw.decode() if isinstance(raw, bytes) else raw
    return re.sub(r"[^\x00-\x7f]", lambda found: json.dumps(found.group())[1:-1], text)


def _checked(row: dict[str, Any], raw: str, name: str, line: int) -> Conversation | Refusal:
    try:
        _sizes(row)
        parsed = _Row.model_validate(row)
        calls = tuple(_calls(parsed))
    except ValidationError as error:
        return Refusal(name, line, first_complaint(error))
    except InvalidPayload as error:
        return Refusal(name, line, _broken(error))
    except RecursionError:
        return Refusal(name, line, "is nested too deeply")
    return Conversation(name, line, raw, tuple(parsed.messages), calls, tuple(parsed.tools or ()))


def _sizes(row: dict[str, Any]) -> None:
    messages = row.get("messages")
    total = 0
    for index, message in enumerate(messages if isinstance(messages, list) else ()):
        text = json.dumps(message, ensure_ascii=False, default=str)
        try:
            size = len(text.encode())
        except UnicodeEncodeError:
            raise InvalidPayload(f"message {index} holds a lone surrogate") from None
        if _NUL.search(text):
            raise InvalidPayload(f"message {index} holds a NUL character")
        if size > MAX_MESSAGE:
            raise InvalidPayload(f"message {index} has {size:,} bytes; {MAX_MESSAGE:,} are allowed")
        total += size
    if total > MAX_CONVERSATION:
        raise InvalidPayload(f"its messages have {total:,} bytes; {MAX_CONVERSATION:,} are allowed")


def first_complaint(error: ValidationError) -> str:
    """The first complaint, with where it is and, if short, what was found."""
    item = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in item["loc"])
    found = repr(item["input"])
    shown = f", found {found}" if len(found) <= 60 else ""
    return f"{where}: {item['msg'][:1].lower()}{item['msg'][1:]}{shown}"


def _calls(row: _Row) -> Iterator[Call]:
    made = [(index, call) for index, message in enumerate(row.messages) for call in message.calls]
    times = Counter(call.id for _, call in made)
    named: set[str] = set()
    for index, call in made:
        key = f"{index}/{call.id}"
        if key in named:
            raise InvalidPayload(f"message {index} has two calls with the id {call.id}")
        if row.messages[index].role != "assistant":
            raise InvalidPayload(f"message {index} calls a tool, but its role is {row.messages[index].role}")
        named.add(key)
        confidence = _confidence(row, key, call, alone=times[call.id] == 1)
        yield Call(
            index,
            call.id,
            call.function.name,
            _arguments(index, call.function),
            confidence,
        )


def _arguments(index: int, function: Function) -> dict[str, Any]:
    """The arguments as a mapping whose bytes the desk could hold."""
    what = f"message {index}: the arguments of {function.name}"
    try:
        value = decode(function.arguments)
        encode(value)
    except InvalidPayload as error:
        raise InvalidPayload(f"{what}: {_broken(error)}") from error
    if not isinstance(value, dict):
        raise InvalidPayload(f"{what} are JSON, but not an object")
    return value


def _confidence(row: _Row, key: str, call: ToolCall, *, alone: bool) -> float | None:
    if call.confidence is not None:
        return call.confidence
    for given in (row.agreement, row.confidence):
        if isinstance(given, float):
            return given
        if given and key in given:
            return given[key]
        if given and alone and call.id in given:
            return given[call.id]
    return None
