"""manage.py reseal: seals what was stored before ASSENTRY_SEAL was on. Login: owner."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from agents.resealing import reseal
from audit.seal import NoSpareKey


class Command(BaseCommand):
    help = "Seal what lies plain, in batches; break it off and start it again as you like."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SEALING:
            raise CommandError("sealing is off; set ASSENTRY_SEAL=on for all processes first")
        if not settings.SUBJECT_SECRET:
            raise CommandError("the file subjects is not in the secrets folder of this login")
        try:
            done = reseal(self.stdout.write)
        except NoSpareKey as error:
            raise CommandError(f"{error}; what was sealed so far stays, start this again then") from error
        self.stdout.write(f"{done} rows were sealed. Run VACUUM FULL on these tables to clear their files;")
        self.stdout.write("the write-ahead log and older backups hold the plain text until they run out.")
