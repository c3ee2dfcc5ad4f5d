"""The rules beside policy: levels, stops, action types, agents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode

from reviews.admin.base import Verbs
from reviews.admin.chart import effect_context
from reviews.forms_admin import (
    ActionTypeForm,
    LevelForm,
    NewActionTypeForm,
    PrincipalForm,
    StopForm,
)
from reviews.forms_policy import ReasonForm
from reviews.models import ActionType, Level, Principal, Stop
from reviews.policy import NO_GUARANTEE
from reviews.queries.policy import standing_level
from reviews.queries.preview import preview_level
from reviews.services.base import By
from reviews.services.levels import set_level
from reviews.services.stops import lift_stop, place_stop
from reviews.services.types import change_principal, change_type, create_type


@admin.register(Level)
class LevelAdmin(Verbs):
    """Every level ever set; the newest of an agent version and type acts until it expires."""

    add_form = LevelForm
    can_look = True
    add_label = "Set the level"
    add_intro = (
        f"A level set by hand is {NO_GUARANTEE}: nobody has proved that what passes is right. "
        "It replaces the level set before for the same agent version and type. No samples are drawn yet."
    )
    list_display = (
        "principal", "version", "action_type", "level", "threshold", "guarantee", "standing",
        "expires", "by", "reason",
    )  # fmt: skip
    list_select_related = ("principal", "action_type", "by")
    list_filter = ("level", "action_type")
    ordering = ("-at",)

    @admin.display(description="threshold")
    def threshold(self, row: Level) -> str:
        return "none" if row.tau is None else f"{row.tau:g}"

    @admin.display(description="guarantee")
    def guarantee(self, row: Level) -> str:
        return NO_GUARANTEE if row.hand_set else "certified"

    @admin.display(description="standing")
    def standing(self, row: Level) -> str:
        newest = standing_level(principal=row.principal_id, version=row.version, type_name=row.action_type_id)
        if newest is not None and newest.pk != row.pk:
            return "replaced"
        if row.version != row.principal.version:
            return "of an older version"
        return "expired" if row.expires <= timezone.now() else "in force"

    def look(self, by: By, data: Mapping[str, Any]) -> Mapping[str, Any]:
        threshold = data["threshold"]
        effect = preview_level(
            principal=data["principal"],
            action_type=data["action_type"],
            level=data["level"],
            tau=None if threshold is None else threshold / 1000,
            seen_by=by.user,
        )
        return {**effect_context(effect), "changed": "this level"}

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return set_level(**data, by=by)


@admin.register(Stop)
class StopAdmin(Verbs):
    """The kill switch, with everything it ever stopped."""

    add_form = StopForm
    verb_form = ReasonForm
    add_label = "Stop it now"
    verb_label = "Lift this stop"
    add_intro = (
        "It takes effect at once: policy approves nothing in its scope, no worker starts anything. "
        "Proposals wait, people may go on deciding, and an effect already begun may finish."
    )
    verb_intro = "What was approved and still valid starts again as soon as the stop is lifted."
    list_display = ("what", "scope", "reason", "by", "at", "lifted_by", "lifted_at", "lift_reason")
    list_select_related = ("by", "lifted_by", "principal", "action_type")
    list_filter = ("scope", ("lifted_at", admin.EmptyFieldListFilter))
    ordering = ("-at",)

    @admin.display(description="stopped")
    def what(self, row: Stop) -> str:
        return str(row.action_type or row.principal or "everything")

    def title(self, row: Any) -> str:
        return f"Stop of {self.what(row)}"

    def can_change(self, row: Any) -> bool:
        return bool(row.lifted_at is None)

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        wanted = {name: data[name] for name in ("action_type", "principal", "reason")}
        return place_stop(**wanted, by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        return lift_stop(stop=row.pk, reason=data["reason"], by=by)


class _Stoppable(Verbs):
    """Rows that have a switch beside them."""

    @admin.display(description="stop")
    def switch(self, row: ActionType | Principal) -> str:
        kind = isinstance(row, ActionType)
        scope, field = ("type", "action_type") if kind else ("agent", "principal")
        query = urlencode({"scope": scope, field: row.name})
        return format_html('<a href="{}?{}">Stop</a>', reverse("admin:reviews_stop_add"), query)


@admin.register(ActionType)
class ActionTypeAdmin(_Stoppable):
    """Kinds of action. Code sets the floor of risk and reversibility; here they may be raised."""

    add_form = NewActionTypeForm
    verb_form = ActionTypeForm
    add_intro = "For a tool known only by its JSON Schema. Types in code register themselves."
    verb_intro = "Actions already proposed keep what they were born with."
    list_display = (
        "name", "label", "source", "risk", "reversibility", "effect_mode", "queue", "active", "switch",
    )  # fmt: skip
    list_filter = ("risk", "reversibility", "source", "active")
    search_fields = ("name", "label")

    def start(self, row: Any) -> dict[str, Any]:
        return {name: getattr(row, name) for name in ActionTypeForm.base_fields if name != "reason"}

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        fields = {k: v for k, v in data.items() if k != "reason"}
        return create_type(fields=fields, reason=data["reason"], by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        fields = {k: v for k, v in data.items() if k != "reason"}
        return change_type(action_type=row, fields=fields, reason=data["reason"], by=by)


@admin.register(Principal)
class PrincipalAdmin(_Stoppable):
    """Agents and outside programs. They register themselves; people set their frame and owner."""

    verb_form = PrincipalForm
    list_display = ("name", "kind", "label", "version", "owner", "plan_first", "active", "switch")
    list_select_related = ("owner",)
    list_filter = ("kind", "active")
    search_fields = ("name", "label")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def start(self, row: Any) -> dict[str, Any]:
        plain = {name: getattr(row, name) for name in ("label", "owner", "plan_first", "active")}
        return plain | {"types": row.frame.get("types"), "per_run": row.frame.get("per_run")}

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        fields = {k: v for k, v in data.items() if k != "reason"}
        return change_principal(principal=row, fields=fields, reason=data["reason"], by=by)
