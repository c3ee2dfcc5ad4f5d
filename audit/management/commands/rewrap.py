"""manage.py rewrap: seals the keys of subjects to the next master key. Login: owner."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.rekeying import Refused, rewrap


class Command(BaseCommand):
    help = "Carry out what seal_keys --rotate ordered, in batches; break it off and start it again as you like."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            done = rewrap(self.stdout.write)
        except Refused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{done} keys are sealed to the next master key; manage.py seal_keys --finish ends it")
