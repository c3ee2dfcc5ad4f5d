"""manage.py log_reopen: after a restore that lost events, opens a new log. Login: sequencer."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.notes import BadNote, Signer
from audit.reopen import ReopenRefused, reopen


class Command(BaseCommand):
    help = (
        "Open a new log that names the old one, when no more of the old one can be recovered. Set ASSENTRY_LOG_ORIGIN "
        "to a new name, make a new key with log_key, and give the old anchor folder."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("previous", type=Path, help="the old log's anchor folder; it is only read")
        parser.add_argument("--reason", required=True, help="why; goes into the record")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            signer = Signer.read(settings.LOG_KEY)
            old, restored = reopen(signer=signer, previous=options["previous"], reason=options["reason"])
        except (BadNote, ReopenRefused) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{settings.LOG_ORIGIN} goes on after {restored} restored events.")
        self.stdout.write(f"{old.origin} had {old.size}; what lies between is lost here and known by its anchor.")
        self.stdout.write("Effects after the backup may have happened: settle them before executors and drain start.")
