"""python -m tests.journey TRANSCRIPTS TRUTH: from nothing to a verified log, with every real process."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from agents import ledger
from config import embedded
from config.env import ROOT
from config.installation import PREFERRED, own_state
from config.profiles import PROFILES, describe
from config.supervise import Desk, Failed, stopped_by_signals
from tests.journey import truth
from tests.journey.account import Account, follow_the_truth, settle_up, write_down
from tests.journey.faults import Fault
from tests.journey.http import Browser, File, Page
from tests.journey.plan import SHORT_DEADLINE, Board, Special, choose
from tests.journey.record import Record
from tests.journey.reviewer import Reviewer
from tests.journey.truth import Material, Unusable

REVIEWERS = ("ada", "grace", "noor")
FAULTS = ("agents", "executors", "redis")
PATIENCE = 210.0  # seconds until whatever still waits is a failure
MOST_TOLD = 30


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Broken(Exception):
    """The journey cannot go on; the text says why."""


class Journey:
    """One journey in a state folder of its own, which it empties first."""

    def __init__(self, material: Material, state: Path) -> None:
        self.material, self.state, self.began = material, state, time.monotonic()
        self.desk = Desk(
            state, profile="journey", environ={"ASSENTRY_LEDGER": str(state / "ledger.sqlite")}, tell=self.tell
        )
        self.special: Special = choose(material)
        self.stop = threading.Event()
        self.complaints: list[str] = []

    def tell(self, text: str) -> None:
        say(f"[{time.monotonic() - self.began:5.1f} s] {text}")

    # From nothing.

    def start(self) -> None:
        for folder in dict.fromkeys((embedded.data_root(self.state), self.state)):
            if folder.exists():
                self.desk.stop()
                shutil.rmtree(folder)
        self.state.mkdir(parents=True, mode=0o700)
        # Ports of its own: a demo beside it, or one that starts at the same moment, has the usual ones.
        ports = {name: embedded.free_port(()) for name in PREFERRED}
        embedded.write_private(self.state / "ports.json", json.dumps(ports))
        timings = describe(PROFILES["journey"])
        say("Timing profile journey, shorter than in use: " + ", ".join(f"{k}={v}" for k, v in timings.items()))
        for refusal in self.material.refusals[:MOST_TOLD]:
            say(f"refused: {refusal}")
        self.desk.start()
        self.tell(f"every process runs at {self.desk.url}: {', '.join(sorted(self.desk.pids()))}")
        self.words: dict[str, str] = json.loads((self.desk.place.secrets / "sign-ins.json").read_text(encoding="utf-8"))
        self.url = self._auditor()
        self.record = Record(self.url)

    def _auditor(self) -> str:
        place = self.desk.place
        return f"postgresql://assentry_auditor:{(place.secrets / 'auditor').read_text().strip()}@{embedded.HOST}:{place.ports['postgres']}/assentry"

    # The lead brings the file in.

    def bring_in(self) -> None:
        lead = Browser(self.desk.url, "lin")
        lead.sign_in(self.words["lin"])
        page = lead.get("/import/")
        form = next(
            f
            for f in page.forms
            if "csrfmiddlewaretoken" in f.names() and "ready" not in f.names() and f.action in {"", "/import/"}
        )
        page = self._fine(
            lead.send(form, page, file=("file", File(self.material.name, self.material.data))), "reading the file"
        )
        asked = page.form("/start/")
        if asked is None:
            raise Broken(f"the import page does not ask which tools act: {page.alerts()}")
        tools = [row.attributes["data-tool"] for row in page.elements(data_tool="")]
        number = tools.index(self.material.rarest)
        changed = {f"within-{number}": str(SHORT_DEADLINE)}
        # Whatever the file's tools are called, two of these three reviewers need no third for one of them.
        changed |= {
            name: "medium" for name, value in asked.fields if name.startswith("risk-") and value in {"high", "critical"}
        }
        self._fine(lead.send(asked, page, **changed), "starting the runs")
        lead.close()
        runs = sum(self.record.runs().values())
        self.tell(f"{runs} runs started; {self.material.rarest} has {SHORT_DEADLINE} s to be decided")

    def _fine(self, page: Page, what: str) -> Page:
        if page.status >= 400:
            raise Broken(f"{what}: {page.status} {page.alerts() or page.text[:2000]}")
        return page

    # People work, faults strike.

    def work(self) -> None:
        lock, known = threading.Lock(), {}

        def key_of(action: str) -> str | None:
            with lock:
                if action not in known:
                    known.update({case.id: case.key for case in self.record.cases()})
                return known.get(action)

        self.board = Board(self.material, self.special, key_of)
        rare = f"type:{self._type_of(self.material.rarest)}"
        people = [Reviewer(Browser(self.desk.url, name), self.words[name], self.board, self.stop, (rare, "") if name == "grace" else ("",),
                           self._look_outside if name == "grace" else None) for name in REVIEWERS]  # fmt: skip
        self.faults = [Fault(kind, self.url, self.desk.valkey_admin_url, self.desk.pids, self.stop) for kind in FAULTS]
        for thread in (*self.faults, *people):
            thread.start()
        try:
            self._until(self._over, [*people, *self.faults])
        finally:
            self.stop.set()
            for thread in (*people, *self.faults):
                thread.join(timeout=35)
        self.tell(
            f"{sum(p.decisions for p in people)} decisions by {len(people)} reviewers in {sum(p.browser.requests for p in people)} requests"
        )

    def _type_of(self, tool: str) -> str:
        from agents import tools  # noqa: PLC0415  beside its one use

        inventory = tools.inventory(self.material.conversations, prefix=tools.prefix_of(self.material.name))
        return next(each.type for each in inventory if each.name == tool)

    def _look_outside(self, action: str) -> tuple[bool, str]:
        """Whether the ledger has the effect: what a person does who settles what is in doubt."""
        found = [row for row in ledger.rows(self.state / "ledger.sqlite") if row.action == action]
        return bool(
            found
        ), f"The ledger has {len(found)} rows of this action: it {'happened' if found else 'did not happen'}."

    def _over(self) -> bool:
        """Every run ended and nothing waits: then no more can come."""
        runs = self.record.runs()
        ended = sum(runs.get(state, 0) for state in ("finished", "failed", "blocked", "cancelled"))
        return ended == sum(runs.values()) and not self.record.unfinished()

    def _until(self, over: Callable[[], bool], threads: list[Any]) -> None:
        deadline, told = time.monotonic() + PATIENCE, time.monotonic()
        while not over():
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

    def _where(self) -> str:
        states: dict[str, int] = {}
        for case in self.record.cases():
            states[case.state] = states.get(case.state, 0) + 1
        return f"runs {self.record.runs()}, actions {states}"

    # What came of it.

    def account(self) -> Account:
        cases, votes = self.record.cases(), self.record.votes()
        effects = ledger.rows(self.state / "ledger.sqlite")
        write_down(self.state, votes=votes, effects=effects, cases=cases)
        runs = self.record.runs()
        account = settle_up(
            cases=cases,
            votes=votes,
            effects=effects,
            doubted=self.record.doubted(),
            runs=sum(runs.values()),
            edited=self.record.edited(),
        )
        self.complaints += account.complaints
        self.complaints += follow_the_truth(self.record, votes, self.material.truth, self.board.done)
        self._complain_about(runs, len(cases))
        return account

    def _complain_about(self, runs: dict[str, int], actions: int) -> None:
        if set(runs) - {"finished"}:
            self.complaints.append(f"not every run finished: {runs}")
        if sum(runs.values()) != len(self.material.conversations):
            self.complaints.append(f"{len(self.material.conversations)} conversations, but {sum(runs.values())} runs")
        if actions != len(self.material.keys):
            self.complaints.append(f"{len(self.material.keys)} calls act on the world, but {actions} were parked")
        for fault in self.faults:
            if not fault.struck.open:
                self.complaints.append(f"the fault {fault.kind} never struck")
            else:
                self.tell(f"fault {fault.kind}: {fault.struck.open} ({fault.struck.detail})")
        for what, planned, done in (
            ("edited", self.special.edit, self.board.done.edited),
            ("asked about", self.special.ask, self.board.done.asked),
            ("undone", self.special.undo, self.board.done.undone),
        ):
            if planned and not done:
                self.complaints.append(f"no call was {what}")
            elif not planned:
                self.tell(f"no call of this file could be {what}")
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
        judge = [
            "-I",
            "-S",
            str(ROOT / "audit" / "verify.py"),
            str(folder),
            "--key",
            str(key),
            "--against",
            str(checkpoint),
        ]
        done = subprocess.run(  # noqa: S603
            [sys.executable, *judge], capture_output=True, text=True, check=False, cwd="/", env={"PATH": os.defpath}
        )
        for line in (done.stdout + done.stderr).strip().splitlines()[-8:]:
            self.tell(f"verify.py: {line}")
        return {0: "VALID", 1: "TAMPERED"}.get(done.returncode, "UNJUDGED")

    def _until_signed(self) -> None:
        deadline = time.monotonic() + 20
        while not self.record.signed_to_the_end():
            if time.monotonic() > deadline:
                raise Broken("the sequencer did not place and sign the last events within 20 s")
            time.sleep(0.1)

    def _manage(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603
            [sys.executable, str(ROOT / "manage.py"), *command], cwd=ROOT, env=self.desk.environment("auditor"),
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Broken(f"manage.py {command[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def close(self) -> None:
        self.stop.set()
        with suppress(AttributeError):
            self.record.close()
        self.desk.stop()


def travel(material: Material, state: Path) -> int:
    """The whole journey; prints its account and returns the exit code."""
    journey = Journey(material, state)
    account, verdict = None, "UNJUDGED"
    try:
        with stopped_by_signals():
            journey.start()
            journey.bring_in()
            journey.work()
            account = journey.account()
            verdict = journey.verify()
    except (Broken, Failed, embedded.ServerError, AssertionError) as error:
        journey.complaints.append(str(error))
    except KeyboardInterrupt:
        journey.complaints.append("it was interrupted")
    finally:
        journey.close()
    if verdict != "VALID":
        journey.complaints.append(f"the log is {verdict}")
    for complaint in journey.complaints:
        say(f"WRONG: {complaint}")
    empty = Account(*[0] * 13)
    say((account or empty).line(audit=verdict, seconds=time.monotonic() - journey.began))
    return 1 if journey.complaints else 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="journey", description=__doc__)
    parser.add_argument("transcripts", type=Path)
    parser.add_argument("truth", type=Path)
    options = parser.parse_args(arguments)
    try:
        material = truth.read(options.transcripts, options.truth)
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return travel(material, own_state() / "journey")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
