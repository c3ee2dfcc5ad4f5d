"""Policy in admin: a draft with its preview, publishing it with a reason, and the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.forms.formsets import BaseFormSet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from reviews.admin.base import ReadOnly, attempt, by_of
from reviews.admin.chart import effect_context
from reviews.errors import DeskError, InvalidPayload
from reviews.forms_policy import (
    LIMITS,
    OverrideForm,
    OverrideFormSet,
    ReasonForm,
    TypePolicyForm,
    initial,
    initial_overrides,
    to_plain,
)
from reviews.models import ActionType, PolicyDraft, PolicyVersion, User
from reviews.policy import money
from reviews.policy.document import PolicyDocument, changes, parse
from reviews.queries.policy import (
    Current,
    current_policy,
    draft_of,
    policy_version,
)
from reviews.queries.preview import preview
from reviews.services.policy import discard_draft, publish_policy, restore_policy, save_draft


@admin.register(PolicyVersion)
class PolicyVersionAdmin(ReadOnly):
    """The history of policy, and one's own draft of the next version."""

    list_display = ("number", "at", "by", "reason", "restores")
    change_list_template = "admin/reviews/policyversion/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("draft/", wrap(self.draft_view), name="reviews_policy_draft"),
            path("draft/discard/", wrap(self.discard_view), name="reviews_policy_discard"),
            path("draft/<str:name>/", wrap(self.type_view), name="reviews_policy_type"),
            path("restore/", wrap(self.restore_view), name="reviews_policy_restore"),
        ]
        return own + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        current = current_policy()
        context = {
            "title": "Policy versions",
            "current": current,
            "draft": draft_of(request.user),
            "may_publish": _may_publish(request),
            "restore": _restore_form(current) if current.number else None,
        }
        return super().changelist_view(request, {**context, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        number = int(object_id) if object_id.isdecimal() else 0
        version, earlier = policy_version(number), policy_version(number - 1)
        if version is None or version.row is None:
            raise Http404
        before = earlier.document if earlier else PolicyDocument()
        context = {
            "version": version.row,
            "digest": bytes(version.row.digest).hex(),
            "diff": _rows(before, version.document),
            "document": json.dumps(version.document.plain(), indent=2, ensure_ascii=False),
        }
        return self._page(request, "version.html", f"Policy {number}", context)

    def draft_view(self, request: HttpRequest) -> HttpResponse:
        _demand(request)
        current, draft = current_policy(), draft_of(request.user)
        document, based_on = _begun(draft, current)
        form = ReasonForm(request.POST or None)
        by = by_of(request)
        if request.method == "POST" and attempt(
            form,
            lambda data: publish_policy(document=document, based_on=based_on, reason=data["reason"], by=by),
        ):
            messages.success(request, f"Policy {based_on + 1} is in force.")
            return HttpResponseRedirect(self.url("changelist"))
        context = _draft_context(current, document, based_on, form, by.user)
        return self._page(request, "draft.html", "Draft of the next policy", context, _status(form))

    def type_view(self, request: HttpRequest, name: str) -> HttpResponse:
        _demand(request)
        kind = ActionType.objects.filter(name=name).first()
        if kind is None:
            raise Http404
        document, _ = _begun(draft_of(request.user), current_policy())
        policy = document.of(name)
        form = TypePolicyForm(request.POST or None, initial=initial(policy, kind.currency))
        overrides = OverrideFormSet(request.POST or None, initial=initial_overrides(policy), prefix="overrides")
        if request.method == "POST" and _keep(request, document, name, form, overrides):
            messages.success(request, f"Draft of {name} kept. Nothing is in force yet.")
            return HttpResponseRedirect("../")
        context = {"form": form, "overrides": overrides, "kind": kind}
        status = 422 if form.errors or any(overrides.errors) else 200
        return self._page(request, "type.html", f"Policy for {name}", context, status)

    @method_decorator(require_POST)
    def discard_view(self, request: HttpRequest) -> HttpResponse:
        _demand(request)
        discard_draft(by=by_of(request))
        messages.success(request, "Draft discarded.")
        return HttpResponseRedirect(self.url("changelist"))

    @method_decorator(require_POST)
    def restore_view(self, request: HttpRequest) -> HttpResponse:
        _demand(request)
        form = RestoreForm(request.POST)
        by = by_of(request)
        if attempt(form, lambda data: restore_policy(**data, by=by)):
            messages.success(request, "The previous policy is in force again, as a new version.")
        for error in _flat(form):
            messages.error(request, error)
        return HttpResponseRedirect(self.url("changelist"))

    def _page(
        self, request: HttpRequest, name: str, title: str, context: dict[str, Any], status: int = 200
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            **context,
        }
        where = f"admin/reviews/policyversion/{name}"
        return TemplateResponse(request, where, context, status=status)


class RestoreForm(ReasonForm):
    based_on = forms.IntegerField(min_value=1, widget=forms.HiddenInput)


def _restore_form(current: Current) -> RestoreForm:
    previous = current.number - 1
    what = f"policy {previous}" if previous else "the shipped default"
    return RestoreForm(
        initial={
            "based_on": current.number,
            "reason": f"Back to {what}: policy {current.number} did not do what we wanted",
        }
    )


def _flat(form: forms.Form) -> list[str]:
    """A form's errors as lines; those of a field say which."""
    return [
        str(error) if name == "__all__" else f"{name}: {error}"
        for name, errors in form.errors.items()
        for error in errors
    ]


def _status(form: forms.Form) -> int:
    return 422 if form.errors else 200


def _may_publish(request: HttpRequest) -> bool:
    return request.user.has_perm("reviews.add_policyversion")


def _demand(request: HttpRequest) -> None:
    if not _may_publish(request):
        raise PermissionDenied


def _begun(draft: PolicyDraft | None, current: Current) -> tuple[PolicyDocument, int]:
    """The draft and the version it was begun on; without a draft, the policy in force."""
    if draft is None:
        return current.document, current.number
    return parse(draft.document), draft.based_on


def _draft_context(
    current: Current, document: PolicyDocument, based_on: int, form: forms.Form, user: User
) -> dict[str, Any]:
    diff = _rows(current.document, document)
    effect = preview(document, seen_by=user) if diff else None
    return {
        "current": current,
        "overtaken": based_on != current.number,
        "based_on": based_on,
        "types": [_summary(kind, document) for kind in ActionType.objects.order_by("name")],
        "diff": diff,
        **(effect_context(effect) if effect else {}),
        "form": form,
    }


def _summary(kind: ActionType, document: PolicyDocument) -> dict[str, Any]:
    policy = document.of(kind.name)
    return {"kind": kind, "policy": policy, "limits": initial(policy, kind.currency)}


def _rows(before: PolicyDocument, after: PolicyDocument) -> list[tuple[str, str, str]]:
    """What differs, for a table: path, before, after."""
    return [(path, in_words(path, old), in_words(path, new)) for path, (old, new) in changes(before, after).items()]


def in_words(path: str, value: Any) -> str:
    """One field of a type's policy as people read it; None is the shipped default."""
    field = path.rpartition(".")[2]
    if value is None:
        return "as shipped"
    if field == "limits":
        return ", ".join(f"{n} {money(value[n], value['currency'])}" for n in LIMITS)
    if field == "low_mark":
        return f"{value / 1000:g}"
    if field == "overrides":
        return "; ".join(_override_in_words(entry) for entry in value)
    if field == "batch":
        return ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in value.items())
    return str(value).replace("_", " ") if field == "minimum" else str(value)


def _override_in_words(entry: Mapping[str, str]) -> str:
    outcome = entry["outcome"].replace("_", " ")
    return f"{entry['risk']}/{entry['reversibility']}: {outcome} until {entry['expires'][:10]} ({entry['reason']})"


def _keep(
    request: HttpRequest,
    document: PolicyDocument,
    name: str,
    form: TypePolicyForm,
    overrides: BaseFormSet[OverrideForm],
) -> bool:
    """Put what the forms say into the draft; what the document refuses becomes their error."""
    if not (form.is_valid() and overrides.is_valid()):
        return False
    by = by_of(request)
    wanted = [cast("Mapping[str, Any]", f.cleaned_data) for f in _kept(overrides)]
    plain = to_plain(form.cleaned_data, list(wanted), before=document.of(name), lead=by.user.pseudonym)
    types = {**document.plain().get("types", {}), name: plain}
    try:
        save_draft(document={"types": types}, by=by)
    except InvalidPayload as refusal:
        for error in refusal.errors:
            field = error["path"].removeprefix(f"types.{name}").lstrip(".")
            form.add_error(None, f"{field}: {error['message']}" if field else error["message"])
    except DeskError as refusal:
        form.add_error(None, str(refusal))
    return not form.errors


def _kept(overrides: BaseFormSet[OverrideForm]) -> list[OverrideForm]:
    """The rows that are filled in and not ticked for removal."""
    return [form for form in overrides.forms if form.cleaned_data.get("risk") and not form.cleaned_data.get("DELETE")]
