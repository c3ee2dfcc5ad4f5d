"""manage.py seal_keys: makes the keys that texts are sealed to. Login: web."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from audit.keys import make_keys


class Command(BaseCommand):
    help = "Make the keys for ASSENTRY_SEAL=on, where they are missing."

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.SECRETS_DIR)
        try:
            made = make_keys(folder)
        except OSError as error:
            raise CommandError(str(error)) from error
        for name in made:
            self.stdout.write(f"made {folder / name}")
        if not made:
            self.stdout.write("the keys are there")
