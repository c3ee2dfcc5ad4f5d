"""The shipped sample, parked as first work and marked as sample wherever it appears."""

from __future__ import annotations

from pathlib import Path

from agents import proposals, uploads
from agents.models import Run
from agents.proposals import Row
from agents.services.importing import bring_in, open_file
from agents.services.starting import start_run
from reviews.models import Principal
from reviews.services import By, propose

CLASSIFIER = "intent-classifier"
CHATS = uploads.SAMPLE / "shop_transcripts.jsonl"
QUESTIONS = uploads.SAMPLE / "questions.jsonl"
LETTERS = uploads.SAMPLE / "mail"


def park_sample(*, mailbox: Path, by: By) -> list[str]:
    """Starts the sample's runs and proposes its questions, once. Returns what was started, in words."""
    if Run.objects.exists():
        return []
    letters = deliver(mailbox)
    start_run(agent="inbox", title="Sample: the inbox", by=by)
    start_run(agent="report", args={"goal": "Sample: the week in three sources"}, title="Sample: a report", by=by)
    opened = open_file(CHATS.read_bytes(), name=CHATS.name)
    done = bring_in(opened=opened, chosen={tool.name: {} for tool in opened.tools if tool.acts}, by=by)
    asked = _questions()
    return [f"{letters} letters", "a report", f"{len(done.runs)} conversations", f"{asked} questions"]


def deliver(mailbox: Path) -> int:
    """Puts the sample's letters into the Maildir, which is made where it is missing."""
    for name in ("cur", "new", "tmp"):
        (mailbox / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    letters = sorted(LETTERS.glob("*.eml"))
    for letter in letters:
        (mailbox / "tmp" / letter.stem).write_bytes(letter.read_bytes())
        (mailbox / "tmp" / letter.stem).rename(mailbox / "new" / f"{letter.stem}.sample")
    return len(letters)


def _questions() -> int:
    principal = Principal.objects.filter(name=CLASSIFIER).first()
    rows = [row for row in proposals.read(QUESTIONS.read_bytes(), type_name="route.question") if isinstance(row, Row)]
    if principal is not None:
        for row in rows:
            propose(proposal=row.proposal, principal=principal.id)
    return len(rows) if principal else 0
