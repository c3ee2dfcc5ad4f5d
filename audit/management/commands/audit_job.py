"""manage.py audit_job: carries out one waiting export or verification. Login: router; the keeper starts it."""

from typing import Any

from django.core.management.base import BaseCommand

from audit.jobs import run_next_job


class Command(BaseCommand):
    help = "Carry out one export or verification that somebody asked for."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("done" if run_next_job() else "nothing to do")
