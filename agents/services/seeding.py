"""First contents of an installation: people with different reach and authority, queues, and sample work.

Everything is made once; what people changed since stays as they left it.
"""

from __future__ import annotations

import json
import os
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import timezone

from reviews.models import ActionType, Authority, Principal, Queue, Reach, User
from reviews.queries.policy import standing_level
from reviews.services.base import By
from reviews.services.levels import set_level
from reviews.services.people import grant_authority, grant_reach, save_group, save_queue, save_user
from reviews.services.rights import lead_permissions
from reviews.states import Level, Risk

REASON = "First contents of this installation."
_ALPHABET = string.ascii_lowercase + string.digits


class Person(NamedTuple):
    username: str
    first_name: str
    last_name: str
    group: str
    may: str  # for the print-out


PEOPLE = (
    Person("lin", "Lin", "Okafor", "leads", "leads: every queue, up to critical risk; policy, agents, import"),
    Person("ada", "Ada", "Novak", "mailroom", "reviews mail, support and imported calls up to medium risk"),
    Person("grace", "Grace", "Lindqvist", "operations", "reviews every queue up to high risk"),
    Person("noor", "Noor", "Haddad", "newcomers", "reviews support and imported calls up to medium risk, for 90 days"),
)
QUEUES = {
    "mail": ("Mail", "Replies, forwards and archiving that the inbox agent proposes."),
    "support": ("Support", "Questions of customers and where they should go."),
    "reports": ("Reports", "Plans, sources and finished reports."),
    "imported": ("Imported", "Calls from transcripts that were brought in."),
    "questions": ("Questions", "What agents ask people."),
}
REACH = {
    "leads": tuple(QUEUES),
    "mailroom": ("mail", "support", "imported"),
    "operations": tuple(QUEUES),
    "newcomers": ("support", "imported"),
}
# group -> the highest risk that it decides, and for how many days (None: without an end)
AUTHORITY: dict[str, tuple[Risk, int | None]] = {
    "leads": (Risk.CRITICAL, None),
    "mailroom": (Risk.MEDIUM, None),
    "operations": (Risk.HIGH, None),
    "newcomers": (Risk.MEDIUM, 90),
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """How one person signs in. `password` None: they have changed it since."""

    username: str
    password: str | None
    may: str


def seed_people(file: Path, *, reset: bool = False) -> list[SignIn]:
    """Users, groups, queues, reach and authority; returns how they sign in.

    Passwords are random, made once and kept in `file`, mode 0600; `reset` makes new ones.
    """
    known = _read(file)
    wanted = {name: secrets_word() if reset or name not in known else known[name] for name in _names()}
    root = _administrator(wanted["root"], reset=reset)
    by = By(root, stepped_up_at=timezone.now())
    _queues(by)
    groups = {name: _group(name, by) for name in REACH}
    people = [_person(person, groups[person.group], wanted[person.username], by, reset=reset) for person in PEOPLE]
    for name, group in groups.items():
        _reach(group, REACH[name], by)
        _authority(group, *AUTHORITY[name], by)
    _write(file, wanted)
    may = {person.username: person.may for person in PEOPLE} | {"root": "administers everything, decides nothing"}
    return [_sign_in(user, wanted[user.username], may[user.username]) for user in (root, *people)]


def _names() -> list[str]:
    return ["root", *(person.username for person in PEOPLE)]


def secrets_word() -> str:
    """Twenty random letters and digits, in groups that can be read out."""
    word = "".join(secrets.choice(_ALPHABET) for _ in range(20))
    return "-".join(word[n : n + 5] for n in range(0, 20, 5))


def _read(file: Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(name): str(word) for name, word in found.items()}


def _write(file: Path, words: dict[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_suffix(".draft")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        json.dump(words, out)
    draft.replace(file)


def _administrator(password: str, *, reset: bool) -> User:
    """The first administrator. Nobody could have made one through the desk, so the row is made here."""
    root = User.objects.filter(username="root").first()
    if root is None:
        return User.objects.create_superuser("root", "root@localhost", password, first_name="Root", last_name="Admin")
    if reset:
        root.set_password(password)
        root.save(update_fields=["password"])
    return root


def _queues(by: By) -> None:
    titled = set(Queue.objects.exclude(help="").values_list("name", flat=True))
    for name, (title, text) in QUEUES.items():
        if name not in titled:
            save_queue(name=name, title=title, help_text=text, reason=REASON, by=by)


def _group(name: str, by: By) -> Group:
    group = Group.objects.filter(name=name).first()
    return group or save_group(group=None, name=name, permissions=_rights(name), reason=REASON, by=by)


def _rights(name: str) -> Iterable[Permission]:
    if name == "leads":
        return lead_permissions()
    return list(Permission.objects.filter(content_type__app_label="audit", codename="view_audit"))


def _person(person: Person, group: Group, password: str, by: By, *, reset: bool) -> User:
    user = User.objects.filter(username=person.username).first()
    if user is not None and not reset:
        return user
    fields = {
        "username": person.username,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": f"{person.username}@localhost",
        "is_staff": person.group == "leads",
    }
    groups = [group] if user is None else list(user.groups.all())
    return save_user(user=user, fields=fields, groups=groups, password=password, reason=REASON, by=by)


def _reach(group: Group, queues: Iterable[str], by: By) -> None:
    if not Reach.objects.filter(group=group).exists():
        for queue in Queue.objects.filter(name__in=list(queues)).order_by("name"):
            grant_reach(group=group, queue=queue, reason=REASON, by=by)


def _authority(group: Group, max_risk: Risk, days: int | None, by: By) -> None:
    if not Authority.objects.filter(group=group).exists():
        until = timezone.now() + timedelta(days=days) if days else None
        grant_authority(
            group=group, action_type=None, max_risk=max_risk, max_amount=None, valid_until=until, reason=REASON, by=by
        )


def _sign_in(user: User, password: str, may: str) -> SignIn:
    return SignIn(user.username, password if user.check_password(password) else None, may)


def seed_level(by: By) -> bool:
    """Lets the report agent read the sources of an approved plan by itself; hand-set, for 30 days."""
    agent, kind = (
        Principal.objects.filter(name="report").first(),
        ActionType.objects.filter(name="report.gather").first(),
    )
    if agent is None or kind is None:
        return False
    if standing_level(principal=agent.id, version=agent.version, type_name=kind.name) is not None:
        return False
    with transaction.atomic():
        set_level(
            principal=agent,
            action_type=kind,
            level=Level.L4,
            threshold=800,
            expires=timezone.now() + timedelta(days=30),
            reason="Sample: reading a source that a person approved in the plan changes nothing.",
            by=by,
        )
    return True
