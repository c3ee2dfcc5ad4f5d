"""manage.py audit_prune --dry-run: what has been kept for longer than it has to be. Login: auditor."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.retention import kept, prunable


class Command(BaseCommand):
    help = "Say what is kept since when, and how much of the log's beginning nothing keeps any more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say it; there is no other way yet")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["dry_run"]:
            raise CommandError("nothing is pruned by this version; add --dry-run to see what could be")
        for one in kept():
            oldest = f"since {one.oldest:%Y-%m-%d}" if one.oldest else "none yet"
            self.stdout.write(f"{one.name}: {one.days} days at least, {oldest}")
        found = prunable()
        self.stdout.write(f"{found.below} entries could go; stopped by {found.stopped_by}")
