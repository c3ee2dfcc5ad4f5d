"""Agents and action types that code declares.

A user's module declares both by importing this; `load` imports the modules that the settings name.
An agent of an older version stays beside the new one for as long as its runs last: a run pins the
version it began with.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from agents.effects import Execute, Handler, Probe, Undo
from reviews import registry as desk
from reviews.errors import InvalidPayload
from reviews.registry import Conflict, DeskType

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class ActionType(DeskType):
    """An action type in full: the desk's half, and how it takes effect."""

    execute: Execute | None = None
    undo: Undo | None = None
    probe: Probe | None = None

    def desk_half(self) -> DeskType:
        given = {f.name: getattr(self, f.name) for f in fields(DeskType)}
        given["has_handler"] = self.execute is not None
        given["has_undo"] = self.undo is not None
        given["has_probe"] = self.probe is not None
        return DeskType(**given)

    def handler(self) -> Handler | None:
        return Handler(self.execute, self.undo, self.probe) if self.execute else None


@dataclass(frozen=True, kw_only=True)
class AgentType:
    """One version of an agent in code. `starts` names the agents whose runs it may start."""

    name: str
    version: str
    function: Callable[..., Any]
    arguments: type[BaseModel]
    label: str = ""
    owner: str = ""
    starts: tuple[str, ...] = ()
    current: bool = True

    def parse(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the agent will get them, in JSON types. Raises InvalidPayload with paths."""
        try:
            return self.arguments.model_validate(dict(args)).model_dump(mode="json")
        except ValidationError as exc:
            raise InvalidPayload(f"the arguments do not fit {self.name}", _paths(exc)) from exc


_types: dict[str, ActionType] = {}
_agents: dict[tuple[str, str], AgentType] = {}
_sources: dict[str, Handler] = {}


def register(kind: ActionType) -> ActionType:
    """Makes an action type known here and, its half of it, at the desk."""
    known = _types.get(kind.name)
    if known is not None and known != kind:
        raise Conflict(f"the action type {kind.name} is declared twice, and differently")
    desk.register(kind.desk_half())
    _types[kind.name] = kind
    return kind


def action_type(**declared: Any) -> Callable[[Function], Function]:
    """Decorates the function that carries the effect out: the short way to `register`."""

    def keep(function: Function) -> Function:
        register(ActionType(execute=function, **declared))
        return function

    return keep


def source_handler(source: str, execute: Execute, *, undo: Undo | None = None, probe: Probe | None = None) -> None:
    """How types take effect that exist only as rows of this source (`transcript`, `admin`)."""
    _sources[source] = Handler(execute, undo, probe)


def agent(
    name: str, *, version: str = "1", label: str = "", owner: str = "", starts: Iterable[str] = (), current: bool = True
) -> Callable[[Function], Function]:
    """Declares a function as an agent. Its first argument is the Run, the others are its start form."""

    def keep(function: Function) -> Function:
        kind = AgentType(
            name=name,
            version=version,
            function=function,
            arguments=_arguments(name, function),
            label=label or name,
            owner=owner,
            starts=tuple(starts),
            current=current,
        )
        _add_agent(kind)
        return function

    return keep


def _add_agent(kind: AgentType) -> None:
    key = (kind.name, kind.version)
    known = _agents.get(key)
    if known is not None and known.function is not kind.function:
        raise Conflict(f"the agent {kind.name} {kind.version} is declared twice")
    if kind.current and any(a.name == kind.name and a.current and a is not known for a in _agents.values()):
        raise Conflict(f"two versions of the agent {kind.name} call themselves current")
    _agents[key] = kind


def _arguments(name: str, function: Callable[..., Any]) -> type[BaseModel]:
    parameters = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        raise TypeError(f"agent {name}: name its arguments; they become its start form")
    wanted: dict[str, Any] = {
        p.name: (Any if p.annotation is p.empty else p.annotation, ... if p.default is p.empty else p.default)
        for p in parameters
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **wanted)


def _paths(exc: ValidationError) -> list[dict[str, str]]:
    return [{"path": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in exc.errors()]


class BadModule(SystemExit):
    """Ends the process with exit code 2 after it said which module cannot be imported, and why: no traceback."""

    def __init__(self, module: str, error: Exception) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        sys.stderr.write(
            f"Assentry cannot start: ASSENTRY_AGENT_MODULES names {module!r}, which cannot be imported.\n"
            f"  {type(error).__name__}: {error} ({where.filename}, line {where.lineno})\n"
            "Check its name, and that every process finds it on Python's path (PYTHONPATH).\n"
        )
        super().__init__(2)


def load(modules: Iterable[str]) -> None:
    """Imports the modules that declare agents and types. Importing one twice changes nothing. BadModule ends it."""
    for module in modules:
        try:
            import_module(module)
        except Exception as error:  # noqa: BLE001  a module of somebody else's may raise anything
            raise BadModule(module, error) from None


def types() -> tuple[ActionType, ...]:
    return tuple(_types[name] for name in sorted(_types))


def agents() -> tuple[AgentType, ...]:
    return tuple(_agents[key] for key in sorted(_agents))


def find_agent(name: str, version: str) -> AgentType | None:
    return _agents.get((name, version))


def current_agents() -> tuple[AgentType, ...]:
    return tuple(kind for kind in agents() if kind.current)


def find_type(name: str) -> ActionType | None:
    return _types.get(name)


def handler_of(name: str, source: str) -> Handler | None:
    """The handler of a type, by its name where code declares it, else by where its row came from."""
    known = _types.get(name)
    return known.handler() if known else _sources.get(source)


@contextmanager
def isolated(*, empty: bool = False) -> Iterator[None]:
    """For tests: what is declared inside is forgotten afterwards, here and at the desk.

    `empty`: what was declared before is not there inside.
    """
    stores: tuple[dict[Any, Any], ...] = (_types, _agents, _sources)
    before = [dict(store) for store in stores]
    try:
        if empty:
            for store in stores:
                store.clear()
        yield
    finally:
        for name in _types.keys() - before[0].keys():
            desk.forget(name)
        for store, old in zip(stores, before, strict=True):
            store.clear()
            store.update(old)
