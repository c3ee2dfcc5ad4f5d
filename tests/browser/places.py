"""Every page of the reviewers' desk, with something on it."""

from __future__ import annotations

from reviews.models import Item
from tests import build
from tests.browser import scene


def furnish(house: build.House) -> list[Item]:
    """A day's work in every state; the newest item is hostile."""
    build.in_doubt(house)  # first: it leases whatever is released
    decided = build.pending(house, "refund.issue")
    build.decide(house, decided, name="lin")
    items = scene.fill(house, 24)
    return [*items, build.item_of(decided.action_id), scene.hostile(house)]


def address(items: list[Item], kind: str, rest: str = "") -> str:
    return f"/a/ACT-{next(item.ref for item in items if item.action.type_id == kind)}/{rest}"


def addresses(items: list[Item]) -> dict[str, str]:
    """What a lead calls a page, and where it is."""
    decided = next(item.action_id for item in items if item.action.state != "pending")
    return {
        "queue": "/queue/",
        "filtered": "/queue/?q=risk:high,medium+conf:0.40..1.00",
        "empty": "/queue/?q=nothinglikeit",
        "bad query": "/queue/?q=rsk:high",
        "decided": "/queue/?q=is:decided",
        "in doubt": "/queue/?q=is:in_doubt",
        "views": "/views/",
        "new view": "/views/new/",
        "detail": address(items, "refund.issue"),
        "critical detail": address(items, "account.close"),
        "hostile detail": f"/a/ACT-{items[-1].ref}/",
        "decided detail": f"/action/{decided}/",
        "print": address(items, "refund.issue", "print/"),
        "approve": address(items, "files.delete", "decide/?verdict=approve"),
        "reject": address(items, "refund.issue", "decide/?verdict=reject"),
        "edit": address(items, "payout.release", "edit/"),
        "ask": address(items, "mail.send", "ask/"),
        "escalate": address(items, "mail.send", "escalate/"),
        "defer": address(items, "mail.send", "defer/"),
        "seed a check": f"/action/{decided}/check/",
        "checks": "/checks/",
        "go to": "/go/",
        "help": "/help/queue/",
        "settings": "/settings/",
        "code generator": "/settings/factors/app/",
        "confirm": "/confirm/?next=/queue/",
        "my day": "/insights/",
        "team": "/insights/team/",
        "queue health": "/insights/queue/",
        "quality": "/insights/quality/",
        "agents": "/insights/agents/",
        "missing": "/nowhere/",
        "runs": "/runs/",
        "start a run": "/runs/start/",
        "import": "/import/",
        "outbox": "/outbox/",
        "integrity": "/audit/",
        "events": "/audit/events/",
        "case": f"/audit/case/action:{decided}/",
        "reports": "/audit/reports/",
        "report": "/audit/reports/R1/",
        "export": "/audit/export/",
    }


# Of whoever looks after people and the record.
OFFICES = {
    "people": "/people/",
    "invite": "/people/invite/",
    "incidents": "/incidents/",
    "erase": "/audit/erase/",
    "erasures": "/audit/erasures/",
    "holds": "/audit/holds/",
    "no reach": "/queue/",
}
