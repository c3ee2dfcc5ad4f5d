"""manage.py drain: carries out what was approved without a broker, and reaps lost leases. Login: executor."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.drain import Drain
from agents.queries import registry_differences


class Command(BaseCommand):
    requires_system_checks = ()  # the start-up check in manage.py, made before this, looks at what matters
    help = "Carry out approved actions without a broker and take back lost leases. Many may run."

    def handle(self, *args: Any, **options: Any) -> None:
        if different := registry_differences():
            raise CommandError("run manage.py sync_registry first:\n  " + "\n  ".join(different))
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Drain(stop).run()
