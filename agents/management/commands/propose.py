"""Parks the rows of a file as actions of one registered type, in the name of an outside program."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from agents import proposals
from agents.proposals import Row
from agents.services.sampling import CLASSIFIER
from agents.transcripts import Refusal
from audit.receipts import kept
from reviews.errors import Busy, DeskError, GateRefused
from reviews.models import ActionType, Principal, Revision
from reviews.services import propose
from reviews.visible import visible

MOST_SHOWN = 50
CHUNK = 50  # rows that are committed together; each still stands or falls by itself


class Command(BaseCommand):
    help = (
        "Parks the rows of FILE (one JSON object a line) as actions of a type; bad rows are refused by name and line."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--type", required=True, help="a registered action type, such as route.question")
        parser.add_argument("--principal", default=CLASSIFIER, help=f"who proposes (default {CLASSIFIER})")
        parser.add_argument("--limit", type=int, default=None, help="park this many rows at most")
        parser.add_argument(
            "--receipts", type=Path, metavar="FILE", help="write the signed receipts here; - prints them"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        principal = _principal(options["principal"])
        if not ActionType.objects.filter(name=options["type"]).exists():
            raise CommandError(
                f"there is no action type {options['type']!r}; `manage.py sync_registry` makes those in code"
            )
        if options["limit"] is not None and options["limit"] < 0:
            raise CommandError("--limit is a number of rows: 0 or more")
        data = _bytes(options["file"])
        _demand_writable(options["receipts"])
        began, counts = time.monotonic(), Counter[str]()
        rows = proposals.read(data, type_name=options["type"])
        left = options["limit"]
        while left != 0 and (chunk := list(islice(rows, CHUNK if left is None else min(CHUNK, left)))):
            parked, born = counts["parked"], list[UUID]()
            with transaction.atomic():
                for found in chunk:
                    counts[self._one(found, principal, counts, born)] += 1
            if options["receipts"]:
                self._hand_out(born, options["receipts"])
            left = None if left is None else left - (counts["parked"] - parked)
            if sum(counts.values()) % 1000 < CHUNK:
                self._tell(counts, began)
        self._tell(counts, began)
        if counts["refused"] and not counts["parked"] + counts["known"]:
            raise CommandError("no row could be parked")

    def _hand_out(self, born: list[UUID], path: Path) -> None:
        """The receipts of what was parked just now: kept elsewhere, they show that it was there."""
        events = Revision.objects.filter(action__in=born, number=1).values_list("event_id", flat=True)
        text = "".join(kept(list(events)))
        if str(path) == "-":
            self.stdout.write(text, ending="")
            return
        with path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _one(self, found: Row | Refusal, principal: Principal, counts: Counter[str], born: list[UUID]) -> str:
        if isinstance(found, Row):
            try:
                made = propose(proposal=found.proposal, principal=principal.id)
                if made.created:
                    born.append(made.id)
                return "parked" if made.created else "known"
            except (Busy, GateRefused):
                raise
            except DeskError as error:
                found = Refusal(found.name, found.line, str(error))
        if counts["refused"] < MOST_SHOWN:
            self.stderr.write(f"refused: {visible(str(found))}")
        elif counts["refused"] == MOST_SHOWN:
            self.stderr.write("further refusals are only counted")
        return "refused"

    def _tell(self, counts: Counter[str], began: float) -> None:
        seconds = max(time.monotonic() - began, 0.001)
        rate = sum(counts.values()) / seconds
        words = ", ".join(f"{counts[word]:,} {word}" for word in ("parked", "known", "refused"))
        self.stdout.write(f"{words} in {seconds:.1f} s ({rate:,.0f} rows a second)")


def _principal(name: str) -> Principal:
    found = Principal.objects.filter(name=name).first()
    if found is None:
        known = ", ".join(Principal.objects.order_by("name").values_list("name", flat=True)) or "none"
        raise CommandError(f"nobody called {name!r} may propose; known: {known}")
    return found


def _demand_writable(path: Path | None) -> None:
    """Before anything is parked: a receipt that cannot be kept is lost."""
    if path is None or str(path) == "-":
        return
    try:
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}") from error
