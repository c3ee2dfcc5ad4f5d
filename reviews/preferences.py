"""How the desk looks and behaves for one reader: names, allowed values, and what holds for whoever chose nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from reviews.errors import InvalidPayload
from reviews.keymap import wrong_keys
from reviews.models import User
from reviews.notices import UNASKED, Kind
from reviews.schemas import Strict

THEMES = ("system", "light", "dark")


class Preferences(Strict):
    """What a reader may choose. The shell's script reads these names from the page."""

    theme: Literal["system", "light", "dark"] = "system"
    density: Literal["compact", "normal", "roomy"] = "normal"
    motion: Literal["system", "reduce"] = "system"
    preview: Literal["on", "off"] = "on"
    toast_seconds: Annotated[int, Field(ge=0, le=120)] = 10  # 0: until dismissed
    sounds: bool = False
    digits_submit: bool = False
    character_keys: bool = True
    keys: dict[str, str] = {}
    dates: Literal["words", "numbers", "iso"] = "words"
    hours: Literal["24", "12"] = "24"
    mail_assigned: bool = Kind.ASSIGNED in UNASKED
    mail_escalated: bool = Kind.ESCALATED in UNASKED
    mail_mentioned: bool = Kind.MENTIONED in UNASKED
    mail_answered: bool = Kind.ANSWERED in UNASKED
    mail_near: bool = Kind.NEAR in UNASKED
    mail_digest: bool = Kind.DIGEST in UNASKED

    @field_validator("keys")
    @classmethod
    def _usable(cls, value: dict[str, str]) -> dict[str, str]:
        wrong = wrong_keys(value)
        if wrong:
            raise ValueError("; ".join(wrong))
        return value


USUAL: dict[str, Any] = Preferences().model_dump()


def of(user: User | None) -> dict[str, Any]:
    """Every setting of a reader, chosen or usual. Nobody in particular has the usual ones."""
    return {**USUAL, **(user.preferences if user else {})}


def changed(user: User, given: Mapping[str, Any]) -> dict[str, Any]:
    """What to keep for this reader after these changes: only what differs from the usual. InvalidPayload in words."""
    try:
        chosen = Preferences(**{**of(user), **given}).model_dump()
    except ValidationError as error:
        errors = [_error(item) for item in error.errors(include_url=False, include_context=False)]
        raise InvalidPayload(f"{errors[0]['path']}: {errors[0]['message']}", errors) from None
    return {name: value for name, value in chosen.items() if value != USUAL[name]}


def _error(item: Any) -> dict[str, str]:
    path = " ".join(str(part) for part in item["loc"]).replace("_", " ")
    return {"path": path, "message": str(item["msg"]).removeprefix("Value error, ")}
