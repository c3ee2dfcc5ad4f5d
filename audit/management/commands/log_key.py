"""manage.py log_key: makes the log's keys, Ed25519 and ML-DSA-44. Needs no database."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.notes import BadNote, MlDsaSigner, Signer
from audit.sequencer import retiring_path


class Command(BaseCommand):
    help = "Make the log's private key (mode 0600) and print the line that others check it with."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="default: the setting ASSENTRY_LOG_KEY")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--if-missing", action="store_true", help="keep a key that is there")
        how.add_argument("--ml-dsa", action="store_true", help="the second key, ML-DSA-44: ASSENTRY_LOG_KEY_ML_DSA")
        how.add_argument("--rotate", action="store_true", help="a new key; the old one retires once the log says so")

    def handle(self, *args: Any, **options: Any) -> None:
        kind, usual = (MlDsaSigner, settings.LOG_KEY_ML_DSA) if options["ml_dsa"] else (Signer, settings.LOG_KEY)
        path: Path | None = options["file"] or usual
        if path is None:
            raise CommandError("name a file, here or in ASSENTRY_LOG_KEY_ML_DSA")
        try:
            if options["rotate"]:
                self._rotate(path)
            elif not (options["if_missing"] and path.exists()):
                kind.generate(settings.LOG_ORIGIN).write(path)
            self.stdout.write(kind.read(path).vkey)
        except FileExistsError as error:
            raise CommandError(f"{error.filename} is there already; a log's key is never overwritten") from error
        except OSError as error:
            raise CommandError(f"{path} cannot be written: {error.strerror}") from error
        except BadNote as error:
            raise CommandError(str(error)) from error

    def _rotate(self, path: Path) -> None:
        """Put the key aside and make another. The sequencer signs with both until the log names the new one."""
        Signer.read(path)
        aside = retiring_path(path)
        aside.hardlink_to(path)  # fails if a rotation is under way
        path.unlink()
        Signer.generate(settings.LOG_ORIGIN).write(path)
        self.stderr.write("Restart the sequencer. It signs with both keys once, then deletes the old one.")
