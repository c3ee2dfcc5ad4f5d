"""The two Celery apps: `desk` rings executors, `agent` rings agent workers; each with its own login.

celery -A config.celery:desk worker --without-mingle --without-gossip
celery -A config.celery:agent worker --without-mingle --without-gossip
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from config.env import BadSettings

LOGINS = {"config.celery:desk": "executor", "config.celery:agent": "agent"}


def _login() -> str:
    """The login that the app named on the command line needs, unless the environment names one."""
    asked = [role for name, role in LOGINS.items() if any(name in argument for argument in sys.argv)]
    role = os.environ.get("ASSENTRY_ROLE") or (asked[0] if asked else "")
    if role not in {"executor", "agent"}:
        raise BadSettings("Start a worker with `celery -A config.celery:desk` or `-A config.celery:agent`.")
    return role


os.environ["ASSENTRY_ROLE"] = _login()
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # Django's checks of pages and admin; ours runs below

import django  # noqa: E402  the login must be set before

django.setup()

from celery import Celery  # noqa: E402
from celery.signals import worker_init, worker_ready, worker_shutdown  # noqa: E402
from django.conf import settings  # noqa: E402
from kombu import Queue  # noqa: E402

from agents import tasks  # noqa: E402
from agents.pulse import Pulse  # noqa: E402
from agents.queries import registry_differences  # noqa: E402
from config.env import explain_missing  # noqa: E402
from config.guard import ensure_login_is_safe  # noqa: E402


def _app(bell: str) -> Celery | None:
    """The app for one doorbell, or None where this login may not touch it."""
    if bell not in settings.BROKERS:
        return None
    app = Celery(f"assentry.{bell}", set_as_current=False)
    app.conf.update(settings.BROKERS[bell], task_queues=[Queue(f"{bell}.doorbell")])
    return app


desk = _app("desk")
agent = _app("agent")
if desk is None and agent is None:
    raise BadSettings(explain_missing("REDIS_URL"))


def _answer(app: Celery | None, name: str, look: Callable[[str], bool]) -> None:
    """Lets one plain function answer a doorbell; when it was full it says True and is rung again."""
    if app is None:
        return

    @app.task(name=name)
    def doorbell(queue: str) -> None:
        if look(queue):
            app.send_task(name, args=[queue], expires=60)


_answer(desk, "desk.doorbell", tasks.ring_desk)
_answer(agent, "agent.doorbell", tasks.ring_agents)


@worker_init.connect
def check_login(**kwargs: Any) -> None:
    """Refuses to start a worker whose login can do more than it should, or whose code is not what the rows say."""
    ensure_login_is_safe()
    if different := registry_differences():
        lines = "\n".join(f"  - {text}" for text in different)
        raise BadSettings(f"Assentry does not start this worker: run `manage.py sync_registry` first.\n{lines}")


_pulses: list[Pulse] = []


@worker_ready.connect
def say_alive(**kwargs: Any) -> None:
    """From now on this worker's main process gives signs of life; its children say when they work."""
    pulse = Pulse("executor" if agent is None else "agents")
    _pulses.append(pulse)
    pulse.start()


@worker_shutdown.connect
def fall_silent(**kwargs: Any) -> None:
    for pulse in _pulses:
        pulse.stop()
