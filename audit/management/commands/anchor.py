"""manage.py anchor: carries checkpoints outside and asks witnesses. Login: sequencer; the log's key is not needed."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import anchors, cosigning, policies, queries
from audit.anchoring import Carrier, newest_copy


class Command(BaseCommand):
    help = "Bring copies of checkpoints to the places that ASSENTRY_ANCHORS and the policy's witnesses name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--now", action="store_true", help="one copy to each place, due or not, and end")
        parser.add_argument("--status", action="store_true", help="only say how each place is doing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            carrier = Carrier(anchors.read(settings.ANCHORS), cosigning.cosigners(policies.read(settings.LOG_POLICY)))
        except (anchors.BadAnchor, policies.BadPolicy) as error:
            raise CommandError(f"ASSENTRY_ANCHORS or ASSENTRY_LOG_POLICY: {error}") from error
        if options["status"]:
            self._status()
        elif options["now"]:
            self._now(carrier)
        else:
            self._run(carrier)

    def _run(self, carrier: Carrier) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        carrier.run(stop)

    def _now(self, carrier: Carrier) -> None:
        if not carrier.places:
            raise CommandError("no place is named; set ASSENTRY_ANCHORS or name a witness in ASSENTRY_LOG_POLICY")
        if newest_copy() is None:
            raise CommandError("nothing is signed yet; is the sequencer running?")
        failed = carrier.carry(now=True)
        self._status()
        if failed:
            raise CommandError("; ".join(failed))

    def _status(self) -> None:
        for place in queries.anchors():
            when = "never" if place.at is None else f"{place.size} entries, {place.at:%Y-%m-%d %H:%M:%S} UTC"
            wrong = f"{' FORK' * place.forked}{f' ({place.error})' * bool(place.error)}"
            self.stdout.write(f"{place.mark} {place.name}: {when}{wrong}")
