"""manage.py audit_export DIR: the log as files that verify.py checks. Login: auditor."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.export import ExportFailed, Request, export
from audit.reconcile import reconcile
from audit.registry import case_named


class Command(BaseCommand):
    help = "Export the record with its proofs, texts and business rows, and the program that checks them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument(
            "--case",
            action="append",
            dest="cases",
            metavar="CASE",
            help="only this case, such as ACT-1017 or action:019a…; repeatable",
        )
        parser.add_argument("--closed", action="store_true", help="leave the texts out; their digests stay")

    def handle(self, *args: Any, **options: Any) -> None:
        fields: list[str] | None = [] if options["closed"] else None
        cases = [_case(given) for given in options["cases"]] if options["cases"] else None
        for finding in reconcile():
            self.stderr.write(f"{finding['name']} ({finding['count']} in all): {finding['text']}")
        try:
            manifest = export(options["folder"], Request(cases=cases, fields=fields))
        except ExportFailed as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['folder']} cannot be written: {error.strerror}") from error
        self.stdout.write(f"{manifest['events']} events, {manifest['size']} of them signed, in {options['folder']}")
        self.stdout.write(f"check: python {options['folder'] / 'verify.py'} {options['folder']}")


def _case(given: str) -> str:
    named = case_named(given)
    if ":" not in named:
        raise CommandError(f"there is no case {given}")
    return named
