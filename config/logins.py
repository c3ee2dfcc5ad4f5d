"""What this process shows where it knocks: at PostgreSQL and the broker; and the key of what it signs for browsers."""

from __future__ import annotations

from secrets import token_urlsafe
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from config.env import BadSettings, Env, explain_missing

TLS_OPTIONS = {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding"}


def database_parts(url: str) -> dict[str, str]:
    """Host, port, name, and login and password where the URL carries them, percent-decoded."""
    parts = urlsplit(url)
    return {
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
    }


def database_options(url: str) -> dict[str, str]:
    """What the URL asks of the connection itself: ?sslmode=verify-full&sslrootcert=/path, and the like."""
    found = dict(parse_qsl(urlsplit(url).query))
    if unknown := found.keys() - TLS_OPTIONS:
        raise BadSettings(
            f"Assentry cannot start: DATABASE_URL asks for {', '.join(sorted(unknown))}; "
            f"it may carry {', '.join(sorted(TLS_OPTIONS))}."
        )
    return found


def database_login(env: Env) -> dict[str, str]:
    """The connection of this process: the URL's own login if it carries one, else that of its role."""
    parts = database_parts(env.database_url)
    if parts["USER"]:
        return parts
    password = env.db_password or env.secret(env.role) or ""
    return parts | {"USER": env.login(), "PASSWORD": password}


def broker_url(env: Env, user: str) -> str:
    """The broker as one of its users (executor, router, agent); a readable refusal where it is not set."""
    if env.redis_url is None:
        raise BadSettings(explain_missing("REDIS_URL"))
    parts = urlsplit(env.redis_url)
    if parts.username or parts.password:
        return env.redis_url
    password = env.secret(f"redis-{user}")
    login = f"{user}:{quote(password, safe='')}@" if password else ""
    return parts._replace(netloc=login + parts.netloc).geturl()


def django_key(env: Env) -> str:
    """Django's signing key. Only the web process signs anything that outlives it; the others make one up."""
    key = env.secret_key or env.secret("django")
    if key and len(key) < 50:
        raise BadSettings("Assentry cannot start: ASSENTRY_SECRET_KEY is shorter than 50 characters.")
    if key is None and env.role == "web":
        raise BadSettings(explain_missing("ASSENTRY_SECRET_KEY"))
    return key or token_urlsafe(50)
