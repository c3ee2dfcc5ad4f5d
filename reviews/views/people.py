"""The people of the desk: who is here, away, invited or gone; what they are qualified for; hand-over and leaving."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.ids import as_uuid
from reviews.errors import DeskError, StepUpNeeded
from reviews.forms_people import (
    AbsenceForm,
    CloseForm,
    HandOverForm,
    InvitationForm,
    QualificationForm,
    ResetForm,
    offer,
)
from reviews.models import Absence, User
from reviews.queries import people as found
from reviews.queries.factors import enrolled
from reviews.services import absences, joining, leaving
from reviews.services.qualifying import record_qualification
from reviews.views import letters
from reviews.views.edge import by_of, desk_page, reader_of, see_other, signed_in
from reviews.views.proving import confirmed

Act = Callable[[HttpRequest, User, forms.Form], str]


def _managing(request: HttpRequest) -> User:
    """The reader, if they manage people; to everybody else these pages do not exist."""
    user = signed_in(request)
    if not (user.is_superuser or user.has_perm("reviews.view_qualification")):
        raise Http404
    return user


def _person(request: HttpRequest, pseudonym: str) -> User:
    """Whom a page is about: anybody for who manages people, oneself for the others."""
    user = signed_in(request)
    if user.pseudonym != pseudonym:
        _managing(request)
    row = User.objects.filter(pseudonym=pseudonym).first()
    if row is None:
        raise Http404
    return row


@require_GET
@desk_page
def listing(request: HttpRequest) -> HttpResponse:
    user = _managing(request)
    return render(
        request, "people/list.html", {"people": found.people(), "may_invite": user.is_superuser, "now": timezone.now()}
    )


@require_http_methods(["GET", "POST"])
@desk_page
def invite(request: HttpRequest) -> HttpResponse:
    if not signed_in(request).is_superuser:
        raise Http404
    form = InvitationForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        data = dict(form.cleaned_data)
        try:
            made = joining.invite(
                reason=data.pop("reason"), groups=data.pop("groups"), fields=data, by=confirmed(request)
            )
            return _link(request, made)
        except ValidationError as refusal:
            form.add_error(None, refusal)
        except DeskError as refusal:
            context["refusal"] = refusal
    status = 422 if request.method == "POST" else 200
    return render(request, "people/invite.html", context, status=status)


def _link(request: HttpRequest, made: joining.Invited) -> HttpResponse:
    """The link, shown once: a letter that is not sent loses nothing."""
    url = request.build_absolute_uri(reverse("invitation", args=[made.token]))
    text = (
        f"You are invited to the review desk as {made.user.username}.\n\n"
        f"Open this link until {made.expires:%d %B %Y %H:%M} UTC to choose a password. It works once.\n\n{url}\n"
    )
    problem = letters.send(to=made.user.email, subject="Your account at the review desk", text=text)
    context = {"made": made, "url": url, "sent": letters.how_sent(problem, made.user.email)}
    return render(request, "people/invited.html", context)


@require_GET
@desk_page
def person(request: HttpRequest, pseudonym: str) -> HttpResponse:
    return _page(request, _person(request, pseudonym))


def _page(request: HttpRequest, about: User, *, status: int = 200, **more: Any) -> HttpResponse:
    user = signed_in(request)
    others = found.substitutes_for(about)
    given: dict[str, Any] = {
        "absence_form": AbsenceForm(prefix="absence"),
        "hand_form": HandOverForm(prefix="hand"),
        "close_form": CloseForm(prefix="close"),
        "qualification_form": QualificationForm(prefix="qualification"),
        "reset_form": ResetForm(prefix="reset"),
        **more,
    }
    for name in ("absence_form", "hand_form", "close_form"):
        offer(given[name], others)
    context = {
        "about": about,
        "line": found.person_of(about),
        "absences": found.absences_of(about),
        "hanging": found.hanging_on(about),
        "left": found.left_behind(about, reader_of(request).queues),
        "own": about.pk == user.pk,
        "may_qualify": user.has_perm("reviews.add_qualification") and about.pk != user.pk,
        "may_rest": about.pk == user.pk or user.has_perm("reviews.add_absence"),
        "factors": sorted(enrolled(about)),
        "may_close": user.is_superuser and about.is_active and about.pk != user.pk,
        "may_invite": user.is_superuser and about.is_active and not about.has_usable_password(),
        "now": timezone.now(),
        **given,
    }
    return render(request, "people/person.html", context, status=status)


def welcome(user: User) -> str:
    """What became of this person's desk while they were away, in words, if they were and have not heard of it."""
    went = found.passed_on(absences.say_welcome(user))
    parts = [f"{count} item{'s' if count > 1 else ''} to {to or 'nobody in particular'}" for to, count in went]
    return f"While you were away, what lay on your desk was passed on: {', '.join(parts)}." if parts else ""


def _tried(request: HttpRequest, about: User, form: forms.Form, name: str, act: Act) -> HttpResponse:
    """One form of the page; what is wrong is said there, what was done above it."""
    refusal: DeskError | None = None
    offer(form, found.substitutes_for(about))
    if form.is_valid():
        try:
            messages.success(request, act(request, about, form))
            return see_other(reverse("person", args=[about.pseudonym]))
        except DeskError as error:
            refusal = error
    more = {name: form, "refusal": refusal, "refused_form": name}
    return _page(request, about, status=refusal.status if refusal else 422, **more)


@require_POST
@desk_page
def qualify(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    form = QualificationForm(request.POST, prefix="qualification")
    return _tried(request, about, form, "qualification_form", _qualify)


def _qualify(request: HttpRequest, about: User, form: forms.Form) -> str:
    row = record_qualification(user=about, **form.cleaned_data, by=confirmed(request))
    return f"Recorded: {row.name}."


@require_POST
@desk_page
def rest(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    return _tried(request, about, AbsenceForm(request.POST, prefix="absence"), "absence_form", _rest)


def _rest(request: HttpRequest, about: User, form: forms.Form) -> str:
    by = by_of(request)
    row = absences.record_absence(user=about, **form.cleaned_data, by=by)
    if row.starts > timezone.now():
        return "Recorded. When it begins, what lies on the desk goes to who stands in; it can be handed over before."
    return _said(absences.begin_absence(absence=row, by=by))


def _said(done: absences.HandedOver) -> str:
    if not (done.moved or done.freed):
        return "Done. Nothing lay on the desk."
    return f"Done. Handed over: {done.moved}. On nobody's desk now: {done.freed}."


@require_POST
@desk_page
def back(request: HttpRequest, pseudonym: str) -> HttpResponse:
    """An absence ends, or is taken back."""
    about = _person(request, pseudonym)
    wanted = as_uuid(request.POST.get("absence", ""))
    row = Absence.objects.filter(user=about, pk=wanted).first() if wanted else None
    if row is None:
        raise Http404
    absences.end_absence(absence=row, by=by_of(request))
    words = welcome(about) if about.pk == signed_in(request).pk else ""
    messages.success(request, f"Taken back. {words or 'What was handed over stays where it is.'}")
    return see_other(reverse("person", args=[about.pseudonym]))


@require_POST
@desk_page
def hand_over(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    return _tried(request, about, HandOverForm(request.POST, prefix="hand"), "hand_form", _hand_over)


def _hand_over(request: HttpRequest, about: User, form: forms.Form) -> str:
    return _said(absences.hand_over(user=about, to=form.cleaned_data["to"], by=by_of(request)))


@require_POST
@desk_page
def close(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    return _tried(request, about, CloseForm(request.POST, prefix="close"), "close_form", _close)


def _close(request: HttpRequest, about: User, form: forms.Form) -> str:
    return "The account is closed. " + _said(
        leaving.close_account(user=about, **form.cleaned_data, by=confirmed(request))
    )


@require_POST
@desk_page
def invite_again(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    reason = request.POST.get("reason", "") or "The earlier link was lost or is over."
    try:
        return _link(request, joining.invite_again(user=about, reason=reason, by=by_of(request)))
    except StepUpNeeded:  # the form is one button: it is pressed again after the page that asks
        return redirect_to_login(reverse("person", args=[about.pseudonym]), login_url=settings.STEP_UP_URL)


@require_POST
@desk_page
def reset_factors(request: HttpRequest, pseudonym: str) -> HttpResponse:
    about = _person(request, pseudonym)
    return _tried(request, about, ResetForm(request.POST, prefix="reset"), "reset_form", _reset)


def _reset(request: HttpRequest, about: User, form: forms.Form) -> str:
    removed = leaving.reset_factors(user=about, **form.cleaned_data, by=confirmed(request))
    return f"Second factors removed: {removed}. The password alone signs in until new ones are added."
