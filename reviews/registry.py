"""What kinds of action this process knows from code, and how a payload is judged and put in words.

A type known only as a row (from admin, from a transcript) is judged by its
JSON Schema; one loaded from code in the same version by its pydantic model.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Protocol

from jsonschema import Draft202012Validator, ValidationError, validators
from jsonschema.exceptions import SchemaError
from pydantic import BaseModel
from pydantic import ValidationError as ModelError
from referencing import Registry
from referencing.exceptions import Unresolvable

from reviews.errors import InvalidPayload
from reviews.field_order import order_of
from reviews.masking import MASK, is_secret, marked, masked
from reviews.policy import money
from reviews.policy.amounts import amount_of
from reviews.schemas import MAX_BODY, decode, encode
from reviews.states import EffectMode, Reversibility, Risk
from reviews.subjects import demand_subject
from reviews.visible import clip, values_at, visible

MOST_TITLE = 400
MOST_FIELD = 80


@dataclass(frozen=True, kw_only=True)
class DeskType:
    """The desk's half of an action type declared in code: everything but its handler."""

    name: str
    version: int = 1
    label: str
    template: str
    model: type[BaseModel] | None = None
    schema: Mapping[str, Any] = field(default_factory=dict)  # of the model, where there is one
    risk: Risk
    reversibility: Reversibility
    effect_mode: EffectMode
    queue: str
    effect_queue: str = "default"
    amount_path: str = ""
    currency_path: str = ""
    currency: str = ""
    subject_path: str = ""  # dotted: whose data this is, for sealing, holds and erasure
    subject_kind: str = ""  # what that value is called across types; else the path's last word
    machine_paths: tuple[str, ...] = ()
    question: bool = False
    release: bool = False
    plan: bool = False
    has_undo: bool = False
    has_probe: bool = False
    has_handler: bool = True
    self_edit: bool | None = None
    reversal_needed: int = 1
    effect_timeout: int | None = None
    undo_window: int | None = None
    decide_within: int | None = None
    valid_for: int | None = None
    presets: Mapping[str, list[dict[str, str]]] = field(default_factory=dict)

    def values(self) -> dict[str, Any]:
        """The columns of this type's row, but for name, floors and queue."""
        columns = asdict(self)
        for key in ("name", "model", "queue"):
            columns.pop(key)
        columns["schema"] = json_schema(self)
        columns["field_order"] = order_of(columns["schema"])
        columns["machine_paths"] = list(self.machine_paths)
        return columns


class TypeRow(Protocol):
    """What judging a payload needs of an action type; a row has it, and so has a DeskType."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def schema(self) -> Any: ...
    @property
    def template(self) -> str: ...
    @property
    def amount_path(self) -> str: ...
    @property
    def currency_path(self) -> str: ...
    @property
    def currency(self) -> str: ...


_loaded: dict[str, DeskType] = {}


class Conflict(Exception):
    """Two modules declare the same action type."""


def register(kind: DeskType) -> DeskType:
    """Make a type known to this process. The same declaration twice is fine, another one is not.

    Raises Conflict for another one, BadSubject where no field can name the subject as declared.
    """
    known = _loaded.get(kind.name)
    if known is not None and known != kind:
        raise Conflict(f"the action type {kind.name} is declared twice, and differently")
    if kind.subject_path or kind.subject_kind:
        demand_subject(json_schema(kind), kind.subject_path, kind.subject_kind)
    _loaded[kind.name] = kind
    return kind


def forget(name: str) -> None:
    """Take a type out again; for tests."""
    _loaded.pop(name, None)


def get(name: str) -> DeskType | None:
    return _loaded.get(name)


def all_types() -> tuple[DeskType, ...]:
    return tuple(_loaded[name] for name in sorted(_loaded))


def versions() -> dict[str, int]:
    """Name and version of each loaded type: what an executor may lease."""
    return {kind.name: kind.version for kind in all_types()}


def json_schema(kind: DeskType) -> dict[str, Any]:
    if kind.model is None:
        return dict(kind.schema)
    return kind.model.model_json_schema(mode="validation")


def is_loaded(row: TypeRow, version: int) -> bool:
    """Whether a payload made for `version` can still be judged: the row still has that version."""
    return row.version == version


def validate(row: TypeRow, payload: object, *, stored: bool = False) -> dict[str, Any]:
    """The payload as its type understands it. Raises InvalidPayload with a path for each error.

    `stored` says that the payload comes from bytes of ours, or from a form
    over them, where a fraction is already a string.
    """
    if not isinstance(payload, dict):
        raise InvalidPayload("payload: must be an object", [{"path": "", "message": "must be an object"}])
    raw = encode(payload)
    if len(raw) > MAX_BODY:
        raise InvalidPayload("payload: is larger than 256 KiB", [{"path": "", "message": "is too large"}])
    kind = _loaded.get(row.name)
    if kind is not None and kind.version == row.version and kind.model is not None:
        return _by_model(kind.model, raw)
    return _by_schema(row, payload, stored=stored)


def canonical(row: TypeRow, payload: object, *, stored: bool = False) -> tuple[dict[str, Any], bytes]:
    """The validated payload and its bytes."""
    value = validate(row, payload, stored=stored)
    raw = encode(value)
    if len(raw) > MAX_BODY:
        raise InvalidPayload("payload: is larger than 256 KiB", [{"path": "", "message": "is too large"}])
    return value, raw


def _by_model(model: type[BaseModel], raw: bytes) -> dict[str, Any]:
    try:
        value = model.model_validate_json(raw, strict=True, extra="forbid")
    except ModelError as exc:
        raise _invalid(
            (".".join(map(str, e["loc"])), e["msg"].removeprefix("Value error, "))
            for e in exc.errors(include_url=False, include_input=False, include_context=False)
        ) from exc
    return value.model_dump(mode="json", by_alias=True)


def _by_schema(row: TypeRow, payload: dict[str, Any], *, stored: bool) -> dict[str, Any]:
    checker = _validator(_key(row.schema), stored)
    try:
        errors = sorted(checker.iter_errors(payload), key=lambda e: list(map(str, e.absolute_path)))
    except Unresolvable as exc:
        raise InvalidPayload(f"the schema of {row.name} refers to another document") from exc
    if errors:
        raise _invalid((_path(e), _plain_words(e)) for e in errors)
    return payload


def _invalid(found: Iterable[tuple[str, str]]) -> InvalidPayload:
    errors = [{"path": path, "message": visible(message)} for path, message in found]
    first = errors[0]
    return InvalidPayload(f"{first['path'] or 'payload'}: {first['message']}", errors)


def _path(error: ValidationError) -> str:
    path = ""
    for part in error.absolute_path:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _plain_words(error: ValidationError) -> str:
    """jsonschema's message, without echoing a long instance back."""
    return clip(error.message, 200).text


def _key(schema: Any) -> bytes:
    """The schema as bytes: a key for the cache. Floats in a schema are fine, it is ours."""
    return json.dumps(schema, sort_keys=True).encode()


@lru_cache(maxsize=512)
def _validator(schema: bytes, stored: bool) -> Any:  # noqa: FBT001  a cache key
    """No reference leaves the document: a remote one is an error, never a request."""
    known = json.loads(schema)
    try:
        Draft202012Validator.check_schema(known)
    except SchemaError as exc:
        raise InvalidPayload(f"the type's schema is not valid: {exc.message}") from exc
    return (_Stored if stored else _Strict)(known, registry=Registry())


_FRACTION = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")


def _is_number(_: Any, value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _is_stored_number(checker: Any, value: object) -> bool:
    """A fraction in our own bytes is a string; `0.9` sent by an agent for a number is not."""
    return _is_number(checker, value) or (isinstance(value, str) and _FRACTION.fullmatch(value) is not None)


def _numeric(rule: Any) -> Any:
    """A rule about size, applied to the number a stored string stands for."""

    def check(validator: Any, limit: Any, value: Any, schema: Any) -> Any:
        if isinstance(value, str):
            if schema.get("type") not in ("number", "integer") or not _FRACTION.fullmatch(value):
                return ()
            value = Decimal(value)
        return rule(validator, Decimal(str(limit)), value, schema) or ()

    return check


_SIZES = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_rules = {name: _numeric(Draft202012Validator.VALIDATORS[name]) for name in _SIZES}
_types = Draft202012Validator.TYPE_CHECKER
_extend: Any = validators.extend
_Strict: Any = _extend(Draft202012Validator, _rules, type_checker=_types.redefine("number", _is_number))
_Stored: Any = _extend(Draft202012Validator, _rules, type_checker=_types.redefine("number", _is_stored_number))


def amount(row: TypeRow, payload: Mapping[str, Any]) -> tuple[int | None, str]:
    """The amount in minor units and its currency, as policy reads them."""
    found, currency = amount_of(
        payload,
        amount_path=row.amount_path,
        currency_path=row.currency_path,
        currency=row.currency,
    )
    return found, currency if re.fullmatch(r"[A-Z]{3}", currency) else ""


_FIELD = re.compile(r"\{([A-Za-z0-9_][A-Za-z0-9_.]*)\}")


def title(row: TypeRow, payload: Mapping[str, Any]) -> str:
    """The ask in one sentence. The template is ours, the values are text: nothing in them is formatted."""
    words = _FIELD.sub(lambda m: _shown(row, payload, m.group(1)), row.template)
    return _fit(visible(masked(words)), MOST_TITLE)


def _shown(row: TypeRow, payload: Mapping[str, Any], path: str) -> str:
    known, currency = amount(row, payload)
    if path == row.amount_path and known is not None:
        return money(known, currency)
    secret = is_secret(path, {}, marked(row.schema))
    values = [MASK if secret else masked(_word(v)) for v in values_at(payload, path) if v is not None]
    return _fit(", ".join(values) or "nothing", MOST_FIELD)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return f"{len(value)} fields"
    return " ".join(visible(str(value)).split())


def _fit(text: str, most: int) -> str:
    short, more = clip(text, most)
    return f"{short[:-1]}…" if more else short


def payload_of(body: bytes | memoryview) -> dict[str, Any]:
    """The payload in stored bytes, as plain values."""
    value = decode(bytes(body))
    if not isinstance(value, dict):
        raise InvalidPayload("the stored payload is not an object")
    return value
