"""How a cheat is written down: what is tried, and which login must be refused with which code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.roles.world import Session, World

Attack = Callable[[World, Session, dict[str, Any]], None]
RUNTIME = ("web", "router", "agent", "executor", "sequencer", "auditor")
NO_RIGHT = "42501"  # the login lacks the grant: it does not even reach a trigger


@dataclass(frozen=True)
class Cheat:
    """`refused`: login -> SQLSTATE. `given`: names of states (tests/roles/targets.py) that the attack needs."""

    attack: Attack
    refused: dict[str, str]

    @property
    def name(self) -> str:
        return self.attack.__name__.replace("_", " ")


REGISTER: list[Cheat] = []


def cheat(**refused: str) -> Callable[[Attack], Attack]:
    """Registers an attack. Logins that are not named are not expected to try (or may succeed by design).

    `rest="42501"` stands for every runtime login that is not named.
    """
    rest = refused.pop("rest", None)
    expected = dict.fromkeys(RUNTIME, rest) if rest else {}
    expected |= refused

    def register(attack: Attack) -> Attack:
        REGISTER.append(Cheat(attack, {role: code for role, code in expected.items() if code}))
        return attack

    return register


def cases(register: list[Cheat]) -> Iterator[Any]:
    for one in register:
        for role, code in one.refused.items():
            yield pytest.param(one, role, code, id=f"{one.name} as {role}")


def refusal(world: World, role: str, attack: Attack, targets: dict[str, Any]) -> str | None:
    """The SQLSTATE that stopped the attack, at a statement or at COMMIT; None if it went through."""
    s = world.signed_in(role)
    try:
        attack(world, s, targets)
        s.connection.commit()
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        s.connection.rollback()
    return None
