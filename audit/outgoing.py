"""Requests to the outside: only to addresses that a setting names, never on to where an answer points."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT, DEADLINE = 10.0, 30.0
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
    """One request; the answer whatever its status, cut off at 64 KiB. Raises Unreachable.

    Goes to this address and to no other: redirects are answers like any, and no proxy is asked. Whoever
    answers a byte at a time is left after DEADLINE.
    """
    parts = urlsplit(check(url))
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    link = connect(parts.hostname or "", parts.port, timeout=TIMEOUT)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        link.connect()
        with _deadline(link.sock):
            link.request(method, path, body, dict(headers or {}) | _own(parts))
            found = link.getresponse()
            return Answer(found.status, found.read(LARGEST), dict(found.headers))
    except (OSError, HTTPException) as error:
        raise Unreachable(f"{shown(url)}: {str(error) or type(error).__name__}") from None
    finally:
        link.close()


def _own(parts: SplitResult) -> dict[str, str]:
    found = {"User-Agent": "assentry", "Connection": "close"}
    if parts.username:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        found["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    return found


@contextmanager
def _deadline(link: socket.socket) -> Iterator[None]:
    """Ends the conversation for both sides when it has taken too long altogether."""
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(DEADLINE, end)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if ended.is_set():
        raise TimeoutError(f"no whole answer within {DEADLINE:.0f} s")
