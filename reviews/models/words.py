"""Names and closed vocabularies, as column checks."""

from typing import Any

from django.db import models
from django.db.models import Q

NAME = r"^[a-z0-9][a-z0-9_.-]{0,62}$"


def choices_of(words: Any) -> list[tuple[str, str]]:
    return [(w.value, w.value.replace("_", " ")) for w in words]


def one_of(field: str, words: Any, name: str, *, null: bool = False) -> models.CheckConstraint:
    ok = Q(**{f"{field}__in": [w.value for w in words]})
    if null:
        ok |= Q(**{f"{field}__isnull": True})
    return models.CheckConstraint(condition=ok, name=name)
