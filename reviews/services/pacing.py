"""Looking before deciding: the server's stamp of when something was shown, dwell and caps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.core import signing
from django.db.models import QuerySet
from django.utils import timezone

from reviews.errors import InvalidDecision, TooFast
from reviews.models import Action, Decision, User
from reviews.policy import batch_dwell, minimum_dwell
from reviews.states import Risk

_SALT = "reviews.shown"
_LONGEST = timedelta(hours=12)
_MINUTE = timedelta(minutes=1)


def stamp_shown(user: User, subject: str, at: datetime | None = None) -> str:
    """A signed note that `subject` (an item's id, or "batch") is shown to this person now."""
    moment = at or timezone.now()
    return signing.dumps([user.pk, subject, round(moment.timestamp() * 1000)], salt=_SALT)


def shown_at(token: str, user: User, subject: str) -> datetime | None:
    """When it was shown, or None where the note is not this person's, not of this, or not ours."""
    try:
        owner, about, millis = signing.loads(token, salt=_SALT, max_age=_LONGEST)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    if (owner, about) != (user.pk, subject):
        return None
    return datetime.fromtimestamp(millis / 1000, UTC)


def demand_look(*, action: Action, user: User, opened_at: datetime | None, words: int, least: float = 0.0) -> int:
    """Milliseconds the item was looked at. InvalidDecision if that was too short; `least`: what its type asks for."""
    risk = Risk(action.risk)
    if opened_at is None:
        raise InvalidDecision("open it first: the page's stamp is missing or not valid")
    since = opened_at
    if risk is Risk.LOW:
        since = max(opened_at, _previous(user) or opened_at)
    shown = (timezone.now() - since).total_seconds()
    least = minimum_dwell(risk, words, settings.TIMINGS, at_least=least)
    if shown < least:
        raise InvalidDecision(f"opened {max(shown, 0):.1f} s ago. Look first", wait=least - shown)
    return int((timezone.now() - opened_at).total_seconds() * 1000)


def _previous(user: User) -> datetime | None:
    return (
        Decision.objects.filter(reviewer=user, verdict__in=("approve", "reject"))
        .order_by("-created_at")
        .values_list("created_at", flat=True)
        .first()
    )


def demand_batch_look(*, count: int, opened_at: datetime | None) -> int:
    """The same for the preview of a batch."""
    if opened_at is None:
        raise InvalidDecision("open the preview first: its stamp is missing or not valid")
    shown = (timezone.now() - opened_at).total_seconds()
    least = batch_dwell(count, settings.TIMINGS)
    if shown < least:
        raise InvalidDecision(f"opened {max(shown, 0):.1f} s ago. Look first", wait=least - shown)
    return int(shown * 1000)


def demand_pace(*, user: User, action: Action, now: datetime, most: int | None = None) -> None:
    """TooFast, with the seconds to wait, after too many single verdicts in a minute: at this risk, `most` of a type."""
    risk = Risk(action.risk)
    alike = (Risk.HIGH, Risk.CRITICAL) if risk.rank >= Risk.HIGH.rank else (risk,)
    mine = Decision.objects.filter(
        reviewer=user, via="single", verdict__in=("approve", "reject"), created_at__gt=now - _MINUTE
    )
    _demand_under(mine.filter(risk__in=alike), settings.TIMINGS.caps_per_minute[risk], now, "at this risk")
    if most is not None:
        _demand_under(mine.filter(action__type=action.type_id), most, now, "of this type")


def _demand_under(mine: QuerySet[Decision], cap: int, now: datetime, what: str) -> None:
    recent = list(mine.order_by("-created_at").values_list("created_at", flat=True)[:cap])
    if len(recent) >= cap:
        wait = max(1, int((recent[-1] + _MINUTE - now).total_seconds()) + 1)
        raise TooFast(f"{cap} decisions in a minute is the most {what}; the next may follow in {wait} s", wait=wait)
