"""A scripted reviewer: signs in, reads the queue, opens each item, looks as long as the desk asks, decides."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlsplit

from tests.journey.http import Browser, Form, Page
from tests.journey.plan import Board, Row

PAUSE = 0.4  # seconds between two looks at a queue that has nothing for this person
REASON = "The truth file says that this call is not what the customer's case needs."
FITS = "It is what the case needs."
LOOK_AGAIN = {409, 422, 429, 503}  # another look later may succeed

Settler: TypeAlias = Callable[[str], tuple[bool, str]]  # action -> whether it happened, and how one knows


@dataclass
class Reviewer(threading.Thread):
    """One person at work until `stop` is set. What breaks the script is kept in `broken`."""

    browser: Browser
    password: str
    board: Board
    stop: threading.Event
    queries: tuple[str, ...] = ("",)
    settler: Settler | None = None

    def __post_init__(self) -> None:
        super().__init__(name=self.browser.name, daemon=True)
        self.broken: BaseException | None = None
        self.decisions = 0
        self._turn = 0

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        try:
            self.browser.sign_in(self.password)
            while not self.stop.is_set():
                if not self._round():
                    self.stop.wait(PAUSE)
        except BaseException as error:  # noqa: BLE001  told by the main thread, which ends the journey
            self.broken = error
        finally:
            self.browser.close()

    def _round(self) -> bool:
        """One look at the queue and everything in it that is this person's. False if there was nothing."""
        busy = self._settle(self.settler) if self.settler else False
        query = self.queries[self._turn % len(self.queries)]
        self._turn += 1
        page = self.browser.get(f"/queue/?q={query}")
        _demand(page, "the queue")
        mine = rows(page)
        while not self.stop.is_set() and (found := self.board.take(mine, self.name)):
            self._work(*found)
            busy = True
        return busy

    def _work(self, row: Row, key: str) -> None:
        began = self.browser.get(f"/a/{row.ref}/?all=1")  # a long text is read whole before it is approved
        article = next(iter(began.elements(id="detail")), None)
        if began.status == 404:
            self.board.decline(row, self.name)
            return
        _demand(began, row.ref)
        asked = bool(began.elements(aria_label="Open question"))
        if article is None or asked or article.attributes.get("data-state") != "pending":
            self.board.give_back(row)
            return
        dwell = float(article.attributes.get("data-dwell") or 0.4)
        time.sleep(max(0.0, began.received + dwell + 0.02 - time.monotonic()))
        {"approve": self._approve, "reject": self._reject, "edit": self._edit, "ask": self._ask, "undo": self._undo}[
            self.board.deed(key)
        ](row, began)

    def _approve(self, row: Row, page: Page) -> None:
        answer = self._post(row, page, "decide", verdict="approve", rationale=FITS)
        self._close(row, answer)

    def _reject(self, row: Row, page: Page) -> None:
        self._close(row, self._post(row, page, "decide", verdict="reject", rationale=REASON))

    def _edit(self, row: Row, page: Page) -> None:
        payload = json.dumps(self.board.special.correction, default=str)
        answer = self._post(
            row, page, "edit", payload=payload, approve="1", rationale="Corrected to what the case needs."
        )
        if self._close(row, answer):
            self.board.done.edited = row.action

    def _ask(self, row: Row, page: Page) -> None:
        answer = self._post(row, page, "ask", text="What did the customer say last before this call?")
        if self._accepted(row, answer):
            self.board.done.asked = row.action
            self.board.give_back(row)

    def _undo(self, row: Row, page: Page) -> None:
        """Approves, has second thoughts, takes it back within the window; the item then comes again.

        Where the machine was too slow for the window the approval stands, and another call is taken back.
        """
        after = self._post(row, page, "decide", verdict="approve", rationale=FITS, next=f"/a/{row.ref}/")
        if not self._close(row, after):
            return
        form = after.form("/undo/")
        if form is not None and not self.board.done.undone and self.browser.send(form, after).status < 400:
            self.board.done.undone = row.action
            self.decisions -= 1
            self.board.open_again(row)

    def _post(self, row: Row, page: Page, verb: str, **fields: str) -> Page:
        """A verb's form: the hidden fields that every form of the page carries, and what the person says."""
        carried = page.form(f"/a/{row.ref}/claim/") or page.form(f"/a/{row.ref}/comment/")
        if carried is None:
            raise AssertionError(f"{row.ref}: the page has no form\n{page.text[:2000]}")
        form = Form(
            f"/a/{row.ref}/{verb}/", "post", [(n, v) for n, v in carried.fields if n not in {"release", "text"}]
        )
        answer = self.browser.post(form, page, fields)
        if answer.status == 422 and answer.elements(data_code="step_up_needed"):
            answer = self.browser.post(form, page, {**fields, "confirm": self.password})
        return answer

    def _close(self, row: Row, answer: Page) -> bool:
        if not self._accepted(row, answer):
            return False
        self.decisions += 1
        self.board.finish(row)
        return True

    def _accepted(self, row: Row, answer: Page) -> bool:
        """Whether the desk took it; if not, the item goes back to who may still decide it."""
        if answer.status < 400:
            return True
        self.board.done.refusals.append(f"{self.name} {row.ref}: {answer.status} {answer.alerts()[:200]}")
        if answer.status in LOOK_AGAIN:
            self.board.give_back(row)
        elif answer.status in {403, 404}:
            self.board.decline(row, self.name)
        else:
            raise AssertionError(f"{row.ref}: {answer.status}\n{answer.text[:2000]}")
        return False

    def _settle(self, settler: Settler) -> bool:
        """What is in doubt is settled by looking into the other system."""
        page = self.browser.get("/queue/?q=is:in_doubt")
        found = [row for row in rows(page) if row.action not in self.board.done.settled] if page.status == 200 else []
        for row in found:
            happened, note = settler(row.action)
            address = f"/action/{row.action}/settle/"
            asked = self.browser.get(address)
            form = asked.form("/settle/")
            if form is None:
                continue
            answer = self.browser.send(form, asked, happened="1" if happened else "0", note=note, rationale=note)
            if answer.status < 400:
                self.board.done.settled[row.action] = happened
            else:
                self.board.done.refusals.append(f"settle {row.ref}: {answer.status} {answer.alerts()[:200]}")
        return bool(found)


def rows(page: Page) -> list[Row]:
    """The lines of a queue page."""
    return [
        Row(element.attributes["data-ref"], element.attributes["data-action"], element.attributes.get("data-type", ""))
        for element in page.elements(data_ref="", data_action="")
        if element.tag == "tr"
    ]


def _demand(page: Page, what: str) -> None:
    if page.status >= 400:
        raise AssertionError(
            f"{what}: {urlsplit(page.url).path} answered {page.status}: {page.alerts() or page.text[:1000]}"
        )
