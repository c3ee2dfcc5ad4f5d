"""What happened, to read: actions, votes, attempts. Bodies and free text are opened on the desk."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from reviews.admin.base import ReadOnly
from reviews.models import Action, Attempt, BindingPrecedent, Decision, Heartbeat
from reviews.states import Status


@admin.register(Action)
class ActionAdmin(ReadOnly):
    list_display = ("id", "type", "state", "outcome", "risk", "confidence", "proposer", "created_at")
    list_select_related = ("type", "proposer")
    list_filter = ("state", "risk", "outcome")
    ordering = ("-id",)


@admin.register(Decision)
class DecisionAdmin(ReadOnly):
    list_display = ("created_at", "action", "verdict", "via", "reviewer", "reason_code")
    list_select_related = ("action__type", "reviewer")
    list_filter = ("verdict", "via")
    exclude = ("item", "purpose")  # which visit it was, and what for, nobody reads here
    ordering = ("-created_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        """Without votes that wait for another's: administrators may vote too, and do so alone."""
        return super().get_queryset(request).exclude(action__state=Status.PENDING, action__needed__gt=1)


@admin.register(Attempt)
class AttemptAdmin(ReadOnly):
    list_display = ("leased_at", "action", "fence", "worker", "effect_at", "ended_at", "end")
    list_select_related = ("action__type",)
    list_filter = ("end",)
    exclude = ("result", "note")
    ordering = ("-leased_at",)


@admin.register(BindingPrecedent)
class BindingPrecedentAdmin(ReadOnly):
    list_display = ("at", "action", "action_type", "note", "by", "expires", "lifted_at", "lifted_by")
    list_select_related = ("action__type", "by", "lifted_by")
    list_filter = ("action_type",)


@admin.register(Heartbeat)
class HeartbeatAdmin(ReadOnly):
    list_display = ("name", "kind", "started_at", "at", "busy_at", "note")
