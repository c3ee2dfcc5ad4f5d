from django.apps import AppConfig
from django.conf import settings


class AgentsConfig(AppConfig):
    name = "agents"
    verbose_name = "Agents"

    def ready(self) -> None:
        """Every process knows the payload models, to validate edits; only executors call handlers."""
        from agents import record, registry  # noqa: PLC0415  models may be imported only now

        registry.load(settings.AGENT_MODULES)
        record.register()
