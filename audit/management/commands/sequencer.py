"""manage.py sequencer: orders, signs and publishes the record. Login: sequencer."""

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import anchors, cosigning, policies
from audit.anchoring import newest_copy, read_back
from audit.notes import BadNote, Checkpoint, MlDsaSigner, Signer
from audit.sequencer import Refused, Sequencer, retiring_path

logger = logging.getLogger(__name__)
AnySigner = TypeVar("AnySigner", bound=Signer)


class Command(BaseCommand):
    help = "Give committed events their place in the Merkle tree, sign its heads and publish them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--poll", type=float, default=0.1, help="seconds between looks at an empty queue")

    def handle(self, *args: Any, **options: Any) -> None:
        if not 0.001 <= options["poll"] <= 60:
            raise CommandError("--poll is a number of seconds from 0.001 to 60")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        signer, second = _key(Signer, settings.LOG_KEY), None
        if settings.LOG_KEY_ML_DSA is not None:
            second = _key(MlDsaSigner, settings.LOG_KEY_ML_DSA)
        try:
            Sequencer(
                signer, settings.ANCHOR_DIR, options["poll"], retiring=_retiring(), second=second, elsewhere=_elsewhere
            ).run(stop)
        except Refused as error:
            raise CommandError(f"the sequencer refuses to sign: {error}", returncode=3) from error


def _key(kind: type[AnySigner], path: Path) -> AnySigner:
    """This log's key of one kind, able to sign."""
    try:
        signer = kind.read(path)
    except BadNote as error:
        raise CommandError(str(error)) from error
    if signer.name != settings.LOG_ORIGIN:
        raise CommandError(f"the key signs for {signer.name}, this log is {settings.LOG_ORIGIN}")
    return signer


def _retiring() -> Signer | None:
    """The key before this one, if `log_key --rotate` put it aside and the log does not say yet that it is over."""
    path = retiring_path(settings.LOG_KEY)
    try:
        return Signer.read(path) if path.exists() else None
    except BadNote as error:
        raise CommandError(str(error)) from error


def _elsewhere() -> Iterator[tuple[str, Checkpoint]]:
    """What each place outside has; one that does not answer is said, and holds nothing up."""
    try:
        places = anchors.read(settings.ANCHORS)
        witnesses = cosigning.cosigners(policies.read(settings.LOG_POLICY))
    except (anchors.BadAnchor, policies.BadPolicy) as error:
        raise CommandError(f"ASSENTRY_ANCHORS or ASSENTRY_LOG_POLICY: {error}") from error
    for place in places:
        try:
            if found := read_back(place):
                yield place.name, found
        except anchors.AnchorFailed as error:
            logger.warning("sequencer: %s cannot be compared with: %s", place.name, error)
    yield from _witnessed(witnesses)


def _witnessed(witnesses: Sequence[cosigning.Cosigner]) -> Iterator[tuple[str, Checkpoint]]:
    """A witness tells how far it has seen; what it saw there it compares itself when it is asked to cosign."""
    copy = newest_copy()
    for witness in witnesses if copy else ():
        try:
            seen = witness.seen(copy) if copy else 0
        except anchors.AnchorFailed as error:
            logger.warning("sequencer: %s cannot be compared with: %s", witness.name, error)
            continue
        if copy and seen > copy.size:
            yield witness.name, Checkpoint(copy.origin, seen, b"")
