"""Report: plan, review of the plan, gather, draft, release.

The pattern: people settle the frame first. What is gathered must be a step of the approved plan; what is
not goes to review. The report itself is prepared in a step and only its release takes effect.
"""

from __future__ import annotations

import re
from typing import Any

from agents.handlers import report_gather
from agents.outcomes import Approved, Asked, Handle, Outcome
from agents.registry import agent
from agents.runs import Run
from reviews.schemas import EvidenceIn

_FIGURE = re.compile(r"\d")


@agent("report", version="1", label="Report writer")
def report(run: Run, goal: str = "What happened this week", file: str = "week.md") -> dict[str, Any]:
    """Writes one report from the sources that there are. `goal` is its title, `file` its name."""
    names = run.step("look for sources", report_gather.sources)
    plan = run.propose("report.plan", _plan(goal, file, names), reasoning=_why(names))
    reviewed = run.wait_all(
        plan, on_asked=_answer(run, "The plan reads every source that there is, and changes none.")
    )[0]
    if not isinstance(reviewed, Approved):
        return {"stopped_at": "plan", "because": type(reviewed).__name__.lower()}
    steps = reviewed.payload["steps"]
    found = _gather(run, plan, steps)
    text = run.step("draft", draft, goal, found)
    released = _release(run, plan, steps, goal, text, found)
    return {"sources": [each["source"] for each in found], "released": released.ok if released else False}


def _plan(goal: str, file: str, names: list[str]) -> dict[str, Any]:
    steps = [{"title": f"read {name}", "type": "report.gather", "fixed": {"source": name}} for name in names[:28]]
    release = {"title": "release the report", "type": "report.release", "fixed": {"file": file}}
    return {"goal": goal, "steps": [*steps, release]}


def _why(names: list[str]) -> str:
    return f"There are {len(names)} sources: {', '.join(names) or 'none'}. Take out a step to leave its source out."


def _gather(run: Run, plan: Handle, steps: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Reads what the approved plan names, all at once; what is refused is simply not in the report."""
    handles = [
        run.propose(
            step["type"],
            step["fixed"],
            confidence=0.9,
            reasoning=f"Step {number + 1} of the approved plan: {step['title']}.",
            plan=(plan, number),
        )
        for number, step in enumerate(steps)
        if step["type"] == "report.gather"
    ]
    outcomes = run.wait_all(*handles, on_asked=_answer(run, "It is a step of the plan that was approved."))
    return [outcome.result for outcome in outcomes if isinstance(outcome, Approved)]


def draft(goal: str, found: list[dict[str, str]]) -> str:
    """A section for each source: its opening paragraph, and every line with a figure in it."""
    sections = [_section(each["source"], each["text"]) for each in found]
    return "\n\n".join([f"{goal}, from {len(found)} sources.", *sections])


def _section(source: str, text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    title = next((line.lstrip("# ") for line in lines if line.startswith("#")), source)
    prose = [line for line in lines if not line.startswith(("#", "-", "*", "|"))]
    figures = [line.lstrip("-* ") for line in lines if line.startswith(("-", "*")) and _FIGURE.search(line)]
    return "\n".join([f"## {title}", "", *prose[:1], *(f"- {line}" for line in figures[:8]), "", f"Source: {source}"])


def _release(
    run: Run, plan: Handle, steps: list[dict[str, Any]], goal: str, text: str, found: list[dict[str, str]]
) -> Outcome | None:
    """Proposes the finished report as the plan's last step; without such a step nothing is released."""
    number = next((n for n, step in enumerate(steps) if step["type"] == "report.release"), None)
    if number is None or not found:
        return None
    payload = {"title": goal, "file": "week.md", "text": text} | steps[number]["fixed"]
    handle = run.propose(
        "report.release",
        payload,
        confidence=0.9,
        reasoning="The draft holds what the approved sources say, in their own words.",
        evidence=[
            EvidenceIn(kind="source", title=each["source"], source=each["source"], text=each["text"]) for each in found
        ],
        plan=(plan, number),
    )
    return run.wait_all(handle, on_asked=_answer(run, "Everything in the draft stands in the sources beside it."))[0]


def _answer(run: Run, text: str) -> Any:
    def answer(handle: Handle, asked: Asked) -> None:
        run.answer(asked, text)

    return answer
