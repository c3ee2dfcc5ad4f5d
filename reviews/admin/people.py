"""Who sees what and decides what: queues, reach, authority, groups, accounts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.sessions import is_fresh, last_proof
from reviews.admin.base import Verbs
from reviews.forms_admin import (
    AuthorityForm,
    GroupForm,
    NewQueueForm,
    QueueForm,
    ReachForm,
    UserForm,
)
from reviews.forms_policy import ReasonForm
from reviews.models import Authority, Queue, Reach, User
from reviews.services.base import By
from reviews.services.people import (
    grant_authority,
    grant_reach,
    revoke_authority,
    revoke_reach,
    save_group,
    save_queue,
    save_user,
)


@admin.register(Queue)
class QueueAdmin(Verbs):
    """Queues are made and renamed, never deleted: items and the record name them."""

    add_form = NewQueueForm
    verb_form = QueueForm
    list_display = ("name", "title", "help")

    def start(self, row: Any) -> dict[str, Any]:
        return {"title": row.title, "help_text": row.help}

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return save_queue(**data, by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        return save_queue(name=row.name, **data, by=by)


class _Revocable(Verbs):
    """Rows that are granted and taken back, never altered."""

    verb_form = ReasonForm
    verb_label = "Take it back"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request, "delete")


@admin.register(Reach)
class ReachAdmin(_Revocable):
    """Which queues a group sees."""

    add_form = ReachForm
    verb_intro = "The group no longer sees this queue. Votes already cast stay."
    list_display = ("group", "queue")
    list_select_related = ("group", "queue")
    list_filter = ("group", "queue")

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return grant_reach(**data, by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> None:
        revoke_reach(reach=row, reason=data["reason"], by=by)


@admin.register(Authority)
class AuthorityAdmin(_Revocable):
    """What a group may decide. To alter a line, grant the new one and take back the old."""

    add_form = AuthorityForm
    verb_intro = "The group may no longer decide this. Votes already cast stay."
    list_display = ("group", "action_type", "max_risk", "max_amount", "valid_until", "qualification")
    list_select_related = ("group", "action_type")
    list_filter = ("group", "max_risk")

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return grant_authority(**data, by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> None:
        revoke_authority(authority=row, reason=data["reason"], by=by)


class _Administrators(Verbs):
    """Accounts and groups: only an administrator changes them."""

    def _may(self, request: HttpRequest, right: str) -> bool:
        return bool(request.user.is_active and request.user.is_superuser)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return _confirmed_first(request) or super().add_view(request, form_url, extra_context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        return _confirmed_first(request) or super().change_view(request, object_id, form_url, extra_context)


def _confirmed_first(request: HttpRequest) -> HttpResponse | None:
    """The page that asks who one is, before a form whose verb would ask; nothing where that was minutes ago."""
    if request.method != "GET" or not request.user.is_superuser or is_fresh(last_proof(request.session).at):
        return None
    return redirect_to_login(request.get_full_path(), login_url=settings.STEP_UP_URL)


@admin.register(User)
class UserAdmin(_Administrators):
    """Accounts are switched off, never deleted: decisions name them."""

    add_form = UserForm
    verb_form = UserForm
    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "is_superuser", "at_the_desk")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    # What a person who may only look is shown: never the password's hash.
    fields = ("username", "first_name", "last_name", "groups", "is_active", "is_staff", "is_superuser")

    @admin.display(description="At the desk")
    def at_the_desk(self, row: User) -> SafeString:
        """Qualifications, absence, hand-over and leaving are done there."""
        return format_html('<a href="{}">Absence, qualifications, leaving</a>', reverse("person", args=[row.pseudonym]))

    def start(self, row: Any) -> dict[str, Any]:
        names = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")
        return {name: getattr(row, name) for name in names} | {"groups": row.groups.all()}

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return self.change(by, None, data)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        apart = ("groups", "password", "reason")
        fields = {k: v for k, v in data.items() if k not in apart}
        return save_user(user=row, fields=fields, **{name: data[name] for name in apart}, by=by)


admin.site.unregister(Group)
# allauth brings pages of its own for these; factors and identities are their owner's business alone.
for model in (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(model)


@admin.register(Group)
class GroupAdmin(_Administrators):
    add_form = GroupForm
    verb_form = GroupForm
    list_display = ("name",)
    search_fields = ("name",)

    def start(self, row: Any) -> dict[str, Any]:
        return {"name": row.name, "permissions": row.permissions.all()}

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        return save_group(group=None, **data, by=by)

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        return save_group(group=row, **data, by=by)
