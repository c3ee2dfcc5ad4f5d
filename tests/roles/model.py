"""The gate's rules once more, in a page of Python: what a random walk expects of the database.

Written from the rules, not from the SQL. Time stands still here: a window is over at once or not at
all, leases last, deadlines lie far ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MOST_ATTEMPTS = 6
REACH = frozenset({"ada", "grace", "lin", "olga"})  # an open account, and a group that sees the queue
OWNER = "olga"
FINAL = frozenset({"rejected", "expired", "withdrawn", "succeeded", "failed", "reversed"})


@dataclass
class Attempt:
    begun: bool = False
    end: str = ""

    @property
    def unclear(self) -> bool:
        return self.begun and self.end not in ("succeeded", "not_done")


@dataclass
class Case:
    """One action as the rules see it. Each verb says whether it goes through, and then has happened."""

    low: bool = True  # else medium, and its effect can happen only once
    state: str = "proposed"
    needed: int = 1
    by_policy: bool = False
    votes: dict[str, str] = field(default_factory=dict)  # live, on the present revision
    escalators: set[str] = field(default_factory=set)
    author: str = ""
    self_edit: bool = False
    question: bool = False
    released: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    stopped: bool = False
    revision: int = 1

    # -- the way in

    def route(self, needed: int) -> bool:
        if self.state != "proposed":
            return False
        self.state, self.needed = "pending", needed
        return True

    def policy(self) -> bool:
        if self.state != "proposed" or not self.low or self.stopped:
            return False
        self.state, self.by_policy, self.released = "approved", True, True
        return True

    # -- votes

    def impartial(self, person: str) -> bool:
        if person == OWNER or (self.needed > 1 and person in self.escalators):
            return False
        return person != self.author or (self.self_edit and self.needed == 1)

    def may_vote(self, person: str, verdict: str) -> bool:
        if self.state != "pending" or person not in REACH:
            return False
        if verdict == "approve" and (self.question or not self.impartial(person)):
            return False
        return verdict in ("escalate", "ask") or person not in self.votes

    def enough(self) -> bool:
        approvals = [who for who, said in self.votes.items() if said == "approve" and self.impartial(who)]
        return len(approvals) >= self.needed and "reject" not in self.votes.values()

    def vote(self, person: str, verdict: str) -> bool:
        """A vote that closes nothing."""
        if not self.may_vote(person, verdict):
            return False
        if verdict == "escalate":
            self.escalators.add(person)
        elif verdict == "ask":
            self.question = True
        else:
            self.votes[person] = verdict
        return True

    def close(self, person: str, verdict: str, window: bool) -> bool:
        if not self.may_vote(person, verdict):
            return False
        after = dict(self.votes)
        self.votes[person] = verdict
        if verdict == "approve" and not self.enough():
            self.votes = after
            return False
        self.state = "approved" if verdict == "approve" else "rejected"
        self.released = not window
        return True

    def answered(self) -> bool:
        if self.state != "pending":
            return False
        self.question = False
        return True

    def edit(self, person: str, self_edit: bool) -> bool:
        if self.state != "pending" or (self_edit and self.needed > 1):
            return False
        self.author, self.self_edit, self.votes = person, self_edit, {}
        self.revision += 1
        return True

    def undo(self, person: str) -> bool:
        """Take back one's own vote on what it closed."""
        if self.state not in ("approved", "rejected") or self.released or self.attempts or person not in self.votes:
            return False
        before = dict(self.votes)
        del self.votes[person]
        if self.enough() if self.state == "approved" else "reject" in self.votes.values():
            self.votes = before
            return False
        self.state = "pending"
        return True

    def withdraw(self) -> bool:
        if self.state not in ("pending", "approved") or self.unclear:
            return False
        self.state = "withdrawn"
        return True

    # -- effects

    @property
    def unclear(self) -> bool:
        return any(attempt.unclear for attempt in self.attempts)

    def lease(self) -> bool:
        if self.state != "approved" or not self.released or self.stopped:
            return False
        if not self.by_policy and not self.enough():
            return False
        self.state = "executing"
        self.attempts.append(Attempt())
        return True

    def begin(self, holds: bool) -> bool:
        if self.state != "executing" or not holds or self.stopped or self.attempts[-1].begun:
            return False
        self.attempts[-1].begun = True
        return True

    def exit(self, end: str) -> str:
        attempt = self.attempts[-1]
        attempt.end = end
        if end == "succeeded":
            return "succeeded"
        if self.unclear and not self.low:
            return "in_doubt"
        if attempt.begun and end == "not_done" and not self.low:
            return "failed"
        if len(self.attempts) >= MOST_ATTEMPTS:
            return "in_doubt" if self.unclear else "failed"
        return "approved"

    def finish(self, end: str, to: str, holds: bool) -> bool:
        """`to`: where the worker wants it to go."""
        if self.state != "executing" or not holds or (end == "succeeded" and not self.attempts[-1].begun):
            return False
        right = self.exit(end)
        if to not in ("", right):
            self.attempts[-1].end = ""
            return False
        self.state = right
        return True

    def settle(self, to: str, note: bool) -> bool:
        if self.state != "in_doubt" or not note:
            return False
        self.state = to
        return True
