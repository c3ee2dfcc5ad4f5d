"""The start-up check: a process whose login can do more than it should does not start.

Gunicorn and Celery run no Django checks, so each process calls `ensure_login_is_safe` itself:
wsgi, the Celery apps, keeper, drain and sequencer. `findings` is what it is made of, one sentence
per finding; one-role mode prints them and goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from config import roles
from config.context import notices
from config.env import ROLES, BadSettings
from config.profiles import broken_chain, describe
from reviews import checks as reviews_checks

log = logging.getLogger("config.guard")
LOCK = Path(__file__).with_name("schema.json")
OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"


def ensure_login_is_safe() -> None:
    """Ends this process with a readable text if its login is not what its role should be."""
    try:
        with connection.cursor() as cursor:
            found = [*findings(cursor, settings.DATABASE_ROLE), *readable_secrets(settings.DATABASE_ROLE)]
    except DatabaseError as error:
        raise BadSettings(unreachable(error)) from None
    for text in notices():
        log.warning(text)
    if settings.PROFILE != "normal":
        log.warning("timings in force: %s", json.dumps(describe(settings.TIMINGS), default=str))
    if not found:
        return
    if settings.ONE_ROLE:
        for text in found:
            log.warning("one-role mode: %s", text)
        return
    raise BadSettings(_refusal(found))


def _refusal(found: list[str]) -> str:
    lines = "\n".join(f"  - {text}" for text in found)
    return (
        f"Assentry does not start this process: the login {settings.DATABASES['default']['USER']} "
        f"is not what a {settings.DATABASE_ROLE} may be.\n{lines}\n"
        "Run `manage.py migrate` and `manage.py provision` as owner, and see `manage.py roles_sql`.\n"
        "docs/deploy.md explains each right."
    )


def unreachable(error: DatabaseError) -> str:
    """What to tell whoever started a process that finds no database."""
    where = settings.DATABASES["default"]
    return (
        f"Assentry cannot reach its database {where['NAME']} at {where['HOST']}:{where['PORT']} as {where['USER']}.\n"
        f"  {str(error).strip()}\nCheck DATABASE_URL, that the server runs, and the password of this login."
    )


def findings(cursor: CursorWrapper, role: str) -> list[str]:
    """What this session's login can do beyond its role, and what is missing from the gate; in words."""
    checks: tuple[Callable[[CursorWrapper, str], Iterator[str]], ...] = (
        attributes, memberships, creation, rights, gate, desk, session, logins,
    )  # fmt: skip
    found = [text for check in checks for text in check(cursor, role)]
    found.extend(f"timing: {text}" for text in broken_chain(settings.TIMINGS))
    return found


def attributes(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """Powers of the login itself, and things that it owns."""
    names = ("superuser", "bypassrls", "createrole", "replication", "createdb")
    columns = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolreplication", "rolcreatedb")
    cursor.execute(f"SELECT {', '.join(columns)} FROM pg_roles WHERE rolname = session_user")  # noqa: S608
    row = cursor.fetchone()
    yield from (f"it is {name.upper()}" for name, held in zip(names, row, strict=True) if held)
    cursor.execute(
        "SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' "
        "AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = session_user)"
    )
    if count := cursor.fetchone()[0]:
        yield f"it owns {count} object(s); only owner may own"


def memberships(cursor: CursorWrapper, role: str) -> Iterator[str]:
    cursor.execute(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = "
        "(SELECT oid FROM pg_roles WHERE rolname = session_user) ORDER BY 1"
    )
    yield from (f"it is a member of {name}" for (name,) in cursor.fetchall())


def creation(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """May it make objects, or switch triggers off."""
    cursor.execute(f"SELECT n.nspname FROM pg_namespace n WHERE {OURS} AND has_schema_privilege(n.oid, 'CREATE')")  # noqa: S608
    yield from (f"it may CREATE in schema {name}" for (name,) in cursor.fetchall())
    cursor.execute(
        "SELECT has_database_privilege(current_database(), 'CREATE'), "
        "has_database_privilege(current_database(), 'TEMPORARY'), "
        "has_parameter_privilege('session_replication_role', 'SET')"
    )
    texts = ("it may CREATE schemas", "it may make temporary tables", "it may set session_replication_role")
    yield from (text for text, held in zip(texts, cursor.fetchone(), strict=True) if held)


MINE = "a.grantee IN (0, %(me)s::regrole::oid)"  # 0 is PUBLIC
HELD = f"""
SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, a.privilege_type, ''
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, aclexplode(c.relacl) a WHERE {OURS} AND {MINE}
UNION ALL
SELECT 'TABLE', c.oid::regclass::text, a.privilege_type, t.attname
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace,
  aclexplode(t.attacl) a WHERE {OURS} AND {MINE}
UNION ALL
SELECT 'FUNCTION', p.oid::regprocedure::text, a.privilege_type, ''
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace,
  aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE {OURS} AND {MINE}
UNION ALL
SELECT 'SCHEMA', n.nspname::text, a.privilege_type, ''
  FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a WHERE {OURS} AND {MINE}
"""  # noqa: S608  constants only

Held = tuple[str, str, str, str]


def rights(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """What the login (or PUBLIC) holds, compared with the manifest, in both directions."""
    if role == "owner" or settings.ONE_ROLE:
        return
    cursor.execute("SELECT quote_ident(session_user)")
    cursor.execute(HELD, {"me": cursor.fetchone()[0]})
    held: set[Held] = set(cursor.fetchall())
    wanted = expected(cursor, role)
    yield from (f"it holds {_in_words(right)} beyond the manifest" for right in sorted(held - wanted))
    yield from (f"it lacks {_in_words(right)}" for right in sorted(wanted - held))


def _in_words(right: Held) -> str:
    kind, name, privilege, column = right
    return f"{privilege}{f'({column})' if column else ''} on {kind.lower()} {name}"


def expected(cursor: CursorWrapper, role: str) -> set[Held]:
    """The manifest's rights of one role in the catalogue's own spelling."""
    wanted: set[Held] = set()
    for right in roles.manifest():
        if right.role == role:
            wanted.update(_spelled(cursor, right))
    if role == "auditor":
        wanted.update(_readable(cursor))
    return wanted


def _spelled(cursor: CursorWrapper, right: roles.Right) -> Iterator[Held]:
    kind, name = _resolved(cursor, right)
    for column in right.columns or ("",):
        yield kind, name, right.privilege, column


def _resolved(cursor: CursorWrapper, right: roles.Right) -> tuple[str, str]:
    if right.is_function:
        cursor.execute("SELECT to_regprocedure(%s)::text", [right.object])
        return "FUNCTION", cursor.fetchone()[0] or right.object
    kind, _, name = right.object.rpartition(" ")
    if kind == "SCHEMA":
        return kind, name
    cursor.execute("SELECT to_regclass(%s)::text", [roles.quoted(name)])
    return kind or "TABLE", cursor.fetchone()[0] or name


def _readable(cursor: CursorWrapper) -> Iterator[Held]:
    hidden = roles.hidden_from_auditor()
    cursor.execute(
        "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "  # noqa: S608
        f"WHERE {OURS} AND c.relkind IN ('r', 'p', 'v')"
    )
    yield from (("TABLE", name, "SELECT", "") for (name,) in cursor.fetchall() if name not in hidden)


def gate(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """Triggers and functions: there, always on, pinned, and with the bodies that the migrations wrote."""
    found = fingerprint(cursor)
    shipped = json.loads(LOCK.read_text(encoding="utf-8"))
    for kind in ("triggers", "functions"):
        yield from (f"{kind[:-1]} {name} is missing" for name in sorted(shipped[kind].keys() - found[kind].keys()))
        yield from (f"{kind[:-1]} {name} is not ours" for name in sorted(found[kind].keys() - shipped[kind].keys()))
        both = sorted(shipped[kind].keys() & found[kind].keys())
        yield from (f"{kind[:-1]} {name} was changed" for name in both if shipped[kind][name] != found[kind][name])
    cursor.execute(
        "SELECT t.tgname, t.tgrelid::regclass::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "  # noqa: S608
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {OURS} AND NOT t.tgisinternal AND t.tgenabled <> 'A'"
    )
    yield from (f"trigger {name} on {table} is not ENABLE ALWAYS" for name, table in cursor.fetchall())
    cursor.execute(
        "SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "  # noqa: S608
        f"WHERE {OURS} AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%%')",
        [],
    )
    yield from (f"function {name} does not pin its search_path" for (name,) in cursor.fetchall())


def desk(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """The gate's data: edges and constraints, which no digest of a function covers."""
    yield from reviews_checks.findings(cursor)


def fingerprint(cursor: CursorWrapper) -> dict[str, dict[str, str]]:
    """Every trigger and function of the database with a digest of what it does; the same on 15 and 18."""
    cursor.execute(
        "SELECT c.oid::regclass || '.' || t.tgname, concat_ws('|', t.tgfoid::regprocedure, t.tgtype, t.tgdeferrable, "  # noqa: S608
        "t.tginitdeferred, t.tgattr::text, substring(pg_get_triggerdef(t.oid) from ' WHEN .*')) "
        "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE {OURS} AND NOT t.tgisinternal"
    )
    triggers = {name: _digest(text) for name, text in cursor.fetchall()}
    cursor.execute(
        "SELECT p.oid::regprocedure::text, concat_ws('|', p.prosrc, p.prosecdef, p.provolatile, p.proconfig::text) "  # noqa: S608
        f"FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE {OURS}"
    )
    functions = {name: _digest(text) for name, text in cursor.fetchall()}
    return {"triggers": dict(sorted(triggers.items())), "functions": dict(sorted(functions.items()))}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def session(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """Who the session is, and how it isolates."""
    cursor.execute("SELECT session_user, current_user, current_setting('transaction_isolation')")
    who, now, isolation = cursor.fetchone()
    wanted = roles.login(settings.ROLE_PREFIX, role)
    if not settings.ONE_ROLE and who != wanted:
        yield f"it is {who}; the role {role} signs in as {wanted}"
    if now != who:
        yield f"the session has become {now}; poolers with SET ROLE cannot be used"
    if isolation != "read committed":
        yield f"transactions are {isolation}; the gate is proved for read committed"


def logins(cursor: CursorWrapper, role: str) -> Iterator[str]:
    """The database's own list of logins must be the manifest's, or its triggers would admit strangers."""
    cursor.execute("SELECT audit.role()")
    known = cursor.fetchone()[0]
    wanted = "one" if settings.ONE_ROLE else role
    if known != wanted:
        yield f"the database takes it for {known}, not {wanted}"


def readable_secrets(role: str) -> list[str]:
    """Passwords of other roles that this process could read; in the demo a notice, elsewhere a refusal."""
    folder = settings.SECRETS_DIR
    keys = [f"receipt-{name}.key" for name in ("web", "router") if name != role]
    others = [name for name in (*ROLES, *keys) if name != role and os.access(folder / name, os.R_OK)]
    if not others or settings.SHARED_SECRETS:
        return []
    return [f"it can read the password(s) of {', '.join(others)} in {folder}: run each role as an OS user of its own"]
