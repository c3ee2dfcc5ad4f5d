"""How the desk looks and behaves for one reader: names, allowed values, and what holds for whoever chose nothing."""

from __future__ import annotations

from typing import Any

from reviews.models import User

THEMES = ("system", "light", "dark")
USUAL: dict[str, Any] = {
    "theme": "system",
    "density": "normal",
    "motion": "system",
    "preview": "on",
    "toast_seconds": 10,
    "sounds": False,
    "digits_submit": False,
    "character_keys": True,
    "keys": {},
}


def of(user: User | None) -> dict[str, Any]:
    """Every setting of a reader, chosen or usual. Nobody in particular has the usual ones."""
    if user is None:
        return dict(USUAL)
    return {**USUAL, **user.preferences}
