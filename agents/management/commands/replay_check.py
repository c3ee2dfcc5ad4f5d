"""manage.py replay_check: would this code replay the journals of runs that are still open? Login: auditor.

For CI and for a deployment: it executes the present code of each agent against recorded journals, reads
only, and runs no step and proposes nothing. What would block a run is reported with both sides.
"""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import OPEN, STATES
from agents.rehearsal import Journal, Verdict, rehearse, saved, stored


class Command(BaseCommand):
    help = "Replay recorded runs on the code that is loaded, without effects, and name those that would block."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--save", type=Path, help="write the journals as JSON lines, for CI, and check nothing")
        parser.add_argument("--file", type=Path, help="check journals that --save wrote, not the database's")
        parser.add_argument(
            "--state", action="append", choices=STATES, help="only runs in this state; default: those that are open"
        )
        parser.add_argument("--limit", type=int, default=10_000)

    def handle(self, *args: Any, **options: Any) -> None:
        found = _read(options["file"]) if options["file"] else _stored(options["state"], options["limit"])
        journals = [one for one in found if isinstance(one, Journal)]
        if len(journals) < len(found):
            self.stdout.write(f"{len(found) - len(journals)} runs lie sealed for this login and were not looked at")
        if options["save"]:
            lines = [json.dumps(journal.as_json(), sort_keys=True) + "\n" for journal in journals]
            try:
                options["save"].write_text("".join(lines), encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{options['save']} cannot be written: {error.strerror}") from error
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


def _read(path: Path) -> list[Journal | UUID]:
    try:
        return list(saved(path.read_text(encoding="utf-8").splitlines()))
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CommandError(f"{path} holds no journals that --save wrote: {type(error).__name__} {error}") from error


def _stored(states: list[str] | None, limit: int) -> list[Journal | UUID]:
    if limit < 0:
        raise CommandError("--limit is a number of runs: 0 or more")
    return list(stored(states=states or OPEN, limit=limit))
