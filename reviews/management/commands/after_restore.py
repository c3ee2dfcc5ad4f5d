"""manage.py after_restore OLD_FOLDER --by NAME: makes good what a restore lost. Login: web."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from audit.ids import id_in
from audit.restoring import Lost, NotRestored, erase_again, lost_events
from reviews.errors import AlreadyDecided, DeskError
from reviews.models import Action, User
from reviews.services import By
from reviews.services.stops import place_stop

REASON = "The database was restored from a backup; effects after it may have happened."
BEGUN = {"attempt.begun", "attempt.finished", "attempt.in_doubt", "attempt.settled"}


class Command(BaseCommand):
    help = (
        "After log_reopen: stop everything, erase again what later events erased, and list the actions whose events "
        "were lost. Start executors and drain only when a lead has settled them and lifted the stop."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("previous", type=Path, help="the old log's anchor folder; it is only read")
        parser.add_argument("--by", required=True, help="username of the lead who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        lead = User.objects.filter(username=options["by"], is_active=True).first()
        if lead is None:
            raise CommandError(f"there is no open account {options['by']!r}")
        try:
            lost = lost_events(options["previous"])
            self._stop(By(lead, auth="command", stepped_up_at=now()))
        except (NotRestored, DeskError) as error:
            raise CommandError(str(error)) from error
        again = erase_again(lost)
        self.stdout.write(f"{lost.size - lost.restored} events were lost. Erased again: {again.erased} texts.")
        for event, field, why in again.left:
            self.stdout.write(f"  still here: {field} of {event}: {why}")
        for line in [*_to_repeat(lost), *_to_settle(lost)]:
            self.stdout.write(line)

    def _stop(self, by: By) -> None:
        try:
            place_stop(reason=REASON, by=by)
            self.stdout.write("Everything is stopped.")
        except AlreadyDecided:
            self.stdout.write("Everything was stopped already.")


AGAIN = {
    "hold.placed": "a legal hold was placed; place it again before anything is erased",
    "hold.lifted": "a legal hold was lifted",
    "retention.changed": "a period was set",
    "retention.pruned": "old entries were to be pruned; what is back may be ordered again",
}


def _to_repeat(lost: Lost) -> Iterator[str]:
    """What people had said about keeping and letting go, and what the backup does not know."""
    told = [leaf for leaf in lost.leaves if leaf["name"] in AGAIN]
    if told:
        yield "Lost, and not repeated by itself:"
    for leaf in told:
        data = leaf["data"]
        about = data.get("target") or data.get("scope") or data.get("name") or f"below index {data.get('below')}"
        yield f"  {leaf['at'][:10]} {AGAIN[leaf['name']]} ({about}, by {leaf['actor']['ref']})"


def _to_settle(lost: Lost) -> Iterator[str]:
    """Each action with lost events: what it is here, and what the log said last."""
    cases = {case: leaves for case, leaves in lost.cases().items() if case.startswith("action:")}
    if cases:
        yield "A lead settles these, then lifts the stop:"
    for case, leaves in cases.items():
        action = id_in(case, "action")
        row = Action.objects.filter(pk=action).first() if action else None
        state = row.state if row else "not here"
        told = ", ".join(leaf["name"] for leaf in leaves)
        warning = "  ITS EFFECT MAY HAVE HAPPENED" if BEGUN & {leaf["name"] for leaf in leaves} else ""
        yield f"  {case}: here {state}; lost: {told}{warning}"
