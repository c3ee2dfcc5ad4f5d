"""manage.py log_key: makes the log's Ed25519 key. Needs no database."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.notes import BadNote, Signer


class Command(BaseCommand):
    help = "Make the log's private key (mode 0600) and print the line that others check it with."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="default: the setting ASSENTRY_LOG_KEY")
        parser.add_argument("--if-missing", action="store_true", help="keep a key that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"] or settings.LOG_KEY
        try:
            if not (options["if_missing"] and path.exists()):
                Signer.generate(settings.LOG_ORIGIN).write(path)
            self.stdout.write(Signer.read(path).vkey)
        except FileExistsError as error:
            raise CommandError(f"{path} is there already; a log's key is never overwritten") from error
        except BadNote as error:
            raise CommandError(str(error)) from error
