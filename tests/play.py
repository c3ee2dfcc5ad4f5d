"""Types whose effects go to a file, and agents, for tests with real processes; with faults on order.

The plan is read at each effect from the stage's folder, which only a test's processes know of:
`before`, `after`: share of effects at which the process is killed before, or after, the effect;
`slow`: seconds an effect takes; `raises`, `segfault`, `not_done`: names of payload texts that fail so;
`step`: share of an agent's steps at which its process is killed.
Whatever strikes is written to `fired.log` first.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from agents import registry
from agents.effects import Answer, EffectContext, NotDone
from agents.outcomes import Approved
from agents.registry import ActionType
from agents.runs import Run
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk

QUEUES = {"play.safe": "default", "play.once": "default", "play.probe": "default", "play.poison": "poison"}


class Line(Strict):
    text: str
    n: int = 0


def here() -> Path:
    return Path(os.environ["ASSENTRY_TEST_STAGE"])


def plan() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((here() / "plan.json").read_text())
    return found


def append(name: str, text: str) -> None:
    """One write, at the end, of whole lines: what two processes write does not mix."""
    number = os.open(here() / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(number, text.encode() + b"\n")
        os.fsync(number)
    finally:
        os.close(number)


def strike(fault: str) -> None:
    append("fired.log", fault)


def die(fault: str, number: int = signal.SIGKILL) -> None:
    strike(fault)
    os.kill(os.getpid(), number)
    time.sleep(10)  # SIGKILL is not always instant


def perform(payload: Line, ctx: EffectContext) -> dict[str, Any]:
    """The effect: a line in the sink, with faults before and after it."""
    wanted = plan()
    if random.random() < wanted.get("before", 0):
        die("before")
    if payload.text in wanted.get("segfault", ()):
        die("segfault", signal.SIGSEGV)
    if payload.text in wanted.get("not_done", ()):
        strike("not_done")
        raise NotDone("the other side said 429")
    if payload.text in wanted.get("raises", ()):
        strike("raises")
        raise RuntimeError("a defect of the handler")
    if wanted.get("slow"):
        strike("slow")
        time.sleep(wanted["slow"])
    record(ctx)
    if random.random() < wanted.get("after", 0):
        die("after")
    return {"n": payload.n}


def record(ctx: EffectContext) -> None:
    digest = hashlib.sha256(ctx.body).hexdigest()
    line = {"action": str(ctx.action), "key": ctx.key, "type": ctx.type, "sha256": digest, "at": time.time()}
    append("sink.jsonl", json.dumps(line))


def look_up(payload: Line, ctx: EffectContext) -> Answer:
    """Asks the sink whether an earlier try happened."""
    path = here() / "sink.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return "done" if any(json.loads(line)["key"] == ctx.key for line in lines) else "not_done"


def declare() -> None:
    """Makes the cast known to this process."""
    modes = {"play.safe": EffectMode.IDEMPOTENT, "play.once": EffectMode.ONCE, "play.probe": EffectMode.PROBE}
    for name, queue in QUEUES.items():
        registry.register(
            ActionType(
                name=name,
                label=name,
                template="Play {text}",
                model=Line,
                risk=Risk.LOW,
                reversibility=Reversibility.COMPENSABLE,
                effect_mode=modes.get(name, EffectMode.IDEMPOTENT),
                queue="support",
                effect_queue=queue,
                execute=perform,
                probe=look_up if name == "play.probe" else None,
            )
        )
    registry.agent("player", label="Player")(player)


def look(n: int) -> dict[str, int]:
    """A step that an agent's process may not survive."""
    if random.random() < plan().get("step", 0):
        die("step")
    return {"n": n}


def player(run: Run, lines: int = 2, kind: str = "play.safe") -> dict[str, Any]:
    """Proposes some lines, waits for all of them, and says what became of them."""
    handles = []
    for n in range(lines):
        seen = run.step(f"look {n}", look, n)
        handles.append(run.propose(kind, {"text": run.title or "a line", "n": seen["n"]}, confidence=0.9))
    outcomes = run.wait_all(*handles)
    done = run.step("count", lambda: None) is None
    results = [o.result for o in outcomes if isinstance(o, Approved)]
    return {"counted": done, "results": results, "ends": [type(o).__name__ for o in outcomes]}
