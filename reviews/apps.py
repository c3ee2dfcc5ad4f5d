from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "reviews"
    verbose_name = "Review desk"

    def ready(self) -> None:
        from reviews import checks, record, reports  # noqa: F401, PLC0415  models can be imported only once the apps are ready

        record.register()
        reports.register()
