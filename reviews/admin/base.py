"""How the desk uses Django's admin: lists to read, and verbs that go through services.

No model is ever saved by a ModelAdmin. A page that changes something is a
form with a reason, handed to one service, whose refusal is shown on the form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html

from audit.sessions import last_proof
from reviews.errors import DeskError, InvalidPayload, StepUpNeeded
from reviews.services.base import By

# In a tab of its own, so that what was typed stays where it is.
CONFIRM = '{}. <a href="{}" target="_blank" rel="noopener">Confirm in a new tab</a>, then save here again.'
Call = Callable[[By, Mapping[str, Any]], object]


def by_of(request: HttpRequest) -> By:
    """Who is acting, with a prefix of the session's hash: never the key."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    method, at, session = last_proof(request.session)
    return By(request.user, method, session, getattr(request, "id", ""), at)


def attempt(form: forms.Form, call: Callable[[Mapping[str, Any]], object]) -> bool:
    """Run the verb on a valid form. A refusal becomes the form's error; True if it was done."""
    if not form.is_valid():
        return False
    try:
        call(form.cleaned_data)
    except InvalidPayload as refusal:
        for error in refusal.errors:
            form.add_error(None, f"{error['path']}: {error['message']}")
    except ValidationError as refusal:
        form.add_error(None, refusal)
    except StepUpNeeded as refusal:
        form.add_error(None, format_html(CONFIRM, refusal, reverse("confirm")))
    except DeskError as refusal:
        form.add_error(None, str(refusal))
    return not form.errors


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:  # generic only in the type checker's stubs
    _ModelAdmin = admin.ModelAdmin


class ReadOnly(_ModelAdmin):
    """A list and a page per row, nothing to change."""

    list_per_page = 50
    show_full_result_count = False
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def url(self, page: str, *args: object) -> str:
        """The address of one of this model's admin pages, e.g. `changelist`."""
        meta = self.model._meta
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


class Verbs(ReadOnly):
    """A model whose rows are made and changed by services, each time with a reason.

    A subclass names its forms and implements `add` and `change`.
    """

    add_form: type[forms.Form] | None = None
    verb_form: type[forms.Form] | None = None
    can_look = False
    add_label = "Save"
    verb_label = "Save"
    add_intro = ""
    verb_intro = ""

    def add(self, by: By, data: Mapping[str, Any]) -> object:
        raise NotImplementedError

    def change(self, by: By, row: Any, data: Mapping[str, Any]) -> object:
        raise NotImplementedError

    def look(self, by: By, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the change would have done, as context for `effect.html`; changes nothing."""
        raise NotImplementedError

    def can_change(self, row: Any) -> bool:
        """Whether there is anything left to do to this row."""
        return self.verb_form is not None

    def title(self, row: Any) -> str:
        return str(row)

    def start(self, row: Any) -> dict[str, Any]:
        """What the form shows first for an existing row."""
        return {}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.add_form is not None and self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.verb_form is not None and self._may(request, "change")

    def _may(self, request: HttpRequest, right: str) -> bool:
        meta = self.model._meta
        user = request.user
        return bool(user.is_active and user.has_perm(f"{meta.app_label}.{right}_{meta.model_name}"))

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Its title says what is listed: few rows can be changed, and none of them as a form."""
        title = str(self.model._meta.verbose_name_plural).capitalize()
        return super().changelist_view(request, {"title": title, **(extra_context or {})})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if self.add_form is None or not self.has_add_permission(request):
            raise PermissionDenied
        form = self.add_form(request.POST or None, initial=self.first(request))
        by = by_of(request)
        title = f"Add {self.model._meta.verbose_name}"
        if self.can_look and "look" in request.POST:
            return self.page(request, form, title, self.add_label, self.add_intro, self._looked(form, by))
        if request.method == "POST" and attempt(form, lambda data: self.add(by, data)):
            return self.done(request, f"{self.model._meta.verbose_name} saved")
        return self.page(request, form, title, self.add_label, self.add_intro)

    def _looked(self, form: forms.Form, by: By) -> Mapping[str, Any]:
        """The effect of a form that need not say why yet; its other errors stay on it."""
        form.is_valid()
        form.errors.pop("reason", None)
        return {} if form.errors else self.look(by, form.cleaned_data)

    def first(self, request: HttpRequest) -> dict[str, Any]:
        """What the form for a new row shows first: what the address says."""
        return {name: value for name, value in request.GET.items() if value}

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if self.verb_form is None or row is None or not self._open(request, row):
            return super().change_view(request, object_id, form_url, extra_context)
        form = self.verb_form(request.POST or None, initial=self.start(row))
        by = by_of(request)
        if request.method == "POST" and attempt(form, lambda data: self.change(by, row, data)):
            return self.done(request, f"{self.title(row)}: done")
        return self.page(request, form, self.title(row), self.verb_label, self.verb_intro)

    def _open(self, request: HttpRequest, row: Model) -> bool:
        return self.can_change(row) and self.has_change_permission(request, row)

    def done(self, request: HttpRequest, message: str) -> HttpResponse:
        messages.success(request, message)
        return HttpResponseRedirect(self.url("changelist"))

    def page(
        self,
        request: HttpRequest,
        form: forms.Form,
        title: str,
        label: str,
        intro: str,
        effect: Mapping[str, Any] | None = None,
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            "form": form,
            "submit": label,
            "intro": intro,
            "can_look": self.can_look,
            **(effect or {}),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/reviews/verb.html", context, status=status)
