"""A process that decides a batch as the web login, so that a test can kill it in the middle."""

from __future__ import annotations

import json
import sys
from uuid import UUID

import django


def main() -> None:
    django.setup()
    from datetime import datetime

    from reviews.models import User
    from reviews.schemas import DecisionIn
    from reviews.services import By, batch_decide
    from reviews.states import Verdict

    given = json.loads(sys.stdin.read())
    items = [(UUID(item), version, bytes.fromhex(digest)) for item, version, digest in given["items"]]
    sys.stdout.write("begin\n")
    sys.stdout.flush()
    decision = DecisionIn(verdict=Verdict.APPROVE, reason_code="checked")
    by = By(User.objects.get(username=given["by"]))
    done = batch_decide(items=items, decision=decision, by=by, opened_at=datetime.fromisoformat(given["opened_at"]))
    sys.stdout.write(json.dumps([one.result for one in done.results]) + "\n")


if __name__ == "__main__":
    main()
