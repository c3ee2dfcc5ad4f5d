from __future__ import annotations

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

from config import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("outbox/", views.outbox, name="outbox"),
    path("outbox/<str:name>", views.letter, name="letter"),
    path("admin/", admin.site.urls),
]
urlpatterns += [
    path(prefix, include(f"{app}.urls"))
    for app, prefix in (("audit", "audit/"), ("agents", "agents/"), ("reviews", ""))
    if find_spec(f"{app}.urls")
]
