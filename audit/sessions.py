"""What a session knows of the person behind it: how, and when, they last proved who they are.

Pages of every app read it here. The session's key never leaves this module: the record gets a prefix of its
hash, which tells two sessions apart and opens neither.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.signals import user_logged_in

_KEY = "proved"
_AHEAD = 5.0  # seconds by which the clocks of two web processes may differ


class Proof(NamedTuple):
    """`method`: password, totp, webauthn, recovery_codes or sso. `session`: a prefix of the key's hash."""

    method: str
    at: datetime | None
    session: str


def watch_sign_ins() -> None:
    """Called once, when the app is ready: signing in is a proof."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit.sessions")


def _signed_in(request: Any, **others: object) -> None:
    steps = request.session.get("account_authentication_methods") or [{}]
    method = steps[-1].get("type") or steps[-1].get("method") or "password"
    prove(request.session, "sso" if method == "socialaccount" else method)
    request.session["browser"] = _browser(request.headers.get("user-agent", ""))


_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux")


def _browser(agent: str) -> str:
    """Enough of a browser's name for its owner to know it again; the rest of what it says is not kept."""
    name = next((name for mark, name in _BROWSERS if mark in agent), "another program")
    system = next((system for system in _SYSTEMS if system in agent), "")
    return f"{name} on {system}" if system else name


def prove(session: Any, method: str) -> None:
    """Note that whoever holds this session has just proved who they are."""
    session[_KEY] = [method, time.time()]


def last_proof(session: Any) -> Proof:
    """The last proof; of a session that brings none, an old password."""
    method, at = session.get(_KEY) or ("password", None)
    moment = datetime.fromtimestamp(at, UTC) if at is not None else None
    return Proof(method, moment, fingerprint(session))


def fingerprint(session: Any) -> str:
    return fingerprint_of(session.session_key or "")


def fingerprint_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def is_fresh(at: datetime | None) -> bool:
    """Whether a proof of that age is enough for what needs a fresh sign-in."""
    if at is None:
        return False
    age = time.time() - at.timestamp()
    return -_AHEAD <= age <= settings.STEP_UP_SECONDS
