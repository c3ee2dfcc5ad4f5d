"""manage.py audit_prune [EVENT] [--dry-run]: carries out a pruning that somebody ordered. Login: router."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.keeping import kept, orders, prunable, pruned
from audit.retention import RetentionRefused, prune


class Command(BaseCommand):
    help = (
        "Delete the entries that an order names: the newest retention.pruned, or EVENT. The keeper does it by itself "
        "for what a person orders at /audit/retention/ or with audit_retention; this does it by hand. --dry-run says "
        "what is kept and what could go."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("event", nargs="?", type=UUID, help="the order's event; the newest if left out")
        parser.add_argument("--dry-run", action="store_true", help="only say it; log in as auditor for it if you like")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._tell()
            return
        event = options["event"] or next((one.id for one in orders(1)), None)
        if event is None:
            raise CommandError("nothing was ordered")
        try:
            count = prune(event)
        except RetentionRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{count} entries pruned by event {event}; the smallest whole index is {pruned().min_index}")

    def _tell(self) -> None:
        for one in kept():
            oldest = f"since {one.oldest:%Y-%m-%d}" if one.oldest else "none yet"
            self.stdout.write(f"{one.name}: {one.period}, {oldest}")
        found = prunable()
        self.stdout.write(f"{found.count} entries could go, below {found.below}; stopped by {found.stopped_by}")
