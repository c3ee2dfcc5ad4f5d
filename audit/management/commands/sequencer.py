"""manage.py sequencer: orders, signs and publishes the record. Login: sequencer."""

import logging
import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.notes import BadNote, Signer
from audit.sequencer import Refused, Sequencer

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Give committed events their place in the Merkle tree, sign its heads and publish them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--poll", type=float, default=0.1, help="seconds between looks at an empty queue")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            signer = Signer.read(settings.LOG_KEY)
        except BadNote as error:
            raise CommandError(str(error)) from error
        if signer.name != settings.LOG_ORIGIN:
            raise CommandError(f"the key signs for {signer.name}, this log is {settings.LOG_ORIGIN}")
        try:
            Sequencer(signer, settings.ANCHOR_DIR, options["poll"]).run(stop)
        except Refused as error:
            raise CommandError(f"the sequencer refuses to sign: {error}", returncode=3) from error
