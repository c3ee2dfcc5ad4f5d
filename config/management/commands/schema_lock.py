from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from config.guard import LOCK, fingerprint


class Command(BaseCommand):
    help = "Writes config/schema.json from this database; run on a freshly migrated one after changing SQL."

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:
            found = fingerprint(cursor)
        LOCK.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        self.stdout.write(f"{len(found['triggers'])} triggers, {len(found['functions'])} functions.")
