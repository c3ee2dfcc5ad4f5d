"""Django's admin as the desk uses it: rules are changed here, with reasons; the rest is to read."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from reviews.admin import people, policy, record, rules

__all__ = ["people", "policy", "record", "rules"]

admin.site.site_header = "Assentry administration"
admin.site.site_title = "Assentry"
admin.site.index_title = "Rules, people, record"
admin.site.enable_nav_sidebar = True


def _to_the_desk(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """There is one way in, the desk's: it is the one that the record tells of."""
    if request.user.is_authenticated:
        raise PermissionDenied
    return redirect_to_login(request.GET.get("next") or reverse("admin:index"))


admin.site.login = _to_the_desk  # type: ignore[method-assign]
