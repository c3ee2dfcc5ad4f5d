"""A play on the stage: actions proposed, approved, carried out while something goes wrong, and judged."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from uuid import UUID

from reviews import services as desk
from reviews.ids import new_id
from reviews.models import Action, Item
from reviews.schemas import Proposal
from tests import build
from tests.faults.evidence import history, unsettled
from tests.logins import as_role
from tests.stage import Stage, approve

KINDS = ("play.safe", "play.once", "play.probe")


class Show:
    """One stage and the house that watches it."""

    def __init__(self, stage: Stage, house: build.House) -> None:
        self.stage, self.house = stage, house
        self.actions: list[UUID] = []

    def propose(self, count: int, kinds: Sequence[str] = KINDS, text: str = "a line") -> list[UUID]:
        made = []
        with as_role("web"):
            for n, kind in zip(range(count), itertools.cycle(kinds), strict=False):
                draft = Proposal(type=kind, payload={"text": text, "n": n}, dedup_key=str(new_id()), confidence=0.8)
                made.append(desk.propose(proposal=draft, principal=self.house.agent.id).id)
        self.actions += made
        return made

    def approve(self, actions: Sequence[UUID]) -> None:
        waiting = Item.objects.filter(action__in=actions, action__state="pending").select_related("action")
        self.stage.until(lambda: waiting.count() == len(actions), 20, "the keeper to route")
        approve(self.house, list(waiting))

    def perform(self, count: int, kinds: Sequence[str] = KINDS, text: str = "a line") -> list[UUID]:
        """Proposes and approves; the workers do the rest."""
        made = self.propose(count, kinds, text)
        self.approve(made)
        return made

    def rest(self, seconds: float = 45, *, meanwhile: Callable[[], object] | None = None) -> None:
        """Until nothing is on its way any more; what dies meanwhile is started again, as supervisor would."""
        over = time.monotonic() + seconds
        while (left := unsettled()) and time.monotonic() < over:
            self.stage.revive()
            if meanwhile is not None:
                meanwhile()
            time.sleep(0.05)
        assert not unsettled(), f"{left} actions are not at rest after {seconds} s\n{self.stage.logs()}"

    def states(self, actions: Sequence[UUID]) -> dict[str, int]:
        found: dict[str, int] = {}
        for state in Action.objects.filter(id__in=actions).values_list("state", flat=True):
            found[state] = found.get(state, 0) + 1
        return found

    def judge(self) -> None:
        """Nothing that the checker looks for may be found."""
        found = history(self.stage.sink).findings()
        assert not found, "\n".join(found[:20])
