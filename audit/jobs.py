"""Exports, verifications and prunings that somebody asked for. web writes the request, the keeper's process works."""

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit import events, queries, verify
from audit.anchors import AnchorFailed, Directory
from audit.entries import Actor, prepare
from audit.export import ExportFailed, Request, export
from audit.ids import uuid7
from audit.models import Job
from audit.reconcile import reconcile
from audit.retention import RetentionRefused, is_signed, order, prune
from audit.services import fresh, record

KEEP = 20
MOST_CASES = 2_000  # of one filtered export
PATIENCE, LOOK = 60.0, 0.25  # seconds that a pruning waits for the signature over its order, and between two looks
TAKE = """
    UPDATE audit.job SET state = 'running', started = clock_timestamp()
    WHERE id = (SELECT id FROM audit.job WHERE state = 'waiting' ORDER BY created LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""
GIVE_UP = """
    UPDATE audit.job SET state = 'failed', finished = clock_timestamp(), result = '{"error": "its process ended"}'
    WHERE state = 'running' AND started < clock_timestamp() - interval '2 hours'
"""
DAILY = """
    INSERT INTO audit.job (id, kind, requested_by) SELECT %s, 'verify', 'keeper'
    WHERE (SELECT min(at) FROM audit.event) < clock_timestamp() - interval '1 day'
      AND NOT EXISTS (SELECT FROM audit.job
                      WHERE kind = 'verify' AND created > clock_timestamp() - interval '1 day')
"""
OUTCOMES: dict[int, Literal["valid", "tampered", "cannot_judge"]] = {0: "valid", 1: "tampered", 2: "cannot_judge"}


@transaction.atomic
def request_verify(*, actor: Actor) -> UUID:
    """Ask for a verification of the whole log."""
    return _insert("verify", actor, {})


def request_daily() -> bool:
    """Ask for a verification if the log is over a day old and had none for a day. Login: router."""
    with connection.cursor() as cursor:
        cursor.execute(DAILY, [uuid7()])
        asked: bool = cursor.rowcount == 1
    return asked


@transaction.atomic
def request_export(
    *,
    actor: Actor,
    cases: list[str] | None,
    opened: Sequence[str],
    reason: str,
    filters: Mapping[str, str] | None = None,
    request: str = "",
) -> UUID:
    """Ask for an export. That it was asked for, and which texts it opens, is itself an event."""
    narrowed = dict(filters or {})
    job = _insert("export", actor, {"cases": cases, "filters": narrowed, "opened": list(opened)})
    data = events.AuditExported(job=str(job), filters={"cases": cases, **narrowed}, opened=list(opened))
    entry = prepare(
        name=events.EventName.AUDIT_EXPORTED,
        data=data,
        chain=fresh(f"job:{job}"),
        actor=actor,
        request=request,
        content={"reason": reason},
    )
    record([entry])
    return job


@transaction.atomic
def request_pruning(
    *, classes: Sequence[str], below: int | None, seen: bytes | None, reason: str, actor: Actor, request: str = ""
) -> UUID:
    """Order a pruning and ask the keeper to carry it out. Raises RetentionRefused, NotFresh."""
    ordered = order(classes=classes, below=below, seen=seen, reason=reason, actor=actor, request=request)
    return _insert("prune", actor, {"order": str(ordered), "classes": list(classes)})


def _insert(kind: str, actor: Actor, params: Mapping[str, Any]) -> UUID:
    job = uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit.job (id, kind, requested_by, params) VALUES (%s, %s, %s, %s)",
            [job, kind, actor.ref, json.dumps(params)],
        )
    return job


def run_next_job() -> bool:
    """Carry out one waiting job, if there is one. Login: router. The job's row tells how it went."""
    with connection.cursor() as cursor:
        cursor.execute(GIVE_UP)
        cursor.execute(TAKE)
        row = cursor.fetchone()
    if row is None:
        return False
    job = Job.objects.get(id=row[0])
    try:
        result = WORK[job.kind](job)
    except Exception as error:  # the page must say what happened, whatever it was
        _update(job.id, state="failed", result={"error": f"{type(error).__name__}: {error}"[:500]})
        raise
    _update(job.id, state="done", result=result)
    return True


def folder() -> Path:
    """Where exports wait to be fetched."""
    return Path(settings.STATE_DIR) / "exports"


def _make(job: Job) -> Path:
    place = folder() / str(job.id)
    filters = job.params.get("filters") or {}
    cases = job.params.get("cases") or (_chosen(filters) if filters else None)
    request = Request(cases=cases, fields=job.params.get("opened"), filters=filters)
    _forget_old()
    export(place, request, lambda done, total: _progress(job.id, "export", done, total))
    return place


def _chosen(filters: Mapping[str, Any]) -> list[str]:
    """The cases that the filters choose; an export of single cases proves each of their events."""
    moments = {name: datetime.fromisoformat(filters[name]) for name in ("since", "until") if name in filters}
    found = queries.matching_cases(queries.Filters(**{**filters, **moments}), MOST_CASES)
    if not found:
        raise ExportFailed("no case matches these filters")
    if len(found) > MOST_CASES:
        raise ExportFailed(f"more than {MOST_CASES} cases match; take a shorter time, or export the whole log")
    return found


def _export(job: Job) -> dict[str, Any]:
    """Rows and record are compared first. An export is made in any case: it is what others judge by."""
    differing = reconcile()
    if differing:
        _say_verified(job.id, _signed() | {"exit": 1, "findings": differing})
    place = _make(job)
    archive = place.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pack:
        for path in sorted(p for p in place.rglob("*") if p.is_file()):
            pack.write(path, Path(f"export-{job.id}") / path.relative_to(place))
    shutil.rmtree(place)
    told = {"reconciled": _names(differing), "findings": differing}
    return {"file": archive.name, "bytes": archive.stat().st_size, **told}


def _names(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    return [finding["name"] for finding in findings]


def _signed() -> dict[str, Any]:
    newest = queries.newest_checkpoint()
    return {"size": 0, "root": bytes(32).hex()} if newest is None else {"size": newest.size, "root": newest.root.hex()}


def _verify(job: Job) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as kept:
        copies = _copies_outside(Path(kept))  # before the export: a later copy may know more than the export does
        place = _make(job)
        try:
            found = _run_verifier(job.id, place, copies)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    found = _with_reconciliation(found)
    _say_verified(job.id, found)
    return found


def _prune(job: Job) -> dict[str, Any]:
    """Once the order lies under a signed checkpoint; what may go is judged again by the database."""
    ordered, until = UUID(job.params["order"]), time.monotonic() + PATIENCE
    _progress(job.id, "sign", 0, 0)
    while not is_signed(ordered):
        if time.monotonic() > until:
            raise RetentionRefused("the order has no signed checkpoint; is the sequencer running? Then order it again")
        time.sleep(LOOK)
    _progress(job.id, "prune", 0, 0)
    return {"order": str(ordered), "pruned": prune(ordered)}


def _copies_outside(folder: Path) -> list[str]:
    """The newest checkpoint of the publication folder and of each folder elsewhere that this login can read."""
    texts = []
    with contextlib.suppress(OSError):
        texts.append((Path(settings.ANCHOR_DIR) / "checkpoint").read_text(encoding="utf-8"))
    for place in settings.ANCHORS:
        if place.startswith("dir:"):
            with contextlib.suppress(AnchorFailed):
                texts.append(Directory(Path(place.removeprefix("dir:"))).newest() or "")
    kept = [folder / f"{number}.txt" for number, text in enumerate(texts) if text]
    for path, text in zip(kept, filter(None, texts), strict=True):
        path.write_text(text, encoding="utf-8", newline="\n")
    return [str(path) for path in kept]


def _with_reconciliation(found: dict[str, Any]) -> dict[str, Any]:
    """The verifier's findings, and those that only the database can show: columns that say other than their leaf."""
    known, differing = set(_names(found["findings"])), reconcile()
    more = [finding for finding in differing if finding["name"] not in known]
    found |= {"reconciled": _names(differing)}
    if not more:
        return found
    names = " ".join(_names(more))
    return found | {"exit": 1, "verdict": f"TAMPERED: {names}", "findings": [*found["findings"], *more]}


def _run_verifier(job: UUID, place: Path, copies: Sequence[str]) -> dict[str, Any]:
    """The same file that an outsider runs, as a process of its own."""
    against = ["--against", *copies] if copies else []
    command = [sys.executable, verify.__file__, str(place), "--json", "--progress", *against]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        for line in process.stderr or ():
            if line.startswith("{"):
                seen = json.loads(line)
                _progress(job, "verify", seen["done"], seen["total"])
        answer: dict[str, Any] = json.loads(process.stdout.read() if process.stdout else "")
    return answer


@transaction.atomic
def _say_verified(job: UUID, found: dict[str, Any]) -> None:
    data = events.AuditVerified(
        job=str(job),
        size=found["size"],
        root=bytes.fromhex(found["root"]),
        outcome=OUTCOMES[found["exit"]],
        findings=_names(found["findings"]),
    )
    chain = fresh(f"verification:{job}")
    record([prepare(name=events.EventName.AUDIT_VERIFIED, data=data, chain=chain, actor=Actor("system", "keeper"))])


def _progress(job: UUID, step: str, done: int, total: int) -> None:
    if not connection.in_atomic_block:
        _update(job, progress={"step": step, "done": done, "total": total})


def _update(job: UUID, **values: Any) -> None:
    sets = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in values.items()}
    ended = ", finished = clock_timestamp()" if "state" in values else ""
    columns = ", ".join(f"{name} = %s" for name in sets)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE audit.job SET {columns}{ended} WHERE id = %s", [*sets.values(), job])  # noqa: S608


def _forget_old() -> None:
    """Keep the newest archives only."""
    archives = sorted(folder().glob("*.zip"), key=lambda path: path.stat().st_mtime)
    for path in archives[: -KEEP or None]:
        path.unlink(missing_ok=True)


WORK: dict[str, Callable[[Job], dict[str, Any]]] = {"export": _export, "verify": _verify, "prune": _prune}
