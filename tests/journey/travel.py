"""One journey: start everything from nothing, let people work and faults strike, account for what happened."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from agents import ledger, tools
from config import machine
from config.desk import Desk
from config.installation import PREFERRED
from config.profiles import PROFILES, describe
from config.state import ROOT
from tests.journey.account import Account, against_the_log, against_the_truth, settle_up, write_down
from tests.journey.faults import Fault
from tests.journey.http import Browser, File, Page
from tests.journey.plan import Board, choose, deadline
from tests.journey.record import Record
from tests.journey.reviewer import Reviewer
from tests.journey.truth import Material

REVIEWERS = ("ada", "grace", "noor")
SETTLER = "grace"
FAULTS = ("agents", "executors", "redis")
PATIENCE = 400.0  # seconds until whatever still waits is a failure
MOST_TOLD = 30
WAITING = ("proposed", "pending", "approved")
ENDED = ("finished", "failed", "blocked", "cancelled")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Broken(Exception):
    """The journey cannot go on; the text says why."""


class Journey:
    """One journey in a state folder of its own, which it empties first."""

    def __init__(self, material: Material, state: Path) -> None:
        self.material, self.state, self.began = material, state, time.monotonic()
        self.ledger = state / "ledger.sqlite"
        self.desk = Desk(state, profile="journey", environ={"ASSENTRY_LEDGER": str(self.ledger)}, tell=self.tell)
        self.special = choose(material)
        self.stop = threading.Event()
        self.record: Record | None = None
        self.looking = threading.Lock()  # one look at the record at a time
        self.complaints: list[str] = []

    def tell(self, text: str) -> None:
        say(f"[{time.monotonic() - self.began:5.1f} s] {text}")

    # From nothing.

    def start(self) -> None:
        """An empty state folder, every process under its own login, and a connection as auditor."""
        self._empty()
        say("Timing profile journey, shorter than in use:")
        say("  " + ", ".join(f"{name}={value}" for name, value in describe(PROFILES["journey"]).items()))
        for refusal in self.material.refusals[:MOST_TOLD]:
            say(f"refused: {refusal}")
        self.desk.start()
        self.tell(f"every process runs at {self.desk.url}: {', '.join(sorted(self.desk.pids()))}")
        self.words = json.loads((self.desk.place.secrets / "sign-ins.json").read_text(encoding="utf-8"))
        place = self.desk.place
        password = (place.secrets / "auditor").read_text(encoding="utf-8").strip()
        self.url = f"postgresql://assentry_auditor:{password}@{machine.HOST}:{place.ports['postgres']}/assentry"
        self.record = Record(self.url)

    def _empty(self) -> None:
        if self.state.exists():
            self.desk.stop()
        for folder in dict.fromkeys((machine.data_root(self.state), self.state)):
            if folder.exists():
                shutil.rmtree(folder)
        self.state.mkdir(parents=True, mode=0o700)
        # Ports of its own: a demo beside it, or one that starts at the same moment, has the usual ones.
        ports = {name: machine.free_port() for name in PREFERRED}
        machine.write_private(self.state / "ports.json", json.dumps(ports))

    @property
    def seen(self) -> Record:
        if self.record is None:
            raise Broken("the desk never came up")
        return self.record

    # The lead brings the file in.

    def bring_in(self) -> None:
        """Uploads the file on the import page and starts its runs there, as a person would."""
        lead = Browser(self.desk.url, "lin")
        lead.sign_in(self.words["lin"])
        page = lead.get("/import/")
        form = next(form for form in page.forms if form.action in {"", "/import/"} and "ready" not in form.names())
        given = File(self.material.name, self.material.data)
        page = _fine(lead.send(form, page, file=("file", given)), "reading the file")
        asked = page.form("/start/")
        if asked is None:
            raise Broken(f"the import page does not ask which tools act: {page.alerts()}")
        _fine(lead.post(asked, page, self._choices(page, asked.fields)), "starting the runs")
        lead.close()
        runs = sum(self.seen.runs().values())
        self.tell(f"{runs} runs started; {self.material.rarest} expires after {deadline(self.material)} s")

    def _choices(self, page: Page, fields: list[tuple[str, str]]) -> dict[str, str]:
        """The guesses as they stand, but a short deadline for the rarest tool, and no tool beyond medium risk:

        what needs two people of high authority would need more than these three reviewers.
        """
        names = [row.attributes["data-tool"] for row in page.elements(data_tool="")]
        risky = {name: "medium" for name, value in fields if name.startswith("risk-") and value in {"high", "critical"}}
        return risky | {f"within-{names.index(self.material.rarest)}": str(deadline(self.material))}

    # People work, faults strike.

    def work(self) -> None:
        """Three reviewers at once until every run has ended, while each fault strikes once."""
        self.board = Board(self.material, self.special, _keys(self.seen, self.looking))
        self.people = [self._reviewer(name) for name in REVIEWERS]
        admin = self.desk.valkey_admin_url
        self.faults = [
            Fault(kind, self.url, admin, self.desk.pids, self.stop, self.ledger, self._hope) for kind in FAULTS
        ]
        threads: list[Reviewer | Fault] = [*self.faults, *self.people]
        for thread in threads:
            thread.start()
        try:
            self._until_over(threads)
        finally:
            self.stop.set()
            for thread in threads:
                thread.join(timeout=35)
        requests = sum(person.browser.requests for person in self.people)
        self.tell(
            f"{sum(p.decisions for p in self.people)} decisions by {len(self.people)} reviewers, {requests} requests"
        )

    def _hope(self) -> bool:
        """Whether the executor's killer may wait for a call that must not be repeated.

        It may while such a right call is still to come and half of all right calls are, so that in the end
        it strikes in any case.
        """
        with self.looking:
            cases = self.seen.cases()
        right = [case for case in cases if self.material.right(case.key)]
        waiting = [case for case in right if case.state in WAITING]
        expected = sum(self.material.right(key) for key in self.material.keys)
        late = 2 * (expected - len(right) + len(waiting)) < expected
        return not late and (len(cases) < len(self.material.keys) or any(case.mode == "once" for case in waiting))

    def _reviewer(self, name: str) -> Reviewer:
        """Each reads the whole queue; the settler also looks after what expires soon and what is in doubt."""
        browser = Browser(self.desk.url, name)
        if name != SETTLER:
            return Reviewer(browser, self.words[name], self.board, self.stop)
        inventory = tools.inventory(self.material.conversations, prefix=tools.prefix_of(self.material.name))
        rare = next(tool.type for tool in inventory if tool.name == self.material.rarest)
        return Reviewer(browser, self.words[name], self.board, self.stop, (f"type:{rare}", ""), self._look_outside)

    def _look_outside(self, action: str) -> tuple[bool, str]:
        """Whether the ledger has the effect: what a person does who settles what is in doubt."""
        found = len([row for row in ledger.rows(self.ledger) if row.action == action])
        return bool(
            found
        ), f"The ledger has {found} rows of this action: it {'happened' if found else 'did not happen'}."

    def _until_over(self, threads: Iterable[Reviewer | Fault]) -> None:
        """Until every run ended and nothing waits, since then no more can come."""
        deadline, told = time.monotonic() + PATIENCE, time.monotonic()
        while not self._over():
            for thread in threads:
                if thread.broken is not None:
                    raise Broken(f"{thread.name}: {thread.broken}") from thread.broken
            self.desk.watch()
            if time.monotonic() > deadline:
                self.complaints.append(f"after {PATIENCE:.0f} s work was still open: {self._where()}")
                return
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.tell(self._where())
            time.sleep(0.25)

    def _over(self) -> bool:
        with self.looking:
            runs = self.seen.runs()
            return sum(runs.get(state, 0) for state in ENDED) == sum(runs.values()) and not self.seen.unfinished()

    def _where(self) -> str:
        with self.looking:
            return f"runs {self.seen.runs()}, actions {dict(Counter(case.state for case in self.seen.cases()))}"

    # What came of it.

    def account(self) -> Account:
        """Compares ledger and decisions, and writes both down beside the export."""
        cases, votes, effects = self.seen.cases(), self.seen.votes(), ledger.rows(self.ledger)
        write_down(self.state, votes=votes, effects=effects, cases=cases)
        runs, doubted, edited = self.seen.runs(), self.seen.doubted(), self.seen.edited()
        account = settle_up(
            cases=cases, votes=votes, effects=effects, doubted=doubted, runs=sum(runs.values()), edited=edited
        )
        self.complaints += account.complaints
        self.complaints += against_the_truth(votes, self.material, self.board.done)
        self.complaints += self._shortfall(runs, account)
        self._tell_what_happened()
        return account

    def _shortfall(self, runs: dict[str, int], account: Account) -> list[str]:
        """What this journey promised and did not do."""
        talks, calls = len(self.material.conversations), len(self.material.keys)
        policy, done = self.seen.policy_approvals(), self.board.done
        checks = (
            (set(runs) - {"finished"}, f"not every run finished: {runs}"),
            (account.runs != talks, f"{talks} conversations, but {account.runs} runs"),
            (account.actions != calls, f"{calls} calls act on the world, but {account.actions} were parked"),
            (policy, f"{policy} calls were approved by policy, not by a person"),
            (self.special.edit and not done.edited, "no call was edited"),
            (self.special.ask and not done.asked, "no call was asked about"),
            (self.special.undo and not done.undone, "no decision was taken back"),
            (self.special.expire and not account.expired, "no call expired"),
            *((not fault.struck.open, f"the fault {fault.kind} never struck") for fault in self.faults),
        )
        return [text for wrong, text in checks if wrong]

    def _tell_what_happened(self) -> None:
        for fault in self.faults:
            if fault.struck.open:
                self.tell(f"fault {fault.kind}: {fault.struck.open} ({fault.struck.detail})")
        for action, happened in self.board.done.settled.items():
            self.tell(f"in doubt, settled by the ledger: {action} {'happened' if happened else 'did not happen'}")
        for line in self.board.done.refusals[:MOST_TOLD]:
            self.tell(f"refused at the desk: {line}")

    def verify(self) -> str:
        """Waits until the log is signed to its end, exports it, and has it judged by a bare Python."""
        folder = self.state / "export"
        self._until_signed()
        self._manage("audit_export", str(folder))
        key, checkpoint = folder / "log.pub", folder / "checkpoint"
        key.write_text(self._manage("log_key", "--if-missing"), encoding="utf-8")
        shutil.copyfile(self.state / "anchor" / "checkpoint", checkpoint)
        judge = [str(ROOT / "audit" / "verify.py"), str(folder), "--key", str(key), "--against", str(checkpoint)]
        done = subprocess.run(
            [sys.executable, "-I", "-S", *judge], capture_output=True, text=True, check=False, cwd="/",
            env={"PATH": os.defpath},
        )  # fmt: skip
        for line in (done.stdout + done.stderr).strip().splitlines()[-8:]:
            self.tell(f"verify.py: {line}")
        self.complaints += against_the_log(self.seen.votes(), folder / "events.jsonl")
        return {0: "VALID", 1: "TAMPERED"}.get(done.returncode, "UNJUDGED")

    def _until_signed(self) -> None:
        deadline = time.monotonic() + 20
        while not self.seen.signed_to_the_end():
            if time.monotonic() > deadline:
                raise Broken("the sequencer did not place and sign the last events within 20 s")
            time.sleep(0.1)

    def _manage(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *command], cwd=ROOT, env=self.desk.environment("auditor"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"manage.py {command[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def close(self) -> None:
        self.stop.set()
        if self.record is not None:
            self.record.close()
        self.desk.stop()


def _fine(page: Page, what: str) -> Page:
    if page.status >= 400:
        raise Broken(f"{what}: {page.status} {page.alerts() or page.text[:2000]}")
    return page


def _keys(record: Record, lock: threading.Lock) -> Callable[[str], str | None]:
    """From an action to the name of its call, looked up again when an unknown one turns up. Safe for threads."""
    known: dict[str, str] = {}

    def find(action: str) -> str | None:
        with lock:
            if action not in known:
                known.update({case.id: case.key for case in record.cases()})
            return known.get(action)

    return find
