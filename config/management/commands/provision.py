from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from config import roles


class Command(BaseCommand):
    help = "Gives every login exactly the rights of the manifest (login owner; run after each migrate)."

    def handle(self, *args: Any, **options: Any) -> None:
        one = connection.settings_dict["USER"] if settings.ONE_ROLE else ""
        with transaction.atomic():
            count = roles.apply(connection, settings.ROLE_PREFIX, one_role=one)
        self.stdout.write(f"{count} rights given to {len(roles.RUNTIME)} logins.")
