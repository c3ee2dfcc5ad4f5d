"""manage.py seal_keys: makes the keys that texts are sealed to, and changes the master key. Login: web."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import rekeying
from audit.keys import make_keys


class Command(BaseCommand):
    help = "Make the keys for ASSENTRY_SEAL=on, where they are missing; or change the master key."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--rotate", action="store_true", help="make the next master key and order the change")
        which.add_argument("--finish", action="store_true", help="after rewrap: put it in the old one's place")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.SECRETS_DIR)
        try:
            if options["rotate"]:
                self._rotate(folder)
            elif options["finish"]:
                self._finish(folder)
            else:
                self._make(folder)
        except (OSError, rekeying.Refused) as error:
            raise CommandError(str(error)) from error

    def _make(self, folder: Path) -> None:
        made = make_keys(folder)
        for name in made:
            self.stdout.write(f"made {folder / name}")
        if not made:
            self.stdout.write("the keys are there")

    def _rotate(self, folder: Path) -> None:
        order = rekeying.begin(folder)
        self.stdout.write(f"{folder / rekeying.NEXT} is the next master key; {order.left} keys lie under the old one.")
        self.stdout.write("Copy it to router, executor and owner, run manage.py rewrap, then seal_keys --finish.")

    def _finish(self, folder: Path) -> None:
        order = rekeying.finish(folder)
        self.stdout.write(f"{folder / rekeying.OLD} is the new master key. Copy it to router and executor, and remove")
        self.stdout.write(f"{rekeying.NEXT} there. seal-{order.old}.key.old opens backups from before: keep it apart.")
