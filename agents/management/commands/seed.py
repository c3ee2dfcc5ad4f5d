"""First contents: people, queues, agents and types, and the shipped sample. Safe to run at every start."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from agents.handlers.mail import inbox
from agents.services import sync_registry
from agents.services.sampling import CLASSIFIER, park_sample
from agents.services.seeding import SignIn, seed_level, seed_people
from reviews.models import User
from reviews.services.base import By
from reviews.services.syncing import PrincipalSpec, sync_types

PROGRAM = PrincipalSpec(CLASSIFIER, label="Intent classifier", owner="lin", kind="program")


class Command(BaseCommand):
    help = "Makes people, queues, types and sample work where they are missing, and prints the sign-ins."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reset-sign-ins", action="store_true", help="new random passwords for the seeded people")
        parser.add_argument("--no-sample", action="store_true", help="park no sample work")

    def handle(self, *args: Any, **options: Any) -> None:
        sign_ins = seed_people(_file(), reset=options["reset_sign_ins"])
        sync_registry(owner="lin")
        # Whoever runs this holds the login of web; there is no session that could be old.
        lead = By(User.objects.get(username="lin"), auth="command", stepped_up_at=timezone.now())
        sync_types(types=[], principals=[PROGRAM])
        seed_level(lead)
        if settings.PROFILE == "normal" and not options["no_sample"]:
            parked = park_sample(mailbox=inbox(), by=lead)
            if parked:
                self.stderr.write(f"Parked the shipped sample: {', '.join(parked)}.")
        self.stdout.write("\n".join(lines(sign_ins)))


def _file() -> Path:
    return settings.ENV.secrets_dir / "sign-ins.json"


def lines(sign_ins: list[SignIn]) -> list[str]:
    """How people sign in, as aligned lines."""
    return [
        "Sign in as:",
        *(f"  {s.username:<6} {s.password or '(changed by its owner)':<24} {s.may}" for s in sign_ins),
    ]
