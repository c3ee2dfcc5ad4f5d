"""The policy document: what people may set, as one strict model. Pure.

It holds no binary fractions, so that its canonical bytes, and thus its
digest, are the same everywhere: marks are in thousandths, amounts in minor
units. What a document does not say about a type is the default below.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, ValidationError, model_validator

from reviews.errors import InvalidPayload
from reviews.policy.batch import APPROVE_LIMIT, MOST_EVER, REJECT_LIMIT, BatchLimits
from reviews.policy.routing import (
    HAND_SET_LONGEST,
    TABLE,
    Cell,
    Limits,
    Override,
    Rules,
    loosest_allowed,
)
from reviews.schemas import Name, Strict, encode
from reviews.states import Outcome, Reversibility, Risk, Verdict

Minor = Annotated[int, Field(ge=0, lt=2**53)]
Reason = Annotated[str, Field(min_length=10, max_length=400)]
Count = Annotated[int, Field(ge=1, le=MOST_EVER)]


class LimitsIn(Strict):
    """Amount limits of a type, each at least as high as the one before."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    auto: Minor
    single: Minor
    pair: Minor
    cap: Minor

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.auto <= self.single <= self.pair <= self.cap:
            raise ValueError("the limits must rise: auto <= single <= pair <= cap")
        return self


class OverrideIn(Strict):
    """A lead's word on one cell of the risk table. `lead` is a pseudonym."""

    risk: Risk
    reversibility: Reversibility
    outcome: Outcome
    lead: Annotated[str, Field(max_length=24)]
    reason: Reason
    expires: AwareDatetime

    @model_validator(mode="after")
    def _not_too_loose(self) -> Self:
        loosest = loosest_allowed(*self.cell)
        if self.outcome.rank < loosest.rank:
            raise ValueError(f"{self.risk}/{self.reversibility} is never looser than {loosest}")
        return self

    @property
    def cell(self) -> Cell:
        return self.risk, self.reversibility


class BatchIn(Strict):
    """How many items of the type one batch may decide."""

    approve_low: Count = APPROVE_LIMIT[Risk.LOW]
    approve_medium: Count = APPROVE_LIMIT[Risk.MEDIUM]
    reject: Count = REJECT_LIMIT


class PaceIn(Strict):
    """What deciding on a type needs beyond the usual: only ever more time, never less."""

    dwell: Annotated[int, Field(ge=0, le=600)] = 0  # seconds it must have been open
    per_minute: Annotated[int, Field(ge=1, le=90)] | None = None  # single decisions of one reviewer; None: the usual


class ClockIn(Strict):
    """When an item of the type is late, and to whom it then goes. Without a word: at half of its time, to nobody."""

    within: Annotated[int, Field(ge=1, le=43_200)] | None = None  # minutes from entering the queue
    to: Annotated[str, Field(max_length=150)] = ""  # a team by its name


class TypePolicy(Strict):
    """All that policy says about one action type."""

    limits: LimitsIn | None = None
    low_mark: Annotated[int, Field(ge=0, le=1000)] = 400  # thousandths
    minimum: Outcome = Outcome.AUTO_EXECUTE
    deny: Annotated[str, Field(max_length=200)] = ""  # why nothing of this type may pass
    overrides: tuple[OverrideIn, ...] = ()
    batch: BatchIn = BatchIn()
    pace: PaceIn = PaceIn()
    clock: ClockIn = ClockIn()

    @model_validator(mode="after")
    def _table_stays_sensible(self) -> Self:
        cells = [override.cell for override in self.overrides]
        if len(set(cells)) != len(cells):
            raise ValueError("a cell is overridden twice")
        for moment in sorted({o.expires for o in self.overrides}):
            _refuse_upside_down(self._table(moment - timedelta(microseconds=1)))
        return self

    def _table(self, moment: datetime) -> dict[Cell, Outcome]:
        live = {o.cell: o.outcome for o in self.overrides if o.expires > moment}
        return {**TABLE, **live}

    def rules(self) -> Rules:
        """This policy as routing reads it."""
        return Rules(
            limits=Limits(**self.limits.model_dump()) if self.limits else None,
            low_mark=self.low_mark / 1000,
            minimum=self.minimum,
            overrides={o.cell: Override(o.outcome, o.expires, o.lead) for o in self.overrides},
            deny=self.deny,
        )

    def batch_limit(self, verdict: Verdict, risk: Risk) -> int:
        return BatchLimits(**self.batch.model_dump()).of(verdict, risk)


def _neighbours() -> Iterator[tuple[Cell, Cell]]:
    """Pairs of cells of which the second is the worse case by one step."""
    risks, kinds = tuple(Risk), tuple(Reversibility)
    for risk, kind in TABLE:
        if risk is not risks[-1]:
            yield (risk, kind), (risks[risk.rank + 1], kind)
        if kind is not kinds[-1]:
            yield (risk, kind), (risk, kinds[kind.rank + 1])


def _refuse_upside_down(table: Mapping[Cell, Outcome]) -> None:
    for better, worse in _neighbours():
        if table[worse].rank < table[better].rank:
            bad, good = "/".join(worse), "/".join(better)
            raise ValueError(
                f"{bad} would be treated more loosely than {good}: "
                f"override {bad} too, or raise the type's minimum instead"
            )


class PolicyDocument(Strict):
    """One published policy: what is said about each type, by name."""

    types: dict[Name, TypePolicy] = {}

    def of(self, type_name: str) -> TypePolicy:
        return self.types.get(type_name, _DEFAULT)

    def plain(self) -> dict[str, Any]:
        """As JSON values; what is left at its default is left out."""
        plain: dict[str, Any] = self.model_dump(mode="json", exclude_defaults=True)
        return plain

    def canonical(self) -> bytes:
        """The bytes whose sha256 names this document."""
        return encode(self.plain())

    def overlong(self, now: datetime) -> list[str]:
        """Types with an override that would stand for more than 90 days from now."""
        latest = now + HAND_SET_LONGEST
        return [n for n, t in self.types.items() if any(o.expires > latest for o in t.overrides)]


_DEFAULT = TypePolicy()
DEFAULT_POLICY = PolicyDocument()


def parse(document: Mapping[str, Any]) -> PolicyDocument:
    """A document from JSON values. Raises InvalidPayload with a path for each error."""
    try:
        return PolicyDocument.model_validate_json(json.dumps(document))
    except ValidationError as exc:
        errors = [
            {"path": ".".join(map(str, e["loc"])), "message": e["msg"].removeprefix("Value error, ")}
            for e in exc.errors(include_url=False, include_input=False)
        ]
        raise InvalidPayload("this is not a policy", errors) from exc


def changes(before: PolicyDocument, after: PolicyDocument) -> dict[str, tuple[Any, Any]]:
    """What differs: `type.field` -> (before, after), as JSON values, in order of name."""
    old, new = _fields(before), _fields(after)
    return {
        path: (old.get(path), new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    }


def _fields(document: PolicyDocument) -> dict[str, Any]:
    return {
        f"{name}.{field}": value
        for name, policy in document.types.items()
        for field, value in policy.model_dump(mode="json").items()
        if value != _DEFAULT_FIELDS[field]
    }


_DEFAULT_FIELDS = _DEFAULT.model_dump(mode="json")
