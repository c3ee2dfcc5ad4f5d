"""manage.py sync_registry: writes down the action types and agents that the code declares. Login: web."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.services import sync_registry
from reviews.errors import DeskError
from reviews.models import User


class Command(BaseCommand):
    help = "Make the rows of action types and agents say what the code says."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--owner",
            default="",
            help="username that answers for agents whose code names nobody; default: the first admin",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        owner = options["owner"] or self._first_admin()
        try:
            done = sync_registry(owner=owner)
        except DeskError as exc:
            raise CommandError(str(exc)) from exc
        changed = [*done.types, *done.principals]
        self.stdout.write(f"changed: {', '.join(changed)}" if changed else "nothing changed")
        if not owner:
            self.stdout.write("no agents yet: there is nobody to own them; run this again when there is")

    def _first_admin(self) -> str:
        names = User.objects.filter(is_superuser=True, is_active=True).order_by("id")
        return names.values_list("username", flat=True).first() or ""
