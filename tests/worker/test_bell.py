"""The keeper's bell: it rings, it costs nothing when the broker is dead or frozen, and it rings again afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import override_settings

from agents import bell
from agents.bell import DESK, Ringer
from config.brokers import celery_settings
from config.embedded import Valkey
from config.env import load
from config.machine import free_port
from tests import cluster


@pytest.fixture
def broker() -> Iterator[Valkey]:
    with cluster.scratch() as base:
        found = Valkey(base, free_port(), {"router": "r" * 16, "executor": "e" * 16, "admin": "a" * 16})
        found.prepare()
        found.start()
        yield found
        found.stop()


@pytest.fixture
def ringer(broker: Valkey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ringer]:
    monkeypatch.setattr(bell, "BREAK", 0.3)
    env = load()
    doors = {
        name: celery_settings(env, settings.TIMINGS, name, "router") | {"broker_url": broker.url("router")}  # type: ignore[arg-type]
        for name in ("desk", "agent")
    }
    with override_settings(BROKERS=doors):
        found = Ringer()
        found.start()
        yield found
        found.stop()
        assert not found.is_alive()


def until(wanted: Callable[[], bool], seconds: float = 10) -> None:
    over = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < over, "waited in vain"
        time.sleep(0.02)


def lying(broker: Valkey) -> int:
    import redis

    with redis.Redis.from_url(broker.url("admin")) as admin:
        return int(admin.llen(f"desk:{DESK.queue}"))  # type: ignore[arg-type]


def test_the_bell_rings_as_the_router_which_may_do_little_else(ringer: Ringer, broker: Valkey) -> None:
    ringer.ring_desk("default")
    until(lambda: ringer.rung == 1)
    assert lying(broker) == 1
    assert ringer.failed == 0


def test_ringing_costs_the_caller_nothing_when_the_broker_is_dead_and_works_again_when_it_is_back(
    ringer: Ringer, broker: Valkey
) -> None:
    ringer.ring_desk("default")
    until(lambda: ringer.rung == 1)
    broker.stop()
    began = time.monotonic()
    ringer.ring_desk("default")
    assert time.monotonic() - began < 0.05
    until(lambda: ringer.failed == 1)
    broker.start()
    before = ringer.rung

    def again() -> bool:
        ringer.ring_desk("default")
        return ringer.rung > before

    until(again)
    ringer.ring_agents()
    until(lambda: ringer.rung > before + 1)


def test_a_bell_that_nobody_answers_falls_silent(
    ringer: Ringer, broker: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "FULL", 3)
    monkeypatch.setattr(ringer._lines[DESK], "_looked", float("-inf"))
    for _ in range(30):
        ringer.ring_desk("default")
        ringer._lines[DESK]._looked = float("-inf")
        time.sleep(0.02)
    assert lying(broker) == 4
