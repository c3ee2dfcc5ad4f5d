from __future__ import annotations

from django.urls import include, path

from reviews.views import account, batch, detail, editing, incidents, insights, live, proving, queue, settings, verbs, wayfinding

urlpatterns = [
    path("", queue.home, name="home"),
    path("queue/", queue.queue, name="queue"),
    path("queue/live/", live.live, name="live"),
    path("go/", wayfinding.go, name="go"),
    path("help/<str:page>/", wayfinding.help_page, name="help"),
    path("insights/", insights.my_day, name="stats"),
    path("insights/team/", insights.team_page, name="insights_team"),
    path("insights/queue/", insights.queue_health, name="insights_queue"),
    path("insights/quality/", insights.decision_quality, name="insights_quality"),
    path("insights/agents/", insights.agent_figures, name="insights_agents"),
    path("incidents/", incidents.page, name="incidents"),
    path("insights/no-break/", insights.no_break, name="no_break"),
    path("a/<str:ref>/", detail.detail, name="detail"),
    path("a/<str:ref>/decide/", verbs.decide_view, name="decide"),
    path("a/<str:ref>/edit/", editing.edit_view, name="edit"),
    path("a/<str:ref>/ask/", verbs.ask_view, name="ask"),
    path("a/<str:ref>/answer/", verbs.answer, name="answer"),
    path("a/<str:ref>/comment/", verbs.comment_view, name="comment"),
    path("a/<str:ref>/escalate/", verbs.escalate_view, name="escalate"),
    path("a/<str:ref>/defer/", verbs.defer_view, name="defer"),
    path("a/<str:ref>/claim/", verbs.claim_view, name="claim"),
    path("a/<str:ref>/assign/", verbs.assign_view, name="assign"),
    path("a/<str:ref>/undo/", verbs.undo, name="undo"),
    path("action/<uuid:action>/", detail.action, name="action"),
    path("action/<uuid:action>/settle/", verbs.settle_view, name="settle"),
    path("action/<uuid:action>/withdraw/", verbs.withdraw_view, name="withdraw"),
    path("action/<uuid:action>/reverse/", verbs.reverse_view, name="reverse"),
    path("action/<uuid:action>/again/", verbs.again, name="again"),
    path("batch/preview/", batch.preview, name="batch_preview"),
    path("batch/", batch.decide, name="batch"),
    path("batch/undo/", batch.undo, name="batch_undo"),
    path("settings/", settings.settings, name="settings"),
    path("settings/password/", settings.password, name="settings_password"),
    path("settings/sessions/", settings.end_session, name="settings_sessions"),
    path("confirm/", proving.confirm, name="confirm"),
    path("confirm/options/", proving.options, name="confirm_options"),
    path("sign-in/", account.sign_in, name="sign_in"),
    path("sign-in/", account.sign_in, name="account_login"),  # what allauth calls these
    path("sign-in/code/", account.second_factor, name="mfa_authenticate"),
    path("settings/factors/", include("reviews.urls_factors")),
    path("sign-out/", account.sign_out, name="sign_out"),
]
