"""Coming in for the first time, or again after a forgotten password. Whoever has the link is nobody yet."""

from __future__ import annotations

from allauth.core.ratelimit import consume
from django.contrib import messages
from django.contrib.auth.tokens import default_token_generator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from reviews.errors import DeskError, InvalidDecision, NotFound
from reviews.models import User
from reviews.services import joining
from reviews.views import letters
from reviews.views.edge import see_other

SAME = "If there is an account with this name or address, a letter with a link is on its way."


@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Name and password of who was invited. A link that does not open says so, and no more."""
    try:
        user = joining.find_invitation(token).user
    except NotFound:
        return render(request, "people/link_over.html", status=404)
    context: dict[str, object] = {"user_name": user.username, "kept": request.POST}
    if request.method == "GET":
        return render(request, "people/accept.html", context)
    try:
        joining.accept(
            token=token,
            first_name=request.POST.get("first_name", "")[:150],
            last_name=request.POST.get("last_name", "")[:150],
            password=_chosen(request),
            request=getattr(request, "id", ""),
        )
    except DeskError as refusal:
        return render(request, "people/accept.html", {**context, "refusal": refusal}, status=refusal.status)
    messages.success(request, "Your account is open. Sign in with your new password.")
    return see_other(reverse("sign_in"))


def _chosen(request: HttpRequest) -> str:
    password = request.POST.get("password", "")
    if password != request.POST.get("again", ""):
        raise InvalidDecision("the two passwords differ")
    return password


@require_http_methods(["GET", "POST"])
@never_cache
def forgotten(request: HttpRequest) -> HttpResponse:
    """A letter to who asks. The answer is the same for a stranger, and takes as long."""
    if request.method == "GET":
        return render(request, "people/forgotten.html")
    who = request.POST.get("who", "").strip()[:254]
    for user in _meant(who) if consume(request, action="reset_password", key=who.lower()) else ():
        letters.send_later(to=user.email, subject="A new password for the review desk", text=_letter(request, user))
    return render(request, "people/forgotten.html", {"said": SAME})


def _meant(who: str) -> list[User]:
    """The open accounts of that name or address that have come in once and can get a letter."""
    if not who:
        return []
    found = User.objects.filter(is_active=True).exclude(email="")
    rows = list(found.filter(username=who)) or list(found.filter(email__iexact=who)[:3])
    return [user for user in rows if user.has_usable_password()]


def _letter(request: HttpRequest, user: User) -> str:
    mark = urlsafe_base64_encode(force_bytes(user.pk))
    path = reverse("new_password", args=[mark, default_token_generator.make_token(user)])
    return (
        f"Somebody asked for a new password for {user.username}.\n\n"
        f"If it was you, open this link within an hour; it works once:\n\n{request.build_absolute_uri(path)}\n\n"
        "If it was not you, do nothing: your password stays as it is.\n"
    )


@sensitive_post_parameters("password", "again")
@require_http_methods(["GET", "POST"])
@never_cache
def new_password(request: HttpRequest, mark: str, token: str) -> HttpResponse:
    user = _owner(mark)
    if user is None or not default_token_generator.check_token(user, token):
        return render(request, "people/link_over.html", status=404)
    if request.method == "GET":
        return render(request, "people/new_password.html", {"user_name": user.username})
    try:
        joining.reset_password(user=user, password=_chosen(request), request=getattr(request, "id", ""))
    except DeskError as refusal:
        context = {"user_name": user.username, "refusal": refusal}
        return render(request, "people/new_password.html", context, status=refusal.status)
    messages.success(request, "Your password is changed. Sign in with it.")
    return see_other(reverse("sign_in"))


def _owner(mark: str) -> User | None:
    try:
        number = int(urlsafe_base64_decode(mark))
    except (ValueError, OverflowError):
        return None
    if not 0 < number < 2**63:
        raise Http404
    return User.objects.filter(pk=number, is_active=True).first()
