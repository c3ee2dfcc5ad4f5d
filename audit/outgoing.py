"""Requests to the outside: only to addresses that a setting names, never on to where an answer points."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

TIMEOUT = 10.0
LARGEST = 65_536
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Unreachable(RuntimeError):
    """Nobody answered, or not in a way that could be read."""


class BadAddress(ValueError):
    """An address that no request may go to; the message says why."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class _Stay(HTTPRedirectHandler):
    """A redirect would let whoever answers choose the next address."""

    def redirect_request(self, *args: object) -> None:
        return None


_opener = build_opener(_Stay, ProxyHandler({}))


def check(url: str) -> str:
    """The address, if a request may go there: https, or http on this machine. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadAddress(f"{url!r} is no address") from None
    if not parts.hostname or parts.scheme not in ("http", "https") or port == 0:
        raise BadAddress(f"{shown(url)!r} is no address: expected https://host/path")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise BadAddress(f"{shown(url)} is not encrypted; http is for this machine only, use https")
    if parts.fragment:
        raise BadAddress(f"{shown(url)} has a fragment, which no server sees")
    return url


def shown(url: str) -> str:
    """The address without user and password."""
    head, _, tail = url.partition("://")
    host, slash, path = tail.partition("/")
    return f"{head}://{host.rpartition('@')[2]}{slash}{path}" if tail else url


def send(method: str, url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None) -> Answer:
    """One request; the answer whatever its status, cut off at 64 KiB. Raises Unreachable."""
    parts = urlsplit(check(url))
    wanted = dict(headers or {}) | {"User-Agent": "assentry"}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        wanted["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    request = Request(shown(url), data=body, headers=wanted, method=method)  # noqa: S310  checked above
    try:
        with _opener.open(request, timeout=TIMEOUT) as found:
            return Answer(found.status, found.read(LARGEST), dict(found.headers))
    except HTTPError as error:
        with error:
            return Answer(error.code, error.read(LARGEST), dict(error.headers))
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(f"{shown(url)}: {getattr(error, 'reason', None) or error}") from None
