from __future__ import annotations

from django.urls import path

from agents import views, views_import, views_outbox

app_name = "agents"
urlpatterns = [
    path("runs/", views.runs, name="runs"),
    path("runs/start/", views.start, name="start"),
    path("runs/<uuid:run>/", views.run, name="run"),
    path("runs/<uuid:run>/cancel/", views.cancel, name="cancel"),
    path("runs/<uuid:run>/fork/", views.fork, name="fork"),
    path("outbox/", views_outbox.letters, name="outbox"),
    path("outbox/<str:name>/", views_outbox.letter, name="letter"),
    path("import/", views_import.choose, name="import"),
    path("import/<str:token>/", views_import.tools, name="import-tools"),
    path("import/<str:token>/start/", views_import.start, name="import-start"),
    path("import/<str:token>/progress/", views_import.progress, name="import-progress"),
]
