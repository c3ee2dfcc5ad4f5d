"""Whose right it is to open and erase what the record holds of a customer, and where such texts lie."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Permission

from audit import privacy
from audit.erasable import Wanted, cases_of, texts_of
from audit.seal import lookup_of
from audit.services import Actor
from tests import build
from tests.audit.world import sql
from tests.logins import as_role
from tests.web.pages import Browser

SECRET = "Zanzibar"  # stands in every text about customer 8812


def allowed(house: build.House, *codenames: str) -> Browser:
    """Lin, with exactly these rights on the record."""
    house.lin.user_permissions.set(Permission.objects.filter(content_type__app_label="audit", codename__in=codenames))
    house.lin.groups.clear()
    return Browser(type(house.lin).objects.get(pk=house.lin.pk))


def lead(house: build.House, age: float = 0) -> Actor:
    return Actor("human", house.lin.pseudonym, stepped_up_at=datetime.now(UTC) - timedelta(seconds=age))


def of_8812() -> Wanted:
    return Wanted(subject=lookup_of("customer", "8812"))


def shown(wanted: Wanted) -> list[tuple[Any, str]]:
    return [
        (s.event, s.field) for case in texts_of(cases_of(wanted).names, person=wanted.person) for s in case.erasable
    ]


def erase(house: build.House, wanted: Wanted, **more: Any) -> privacy.Erased:
    with as_role("web"):
        given = {"wanted": wanted, "seen": shown(wanted), "basis": "gdpr_17", "reason": "asked by mail"}
        return privacy.erase_all(**(given | {"actor": lead(house)} | more))


def lying(word: str) -> int:
    """In how many rows of the desk and the record the word still lies, whatever the table."""
    found = 0
    for table, column, kind in sql(
        "SELECT format('%I.%I', n.nspname, c.relname), quote_ident(a.attname), format_type(atttypid, NULL)"
        " FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE relkind = 'r' AND attnum > 0 AND nspname IN ('public', 'audit')"
        " AND format_type(atttypid, NULL) IN ('bytea', 'text', 'jsonb', 'character varying', 'tsvector')"
    ):
        text = f"encode({column}, 'escape')" if kind == "bytea" else f"{column}::text"
        found += sql(f"SELECT count(*) FROM {table} WHERE {text} ILIKE %s", f"%{word}%")[0][0]
    return found
