"""One Chromium for all browser tests, and one desk with the timings of production for those of the reviewers' pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from reviews import services
from reviews.ids import new_id
from reviews.models import Decision, Item, User
from reviews.schemas import Proposal, Seen
from tests import build
from tests.browser import chrome, places, scene
from tests.browser.site import Site, site
from tests.logins import as_role

WORDED = {
    "mail.send": "subject", "call.place": "text", "refund.issue": "note", "files.delete": "path",
    "account.close": "customer", "voucher.send": "customer",
}  # fmt: skip
SEED = 200  # what waits beside the items of each test: five types and more, four risks
CHECKS = [
    pytest.mark.browser,
    pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL),
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(**chrome.options())
        yield browser
        browser.close()


@dataclass
class Shop:
    """A running desk and its people. Each test works on items that hold a word of its own."""

    site: Site
    house: build.House
    day: list[Item]  # work in every state, something hostile last

    def items(self, count: int, kind: str = "mail.send", said: str = "", **more: Any) -> tuple[str, list[Item]]:
        """The word, and so many items that hold it, in the order they were proposed."""
        word = said or token_hex(4)
        field = WORDED[kind]
        made = [self._propose(kind, {field: f"{word} {n}"}, **more) for n in range(count)]
        build.route()
        return word, [build.item_of(action) for action in made]

    def add(self, word: str, rest: str) -> None:
        """One more of them, which comes while somebody is looking."""
        self._propose("mail.send", {"subject": f"{word} {rest}"})
        build.route()

    def by_run(self, word: str) -> tuple[Any, Item]:
        """One that a run has proposed, and the run."""
        payload = {**build.PAYLOADS["mail.send"], "subject": f"{word} 0"}
        run, action = build.proposed_by_run(self.house, payload=payload)
        build.route()
        return run, build.item_of(action)

    def answered(self, run: Any, item: Item, **changed: Any) -> None:
        """The run answers what it was asked, with another payload; policy looks at it."""
        asked = item.action.messages.filter(kind="question").latest("number")
        payload = {**build.PAYLOADS["mail.send"], **changed}
        with as_role("agent"):
            services.answer(
                action=item.action_id,
                question=asked.id,
                text="this one",
                payload=payload,
                type_name="mail.send",
                run=run,
            )
        build.route()

    def words_of(self, vote: Decision) -> str:
        """The rationale, as the record holds it."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT reviews_rationale(%s)", [vote.event_id])
            return str(cursor.fetchone()[0])

    def decide_as_seen(self, item: Item, seen: Seen, name: str = "grace") -> Decision:
        """A verdict on what a page showed then, whatever is there now."""
        with as_role("web"):
            return services.decide(item=item.id, seen=seen, decision=build.APPROVE, by=self.house.by(name))

    def send(self, page: Any, address: str, **fields: Any) -> Any:
        """What somebody sends who fills in a form by hand; its hidden fields are those of the page at `address`."""
        text = page.request.get(address).text()
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', text))
        path = address.partition("?")[0]
        return page.request.post(path, form={**hidden, **fields}, headers={"Referer": self.site.url}, max_redirects=0)

    def prefer(self, name: str, **chosen: Any) -> None:
        """What this person has set; nothing chosen is what everybody has at first."""
        User.objects.filter(username=name).update(preferences=chosen)

    def _propose(self, kind: str, changed: dict[str, Any], **more: Any) -> Any:
        payload = {**build.PAYLOADS.get(kind, {}), **scene.PAYLOADS.get(kind, {}), **changed}
        given = {"confidence": 0.8, **more}
        proposal = Proposal(type=kind, payload=payload, dedup_key=str(new_id()), **given)
        with as_role("web"):
            return services.propose(proposal=proposal, principal=self.house.agent.id).id


@pytest.fixture(scope="package")
def shop(django_db_setup: None, django_db_blocker: Any) -> Iterator[Shop]:
    with django_db_blocker.unblock(), site("shop", profile="normal") as found:
        house = scene.furnish()
        day = places.furnish(house)
        scene.fill(house, SEED - len(day))
        yield Shop(found, house, day)


@pytest.fixture
def sign_in(shop: Shop, chromium: Any) -> Iterator[Callable[..., Any]]:
    """`sign_in("ada")` is an empty page in a browser of her own; options go to the browser's context."""
    contexts = []

    def arrive(name: str, **options: Any) -> Any:
        given: dict[str, Any] = {"viewport": {"width": 1400, "height": 900}, "base_url": shop.site.url, **options}
        context = chromium.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        context.add_cookies([session(getattr(shop.house, name), shop.site.url)])
        return page

    yield arrive
    for context in contexts:
        context.close()


def session(user: User, url: str) -> dict[str, str]:
    """The cookie of somebody who has signed in; that signing in works is a test of its own."""
    client = Client()
    user.refresh_from_db()  # its password was set anew, and the session is bound to it
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


def decided(items: list[Item]) -> list[Decision]:
    """The live votes on these items, in the order they were cast."""
    actions = [item.action_id for item in items]
    return list(Decision.objects.filter(action__in=actions, retraction=None).order_by("created_at"))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many of the 25 checks passed; one that was skipped, or has no test, did not."""
    stats = terminalreporter.stats
    ran = {outcome: _checks(stats.get(outcome, [])) for outcome in ("passed", "failed", "error", "skipped")}
    if not any(ran.values()):
        return
    bad = ran["failed"] | ran["error"] | ran["skipped"]
    missing = set(range(1, 26)) - ran["passed"] - bad
    terminalreporter.write_line(
        f"The 25 checks of the desk: {len(ran['passed'] - bad)} passed"
        + "".join(f", {words} {sorted(which)}" for words, which in (("not passed", bad), ("not run", missing)) if which)
    )


def _checks(reports: list[Any]) -> set[int]:
    found = (re.search(r"test_check_(\d\d)", report.nodeid) for report in reports)
    return {int(match.group(1)) for match in found if match}
