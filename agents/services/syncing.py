"""Writing down what the code declares: action types, agents, and what they may start. Login: web."""

from collections.abc import Sequence

from django.db import transaction

from agents import registry
from agents.models import Agent
from agents.registry import AgentType
from reviews import services as desk
from reviews.models import Principal, User
from reviews.services import PrincipalSpec, Synced


def sync_registry(*, owner: str = "") -> Synced:
    """Makes the rows say what the loaded code says. `owner` answers for agents whose code names nobody here.

    Where there are no people yet, agents are left out: somebody must own them.
    """
    known = registry.current_agents() if _people(owner) else ()
    principals = [_spec(kind, owner) for kind in known]
    with transaction.atomic():
        done = desk.sync_types(
            types=[kind.desk_half() for kind in registry.types()], principals=principals, by_name=owner
        )
        _sync_agents(known)
    return done


def _people(owner: str) -> bool:
    return User.objects.filter(username=owner, is_active=True).exists()


def _spec(kind: AgentType, owner: str) -> PrincipalSpec:
    named = kind.owner and User.objects.filter(username=kind.owner, is_active=True).exists()
    return PrincipalSpec(name=kind.name, version=kind.version, label=kind.label, owner=kind.owner if named else owner)


def _sync_agents(known: Sequence[AgentType]) -> None:
    rows = {row.name: row for row in Principal.objects.filter(name__in=[kind.name for kind in known])}
    for kind in known:
        said = {"schema": kind.arguments.model_json_schema(), "starts": list(kind.starts)}
        row = Agent.objects.filter(principal=rows[kind.name]).first()
        if row is None:
            Agent.objects.create(principal=rows[kind.name], **said)
        elif (row.schema, row.starts) != (said["schema"], said["starts"]):
            Agent.objects.filter(principal=row.pk).update(**said)
