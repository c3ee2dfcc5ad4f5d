"""Every address of the installation, filled in with what a furnished desk holds; and requests that leave no trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.http import QueryDict
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.datastructures import MultiValueDict

from audit import jobs, privacy, services
from audit.models import Event
from reviews.models import Item, User
from reviews.services import saved_views
from tests import build
from tests.logins import _switch, as_role
from tests.web.ledger import changed, ledger, writes

RECORD = ("audit.event", "audit.pending")
READERS = ("ada", "lin", "root", "auditor", "anonymous")


@dataclass(frozen=True)
class Route:
    """One address. `name`: as `reverse` knows it; `path`: filled in."""

    name: str
    path: str
    takes: tuple[str, ...]  # its parameters


def patterns() -> Iterator[tuple[str, URLPattern]]:
    """Every route with its qualified name."""
    yield from _below(get_resolver(), "")


def _below(resolver: URLResolver, space: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _below(each, f"{space}{each.namespace}:" if each.namespace else space)
        else:
            yield f"{space}{each.name}", each


@dataclass(frozen=True)
class Desk:
    """A desk with one of each thing that an address can name."""

    house: build.House
    people: Mapping[str, User | None]
    values: Mapping[str, str]

    def routes(self) -> list[Route]:
        found = {}
        for name, pattern in patterns():
            path = self._filled(name, pattern)
            found[path] = Route(name, path, tuple(pattern.pattern.converters))
        return sorted(found.values(), key=lambda route: route.name)

    def _filled(self, name: str, pattern: URLPattern) -> str:
        if not pattern.name:  # admin's old addresses of a row, which lead on
            return "/admin/reviews/action/1/"
        given = {key: self._value(name, key) for key in pattern.pattern.converters}
        if name == "admin:app_list":
            return reverse(name, kwargs={"app_label": "reviews"})
        return reverse(name, kwargs=given)

    def _value(self, name: str, key: str) -> str:
        if key == "object_id":
            return self._row(name)
        wanted = f"{name}/{key}" if f"{name}/{key}" in self.values else key
        assert wanted in self.values, f"say what the address {name} takes as {key}, in tests/web/routes.py"
        return self.values[wanted]

    def _row(self, name: str) -> str:
        """A row of the model that a page of admin is about, or a number where it has none."""
        known = {f"admin:{model._meta.label_lower.replace('.', '_')}": model for model in admin.site._registry}
        model = known.get(name.rpartition("_")[0])
        row = model._default_manager.first() if model else None
        return str(row.pk) if row else "1"


def furnished() -> Desk:
    """Built through services, but for who may read the record."""
    house = build.house()
    auditor = User.objects.create_user("audrey", "audrey@example.org", "secret", first_name="Audrey")
    auditor.user_permissions.add(*Permission.objects.filter(content_type__app_label="audit"))
    item = build.pending(house, "refund.issue", evidence=(build.evidence(),))
    decided = build.rejected(house)
    with as_role("web"):
        view = saved_views.create_view(name="Mine", query="risk:low", order="prio", team=None, by=house.by("lin"))
        actor = services.Actor("human", auditor.pseudonym, role="reader")
        job = jobs.request_verify(actor=actor)
        proven = replace(actor, auth="password", stepped_up_at=services.now())
        hold = privacy.place_hold(scope="type", target="mail.send", reason="a claim is open", actor=proven)
    run = build.running(house)
    values = {
        "ref": f"ACT-{Item.objects.get(id=item.id).ref}", "action": str(item.action_id), "number": "1", "page": "queue",
        "audit:report/number": "R1", "settle/action": str(decided.id), "again/action": str(decided.id),
        "seed_check/action": str(decided.id), "view": str(view.id), "run": str(run), "name": "letter.eml",
        "token": "0" * 64, "case": f"action:{item.action_id}", "hold": str(hold), "job": str(job),
        "event": str(job), "audit:period/name": "payload",
        "pseudonym": house.grace.pseudonym, "mark": "MQ", "pk": "1", "url": "nowhere",
        "app_label": "reviews", "content_type_id": "1", "provider_id": "none",
    }  # fmt: skip
    people = {"ada": house.ada, "lin": house.lin, "root": house.root, "auditor": auditor, "anonymous": None}
    return Desk(house, people, values)


@dataclass
class Answer:
    """What came back, and what it left behind."""

    status: int
    text: str
    kind: str
    error: str
    wrote: list[str]

    @property
    def says(self) -> bool:
        """Whether a person reads in it what was wrong."""
        return self.status == 401 or any(sign in self.text for sign in ('role="alert"', "<h1>", "errorlist", "<title>"))


class Visitor:
    """One reader as the web login. Whatever a request changed is undone after it, so that all meet the same desk."""

    def __init__(self, user: User | None) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        if user is not None:
            with as_role("web"):
                self.client.force_login(user, "django.contrib.auth.backends.ModelBackend")
        self.before = ledger()
        self.token = ""

    def ask(self, method: str, path: str, **how: Any) -> Answer:
        with self._traceless():
            wrote = writes()
            with override_settings(DATABASE_ROLE="web"):
                _switch("web", check=False)
                answer = self._answer(self.client.generic(method, path, **how))
            if answer.error:
                return answer
            _switch("superuser", check=False)
            if writes() != wrote:
                answer.wrote = [table for table in changed(self.before) if table not in self._told()]
            return answer

    def _told(self) -> tuple[str, ...]:
        """What may be written although it was refused: that somebody could not prove who they are."""
        return RECORD if Event.objects.order_by("-n").values_list("name", flat=True).first() == "auth.refused" else ()

    @contextmanager
    def _traceless(self) -> Iterator[None]:
        cookies = self.client.cookies.copy()
        point = transaction.savepoint()
        try:
            yield
        finally:
            connection.needs_rollback = False  # a view's own transaction failed and would be rolled back as a whole
            transaction.savepoint_rollback(point)
            self.client.cookies = cookies

    def _answer(self, response: Any) -> Answer:
        if hasattr(response, "render") and not response.is_rendered:
            response.render()
        body = b"".join(response.streaming_content) if response.streaming else response.content
        trouble = response.exc_info[1] if getattr(response, "exc_info", None) else None
        error = f"{type(trouble).__name__}: {trouble}"[:200] if trouble or response.status_code >= 500 else ""
        kind = response.get("Content-Type", "").partition(";")[0]
        return Answer(response.status_code, body.decode("utf-8", "replace"), kind, error, [])


@contextmanager
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[set[str]]:
    """Every name that a view looks for among its parameters, fields and files meanwhile."""
    names: set[str] = set()
    with monkeypatch.context() as patch:
        for cls, method in ((MultiValueDict, "__getitem__"), (MultiValueDict, "_getlist"), (QueryDict, "__contains__")):
            patch.setattr(cls, method, _listening(getattr(cls, method), names), raising=False)
        yield names


def _listening(method: Any, names: set[str]) -> Any:
    def told(self: Any, key: Any, *rest: Any, **more: Any) -> Any:
        names.add(key)
        return method(self, key, *rest, **more)

    return told
