"""The seeded people at work on what the shipped agents propose, leg by leg under the right logins."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

from agents import services
from agents.models import Run
from agents.services.sampling import CLASSIFIER
from agents.services.seeding import seed_people
from reviews import services as desk
from reviews.models import Action, RevisionBody, User
from reviews.registry import payload_of
from reviews.services import By, PrincipalSpec, sync_types
from reviews.states import Verdict
from tests import build
from tests.agents.kit import Crew, World
from tests.logins import as_role


class People:
    """Users by name, as `tests.build` asks for them."""

    def __getattr__(self, name: str) -> User:
        return User.objects.get(username=name)

    def by(self, name: str) -> By:
        return By(User.objects.get(username=name), stepped_up_at=timezone.now())


class Office(Crew):
    """A seeded desk. `grace` sees every queue and decides up to high risk."""

    def __init__(self, secrets: Path) -> None:
        with as_role("web"):
            seed_people(secrets / "sign-ins.json")
            services.sync_registry(owner="lin")
            sync_types(types=[], principals=[PrincipalSpec(CLASSIFIER, owner="lin", kind="program")])
        super().__init__(People(), World())  # type: ignore[arg-type]

    def begin(self, name: str, **args: Any) -> Run:
        """A run that lin started, as far as it comes by itself, with its proposals routed."""
        with as_role("web"):
            run = services.start_run(agent=name, args=args, by=self.house.by("lin"))
        return self.onward(self.run(run))

    def onward(self, run: Run) -> Run:
        self.go(run)
        self.route()
        return self.run(run)

    def let_through(self, *actions: Action) -> None:
        for action in actions:
            self.decide(action, build.APPROVE, "grace")
        for action in actions:
            build.wait_for_release(action.id)
        self.execute_all()

    def turn_down(self, *actions: Action) -> None:
        for action in actions:
            decision = build.REJECT.model_copy(update={"verdict": Verdict.REJECT, "rationale": "not this one"})
            self.decide(action, decision, "grace")
        for action in actions:
            build.wait_for_release(action.id)

    def change(self, action: Action, payload: dict[str, Any]) -> None:
        """Edited and approved in one go."""
        item = build.item_of(action.id)
        shown = build.seen(item)
        with as_role("web"):
            desk.edit(item=item.id, seen=shown, payload=payload, decision=build.APPROVE, by=self.house.by("grace"))
        build.wait_for_release(action.id)

    def by_type(self, run: Run) -> dict[str, list[Action]]:
        found: dict[str, list[Action]] = {}
        for action in self.actions(run):
            found.setdefault(action.type_id, []).append(action)
        return found


def payload(action: Action | UUID) -> dict[str, Any]:
    """What the action's current revision says."""
    row = Action.objects.get(id=action.id if isinstance(action, Action) else action)
    return payload_of(RevisionBody.objects.get(revision__action=row, revision__number=row.revision).body)
