"""manage.py replay_check: would this code replay the journals of runs that are still open? Login: auditor.

For CI and for a deployment: it executes the present code of each agent against recorded journals, reads
only, and runs no step and proposes nothing. What would block a run is reported with both sides.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import OPEN
from agents.rehearsal import Journal, Verdict, rehearse, saved, stored


class Command(BaseCommand):
    help = "Replay recorded runs on the code that is loaded, without effects, and name those that would block."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--save", type=Path, help="write the journals as JSON lines, for CI, and check nothing")
        parser.add_argument("--file", type=Path, help="check journals that --save wrote, not the database's")
        parser.add_argument("--state", action="append", help="only runs in this state; default: those that are open")
        parser.add_argument("--limit", type=int, default=10_000)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"]:
            found: list[Journal | UUID] = list(saved(options["file"].read_text(encoding="utf-8").splitlines()))
        else:
            found = list(stored(states=options["state"] or OPEN, limit=options["limit"]))
        journals = [one for one in found if isinstance(one, Journal)]
        if len(journals) < len(found):
            self.stdout.write(f"{len(found) - len(journals)} runs lie sealed for this login and were not looked at")
        if options["save"]:
            lines = [json.dumps(journal.as_json(), sort_keys=True) + "\n" for journal in journals]
            options["save"].write_text("".join(lines), encoding="utf-8")
            self.stdout.write(f"saved {len(journals)} journals")
            return
        verdicts = [rehearse(journal) for journal in journals]
        self._tell(verdicts)

    def _tell(self, verdicts: list[Verdict]) -> None:
        bad = [verdict for verdict in verdicts if not verdict.fits]
        for verdict in bad:
            self.stdout.write(f"{verdict.run} {verdict.agent} {verdict.version}: {verdict.text}")
        self.stdout.write(f"{len(verdicts)} runs, {len(verdicts) - len(bad)} would replay, {len(bad)} would not")
        if bad:
            raise CommandError("the code does not do what these journals say", returncode=1)
