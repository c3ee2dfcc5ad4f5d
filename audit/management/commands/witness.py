"""manage.py witness: the small witness for other people's logs, as `python -m audit.witness` runs it elsewhere."""

import sys
from argparse import REMAINDER
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from audit import witness


class Command(BaseCommand):
    help = "Run a witness: `witness init DIR --name NAME`, then `witness serve DIR --log FILE`."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("words", nargs=REMAINDER, help="see: witness -- --help")

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(witness.main(options["words"]))
