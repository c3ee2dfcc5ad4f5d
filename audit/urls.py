"""Pages of the record, under /audit/."""

from django.urls import path

from audit import views, views_privacy, views_receipts, views_reports, views_retention

app_name = "audit"

urlpatterns = [
    path("", views.integrity, name="integrity"),
    path("events/", views.event_list, name="events"),
    path("case/<path:case>/", views.case, name="case"),
    path("proof/<uuid:event>/", views.proof, name="proof"),
    path("receipt/<uuid:event>/", views_receipts.receipt, name="receipt"),
    path("checkpoint/", views.checkpoint, name="checkpoint"),
    path("verify/", views.verify, name="verify"),
    path("reports/", views_reports.index, name="reports"),
    path("reports/<str:number>/", views_reports.report, name="report"),
    path("export/", views.export, name="export"),
    path("erase/", views_privacy.erase, name="erase"),
    path("erasures/", views_privacy.erasures, name="erasures"),
    path("holds/", views_privacy.holds, name="holds"),
    path("holds/<uuid:hold>/lift/", views_privacy.lift, name="lift"),
    path("retention/", views_retention.overview, name="retention"),
    path("retention/prune/", views_retention.prune, name="prune"),
    path("retention/<slug:name>/", views_retention.period, name="period"),
    path("job/<uuid:job>/", views.job, name="job"),
    path("job/<uuid:job>/file/", views.download, name="download"),
]
