"""Incidents: the list with its deadlines, opening and closing. For leads."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from audit.services import now
from reviews.errors import DeskError
from reviews.forms_incidents import CloseForm, OpenForm
from reviews.queries.incidents import incidents, within
from reviews.services.incidents import close_incident, open_incident
from reviews.views.edge import by_of, desk_page, see_other, signed_in

RIGHT = "reviews.add_stop"


@require_http_methods(["GET", "POST"])
@desk_page
def page(request: HttpRequest) -> HttpResponse:
    """The list; a POST opens one, or, naming an incident, closes it."""
    if not signed_in(request).has_perm(RIGHT):
        raise PermissionDenied("A lead opens and closes incidents.")
    closing = request.method == "POST" and "incident" in request.POST
    form = CloseForm(request.POST) if closing else OpenForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _done(request, form):
        return see_other(reverse("incidents"))
    status = 422 if request.method == "POST" else 200
    context = {
        "incidents": within(incidents(), signed_in(request)),
        "open_form": OpenForm() if closing else form,
        "close_form": form if closing else CloseForm(),
        "wrong": form.errors if closing else None,
        "now": now(),
    }
    return render(request, "reviews/incidents.html", context, status=status)


def _done(request: HttpRequest, form: OpenForm | CloseForm) -> bool:
    given = form.cleaned_data
    try:
        if isinstance(form, CloseForm):
            close_incident(
                incident=given["incident"], outcome=given["outcome"], words=given["words"], by=by_of(request)
            )
            messages.success(request, "The incident is closed.")
        else:
            open_incident(
                summary=given["summary"], severity=given["severity"], actions=given["cases"], by=by_of(request)
            )
            messages.success(request, "The incident is open, and its clock runs.")
    except DeskError as refusal:
        form.add_error(None, str(refusal))
        return False
    return True
