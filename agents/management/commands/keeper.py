"""manage.py keeper: the desk's clock. Login: router."""

import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from agents.bell import Ringer
from agents.keeper import Keeper

log = logging.getLogger("assentry.keeper")


class Deaf:
    """Where no broker is set: the drain carries out what was approved, runs wait."""

    def ring_desk(self, queue: str) -> None:
        """Nobody to ring."""

    def ring_agents(self) -> None:
        """Nobody to ring."""

    def stop(self) -> None:
        """Nothing to stop."""


class Command(BaseCommand):
    requires_system_checks = ()  # the start-up check in manage.py, made before this, looks at what matters
    help = "Route proposals, expire, wake and ring, twice a second. Many may run; one leads."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        bells = self._bells()
        try:
            Keeper(bells, stop).run()
        finally:
            bells.stop()

    def _bells(self) -> Ringer | Deaf:
        if not settings.BROKERS:
            log.warning("REDIS_URL is not set: only the drain carries out what is approved, and no run goes on")
            return Deaf()
        ringer = Ringer()
        ringer.start()
        return ringer
