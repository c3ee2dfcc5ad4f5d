"""Every page of the reviewers' desk, with something on it."""

from __future__ import annotations

from reviews.models import Item
from tests import build
from tests.browser import scene


def furnish(house: build.House) -> list[Item]:
    """A day's work in every state; the newest item is hostile."""
    build.in_doubt(house)  # first: it leases whatever is released
    asked = build.pending(house, "refund.issue")
    build.decide(house, asked, name="lin")
    items = scene.fill(house, 24)
    return [*items, scene.hostile(house)]


def address(items: list[Item], kind: str, rest: str = "") -> str:
    return f"/a/ACT-{next(item.ref for item in items if item.action.type_id == kind)}/{rest}"


def addresses(items: list[Item]) -> dict[str, str]:
    """What a person calls a page, and where it is."""
    return {
        "queue": "/queue/",
        "filtered": "/queue/?q=risk:high,medium+conf:0.40..1.00",
        "empty": "/queue/?q=nothinglikeit",
        "bad query": "/queue/?q=rsk:high",
        "decided": "/queue/?q=is:decided",
        "in doubt": "/queue/?q=is:in_doubt",
        "detail": address(items, "refund.issue"),
        "critical detail": address(items, "account.close"),
        "hostile detail": f"/a/ACT-{items[-1].ref}/",
        "approve": address(items, "files.delete", "decide/?verdict=approve"),
        "reject": address(items, "refund.issue", "decide/?verdict=reject"),
        "edit": address(items, "payout.release", "edit/"),
        "ask": address(items, "mail.send", "ask/"),
        "escalate": address(items, "mail.send", "escalate/"),
        "defer": address(items, "mail.send", "defer/"),
        "go to": "/go/",
        "help": "/help/queue/",
        "insights": "/insights/",
        "missing": "/nowhere/",
        "runs": "/runs/",
        "import": "/import/",
        "integrity": "/audit/",
        "events": "/audit/events/",
    }
