"""The record in Django's admin: to look at, never to change."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

from audit.models import Checkpoint, Event, Job

if TYPE_CHECKING:
    _Base = admin.ModelAdmin[Any]
    _Pages = Paginator[Any]
else:
    _Base, _Pages = admin.ModelAdmin, Paginator


class _Uncounted(_Pages):
    """Counting millions of events for a page number helps nobody."""

    @cached_property
    def count(self) -> int:
        return 10_000


class ReadOnly(_Base):
    """Nobody adds, changes or deletes here; the database would refuse it too."""

    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Event)
class EventAdmin(ReadOnly):
    list_display = ("at", "name", "case_id", "case_seq", "change_from", "change_to", "actor_ref", "writer")
    exclude = ("leaf",)
    ordering = ("-n",)
    paginator = _Uncounted


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnly):
    list_display = ("size", "at", "signature")
    ordering = ("-size",)


@admin.register(Job)
class JobAdmin(ReadOnly):
    list_display = ("created", "kind", "state", "requested_by", "finished")
    ordering = ("-created",)
