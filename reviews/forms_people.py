"""Forms about people: invitation, qualification, absence, hand-over, closing an account."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group

from reviews.forms_policy import ReasonForm
from reviews.models import User


def _person(**more: Any) -> Any:
    """A choice among people; among nobody until `offer` says whom."""
    return forms.ModelChoiceField(User.objects.none(), **more)


class Looks(forms.Form):
    """Fields as the desk's pages draw them."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for field in self.fields.values():
            if getattr(field.widget, "input_type", "") not in ("checkbox", "hidden"):
                field.widget.attrs["class"] = "input"


def offer(form: forms.Form, users: list[User]) -> None:
    """Whom the choices of people on this form may name."""
    for field in form.fields.values():
        if getattr(field, "queryset", None) is not None and field.queryset.model is User:  # type: ignore[attr-defined]
            field.queryset = User.objects.filter(pk__in=[user.pk for user in users]).order_by("username")  # type: ignore[attr-defined]


class InvitationForm(Looks, ReasonForm):
    """An account to be. Its owner chooses the password, and says by which name colleagues know them."""

    username = forms.CharField(max_length=150, label="User name", help_text="For signing in; it stays.")
    email = forms.EmailField(required=False, label="E-mail", help_text="Without it you hand over the link yourself.")
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )
    is_staff = forms.BooleanField(required=False, label="May open the administration")
    field_order = ("username", "email", "groups", "is_staff", "reason")


class QualificationForm(Looks, ReasonForm):
    """What somebody is competent for. A line that ends when it begins takes the earlier ones back."""

    name = forms.CharField(max_length=120, label="Qualification", help_text="As the authority names it.")
    valid_from = forms.DateTimeField(label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    valid_until = forms.DateTimeField(label="Until", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    field_order = ("name", "valid_from", "valid_until", "reason")


class AbsenceForm(Looks):
    """When somebody is away, and who stands in."""

    starts = forms.DateTimeField(label="From", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends = forms.DateTimeField(label="To", widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    substitute = _person(required=False, label="Who stands in", empty_label="Nobody")


class HandOverForm(Looks):
    """Who gets what lies on a desk."""

    to = _person(required=False, label="To", empty_label="Nobody in particular")


class ResetForm(Looks, ReasonForm):
    """Taking a colleague's lost second factors away."""


class CloseForm(HandOverForm, ReasonForm):
    """Closing an account."""

    field_order = ("to", "reason")
