"""Can the servers be reached; if not, which, why, and what to do about it. No password appears in an answer."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
import redis

from config.logins import database_parts

SECONDS = 3


def first(urls: list[str]) -> psycopg.Connection[Any]:
    """A connection to the first of these that answers; the last one's error where none does."""
    for url in urls[:-1]:
        try:
            return psycopg.connect(url, autocommit=True, connect_timeout=SECONDS)
        except psycopg.OperationalError:
            continue
    return psycopg.connect(urls[-1], autocommit=True, connect_timeout=SECONDS)


def database_problem(urls: list[str], *, hint: str) -> str | None:
    """What keeps PostgreSQL from answering, or None; `hint` names the setting that says where it is."""
    try:
        first(urls).close()
    except psycopg.Error as error:
        parts = database_parts(urls[-1])
        text = f"PostgreSQL does not answer at {parts['HOST']}:{parts['PORT'] or 5432}: {str(error).strip()}"
        return text + (f"\nCheck {hint}, or unset it to use the embedded PostgreSQL." if hint else "")
    return None


def broker_problem(url: str, *, hint: str) -> str | None:
    """The same for Redis or Valkey."""
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as client:
            client.ping()
    except (redis.RedisError, ValueError, OSError) as error:
        text = f"Redis does not answer at {url.rpartition('@')[2]}: {str(error).strip()}"
        return text + (f"\nCheck {hint}, or unset it to use the embedded Valkey." if hint else "")
    return None


def with_login(url: str, user: str, password: str) -> str:
    """The same server and database as somebody."""
    parts = urlsplit(url)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    return parts._replace(netloc=login + parts.netloc.rpartition("@")[2]).geturl()


def with_database(url: str, name: str) -> str:
    """The same server and login, another database."""
    return urlsplit(url)._replace(path=f"/{name}").geturl()
