"""manage.py audit_retention [plan | set | order]: how long events are kept, and prunings. Login: web."""

import sys
from getpass import getpass
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import now

from audit import keeping
from audit.entries import Actor
from audit.jobs import request_pruning
from audit.keeping import PRUNABLE
from audit.retention import RetentionRefused, set_period
from reviews.models import User
from reviews.queries.factors import enrolled
from reviews.services import By
from reviews.services.base import actor
from reviews.services.proving import record_failed_step_up, record_step_up

RIGHT, PURPOSE = "audit.prune_audit", "audit_retention"


class Command(BaseCommand):
    help = (
        "Say what is kept since when and what was pruned; `plan`: what a pruning would remove and what stays; `set`: "
        "how long a class of events is kept at least; `order`: a pruning, which the keeper carries out. The last two "
        "want a reason and the name of who answers for it, and ask for their password or code."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", metavar="plan | set | order")
        for verb in ("plan", "order"):
            which = verbs.add_parser(verb)
            which.add_argument("--class", action="append", dest="classes", choices=PRUNABLE, help="repeatable; all")
            which.add_argument("--below", type=int, metavar="INDEX", help="only entries below it")
        one = verbs.add_parser("set")
        one.add_argument("name", choices=PRUNABLE, metavar="CLASS")
        one.add_argument("days", type=int)
        for each in (one, verbs.choices["order"]):
            each.add_argument("--reason", required=True)
            each.add_argument("--by", required=True, metavar="USERNAME", help="who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            match options["verb"]:
                case "plan":
                    self._plan(options["classes"] or PRUNABLE, options["below"])
                case "set":
                    who = _proved(options["by"])
                    set_period(name=options["name"], days=options["days"], reason=options["reason"], actor=who)
                    self._say()
                case "order":
                    self._order(options["classes"] or PRUNABLE, options["below"], options["reason"], options["by"])
                case _:
                    self._say()
        except RetentionRefused as refusal:
            raise CommandError(str(refusal)) from refusal

    def _say(self) -> None:
        for one in keeping.kept():
            oldest = f"oldest of {one.oldest:%Y-%m-%d}" if one.oldest else "none yet"
            never = "" if one.prunable else ", never pruned"
            self.stdout.write(f"{one.name}: kept {one.period}{never}; {oldest} ({one.words})")
        gone = keeping.pruned()
        self.stdout.write(f"{gone.entries} entries were pruned; from index {gone.min_index} on every entry is here")
        for order in keeping.orders():
            self.stdout.write(f"{order.at:%Y-%m-%d} ordered below {order.below}, {order.count} entries: {order.told}")

    def _plan(self, classes: list[str] | tuple[str, ...], below: int | None) -> keeping.Plan:
        plan = keeping.plan(classes, below=below)
        for one in plan.going:
            self.stdout.write(
                f"{one.name}: {one.entries} entries of {one.cases} cases would go, "
                f"{one.since:%Y-%m-%d} to {one.until:%Y-%m-%d}"
            )
        for kept in plan.staying:
            why = f"under legal hold {kept.hold}" if kept.hold else "of cases that are not over"
            self.stdout.write(f"{kept.entries} entries of {kept.cases} cases stay, {why}")
        found = plan.found
        self.stdout.write(
            f"{found.count} entries would go, below index {found.below}; there it ends: {found.stopped_by}"
        )
        return plan

    def _order(self, classes: list[str] | tuple[str, ...], below: int | None, reason: str, by: str) -> None:
        plan = self._plan(classes, below)
        job = request_pruning(
            classes=classes, below=below, seen=plan.found.digest, reason=reason, actor=_proved(by)
        )  # fmt: skip
        self.stdout.write(f"ordered. The keeper carries it out as job {job}; audit_retention says how it went")


def _proved(name: str) -> Actor:
    """Who answers for it, entitled and just proved; what they could not prove is recorded."""
    user = User.objects.filter(username=name, is_active=True).first()
    if user is None or not user.has_perm(RIGHT):
        raise CommandError(f"there is no open account {name!r} that may do this")
    method = _prove(user)
    by = By(user, auth=method, stepped_up_at=now())
    record_step_up(by=by, purpose=PURPOSE)
    return actor(by, role="reader")


def _prove(user: User) -> str:
    """By the code of their app where they have one, else by the password. Who has only a key proves it on the page."""
    kinds = enrolled(user)
    if not kinds:
        return _judged(user, "password", right=user.check_password(_asked(f"Password of {user.username}: ")))
    app = Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).first()
    if app is None:
        raise CommandError(f"{user.username} proves who they are with a security key: use /audit/retention/")
    return _judged(user, "totp", right=app.wrap().validate_code(_asked(f"Code of {user.username}: ")))


def _judged(user: User, method: str, *, right: bool) -> str:
    if not right:
        record_failed_step_up(by=By(user, auth=method), method=method, purpose=PURPOSE)
        raise CommandError("that is not right; nothing was changed")
    return method


def _asked(prompt: str) -> str:
    return getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
