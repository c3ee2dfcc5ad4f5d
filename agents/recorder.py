"""The journal while it is replayed and written: each impure step takes the next place in it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError

from agents import services
from agents.errors import JournalFull
from agents.journal import MAX_RESULT, Kind, Row, decode, digest, encode
from agents.services import Held, Wait
from audit.seal import NoSpareKey
from reviews.errors import Busy, DeskError, LostLease


class Leave(BaseException):
    """Leaves the agent's code, past every `except Exception`. One subclass for each way a leg can end."""


class Parked(Leave):
    def __init__(self, wait: Wait) -> None:
        super().__init__("parked")
        self.wait = wait


class ContinueAsNew(Leave):
    def __init__(self, args: dict[str, Any]) -> None:
        super().__init__("continued")
        self.arguments = args


class Lost(Leave):
    """Another runner holds the run, or it was cancelled."""


class Interrupted(Leave):
    """The database could not be reached, or no key is left to seal to; another leg will repeat this one."""


class Broken(Leave):
    """The agent's code did what no replay could repeat; the run fails with this text."""


class NonDeterminism(Leave):
    """The code and the journal disagree. `sides`: what was recorded, what the code does now."""

    def __init__(self, sides: dict[str, Any], expected: bytes | None, found: bytes | None) -> None:
        super().__init__(sides["cause"])
        self.sides, self.expected, self.found = sides, expected, found


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the journal; `row` is what stands there already."""

    seq: int
    kind: Kind
    name: str
    args: bytes
    row: Row | None

    @property
    def replayed(self) -> bool:
        return self.row is not None

    def value(self) -> Any:
        assert self.row is not None  # noqa: S101  asked for only when replayed
        return self.row.value()


class Recorder:
    """Walks through the journal of a run that this process holds, and extends it at the end."""

    def __init__(self, held: Held, rows: Sequence[Row]) -> None:
        self.held, self.rows, self.seq, self.inside = held, list(rows), 0, ""

    @property
    def recorded(self) -> Row | None:
        """The row that the next place would meet."""
        return self.rows[self.seq] if self.seq < len(self.rows) else None

    def take(self, kind: Kind, name: str, *args: Any) -> Place:
        """The next place, compared with what was recorded there. NonDeterminism where they differ."""
        if self.inside:
            raise Broken(f"{kind} {name} inside the step {self.inside}: a step's body may not use the run")
        place = Place(self.seq + 1, kind, name[:200], digest(*args), self.recorded)
        row = place.row
        if row is not None and (row.kind, row.name, row.args) != (kind, place.name, place.args):
            raise self._disagree(row, place, list(args))
        self.seq += 1
        return place

    def keep(self, place: Place, value: Any) -> Any:
        """Writes what happened at a fresh place; gives it back as a replay will read it."""
        result = encode(value)
        if len(result) > MAX_RESULT:
            raise Broken(f"{place.kind} {place.name} gave {len(result)} bytes; a journal row takes {MAX_RESULT}")
        row = Row(place.seq, place.kind, place.name, place.args, result)
        with leaving():
            services.append_entry(held=self.held, row=row)
        self.rows.append(row)
        return decode(result)

    def finish(self) -> None:
        """NonDeterminism if rows are left over: the code ended before its journal does."""
        row = self.recorded
        if row is not None:
            raise NonDeterminism(_sides(row.seq, "rows left over", row, None, None), row.args, None)

    def _disagree(self, row: Row, place: Place, args: list[Any]) -> NonDeterminism:
        what = next(
            word
            for word, same in (
                ("another kind of step", row.kind == place.kind),
                ("another name", row.name == place.name),
                ("other arguments", row.args == place.args),
            )
            if not same
        )
        return NonDeterminism(_sides(row.seq, what, row, place, args), row.args, place.args)


def _sides(seq: int, cause: str, row: Row, place: Place | None, args: list[Any] | None) -> dict[str, Any]:
    found = None
    if place is not None:
        found = {"kind": place.kind, "name": place.name, "args": place.args.hex(), "given": _excerpt(repr(args))}
    recorded = {"kind": row.kind, "name": row.name, "args": row.args.hex(), "result": _excerpt(_text(row.result))}
    return {"seq": seq, "cause": cause, "recorded": recorded, "found": found}


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _excerpt(text: str) -> str:
    """Short enough to show, and without what jsonb cannot hold."""
    short = text[:2000].encode("utf-8", "replace").decode()
    return short.replace("\x00", "\\0")


@contextmanager
def leaving() -> Iterator[None]:
    """Turns what the database says into a way out of the agent's code, which could not handle it."""
    try:
        yield
    except LostLease as exc:
        raise Lost(str(exc)) from exc
    except JournalFull as exc:
        raise Broken(str(exc)) from exc
    except (Busy, NoSpareKey) as exc:
        raise Interrupted(str(exc)) from exc
    except DeskError as exc:
        raise Broken(f"{exc.code}: {exc}") from exc
    except DatabaseError as exc:
        raise Interrupted(str(exc)) from exc
