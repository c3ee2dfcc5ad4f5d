"""What policy would do with recorded calls, without starting anything."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from agents.services.trial import Tally, Trial, dry_run
from reviews.errors import InvalidPayload
from reviews.states import Outcome
from reviews.visible import visible

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Shows what policy would do with a file of transcripts, or with --type of proposals. Changes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--type", default="", help="the file holds proposals of this registered type")
        parser.add_argument("--prefix", default="", help="family name of the types of a transcript's tools")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["file"]
        try:
            data = path.read_bytes()
            trial = dry_run(
                data=data, name=path.name, type_name=options["type"], prefix=options["prefix"], now=timezone.now()
            )
        except OSError as error:
            raise CommandError(f"{path} cannot be read: {error.strerror}") from error
        except InvalidPayload as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            json.dumps(as_json(trial), ensure_ascii=False) if options["json"] else "\n".join(table(trial))
        )


def as_json(trial: Trial) -> dict[str, Any]:
    """The trial as plain values."""
    types = {
        name: {
            "known": tally.known,
            "calls": tally.calls,
            "outcomes": dict(tally.outcomes),
            "floors": dict(tally.floors),
            "examples": tally.examples,
        }
        for name, tally in trial.tallies.items()
    }
    refused = [{"name": r.name, "line": r.line, "reason": r.reason} for r in trial.refusals]
    return {"policy_version": trial.policy_version, "types": types, "refused": refused}


def table(trial: Trial) -> list[str]:
    """A line for each type, then what decided, examples, and what was refused."""
    seen = [outcome.value for outcome in Outcome if trial.outcomes[outcome.value]]
    rows = [["type", "calls", *seen, "decided by"]]
    tallies = sorted(trial.tallies.values(), key=lambda tally: (-tally.calls, tally.type))
    rows += [[_label(t), str(t.calls), *(str(t.outcomes[o]) for o in seen), _floors(t)] for t in tallies]
    rows.append(["all", str(sum(t.calls for t in tallies)), *(str(trial.outcomes[o]) for o in seen), ""])
    head = f"Policy version {trial.policy_version or 'as shipped'}; nothing was started or written."
    return [head, "", *_aligned(rows), "", *_examples(tallies), *_refused(trial)]


def _label(tally: Tally) -> str:
    return tally.type if tally.known else f"{tally.type} *"


def _floors(tally: Tally) -> str:
    return ", ".join(f"{name} {count}" for name, count in tally.floors.most_common())


def _aligned(rows: list[list[str]]) -> list[str]:
    """Words to the left, numbers to the right."""
    columns = list(zip(*rows, strict=True))
    words = {0, len(columns) - 1}
    padded = [
        [cell.ljust(width) if n in words else cell.rjust(width) for cell in column]
        for n, column in enumerate(columns)
        for width in (max(map(len, column)),)
    ]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _examples(tallies: list[Tally]) -> list[str]:
    lines = (
        ["* not a type of this desk yet; its risk is guessed from its name", ""]
        if any(not t.known for t in tallies)
        else []
    )
    for tally in tallies:
        for outcome, shown in tally.examples.items():
            lines += [f"{tally.type}, {outcome}:", *(f"  {visible(line)}" for line in shown)]
    return lines


def _refused(trial: Trial) -> list[str]:
    if not trial.refusals:
        return []
    shown = [f"  {visible(str(refusal))}" for refusal in trial.refusals[:MOST_SHOWN]]
    more = len(trial.refusals) - len(shown)
    return ["", f"{len(trial.refusals)} refused:", *shown, *([f"  and {more} more"] if more else [])]
