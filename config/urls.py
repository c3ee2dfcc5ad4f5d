from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from config import views

APPS = (("audit", "audit/"), ("agents", ""), ("reviews", ""))

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("admin/", admin.site.urls),
    *(path(prefix, include(f"{app}.urls")) for app, prefix in APPS if find_spec(f"{app}.urls")),
]

handler400 = "config.views.unread"
