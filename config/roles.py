"""Who may do what in PostgreSQL: one manifest, made of the apps' grants, and the SQL that follows.

`create` makes the logins (a superuser's work), `apply` gives them their rights (the owner's, after
each migration). What a running login must not be able to do is checked in config/guard.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import NamedTuple, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

from config.env import ROLES

APPS = ("audit", "reviews", "agents", "config")
RUNTIME = tuple(role for role in ROLES if role != "owner")
PRIVILEGE = re.compile(r"([A-Z]+)\s*(?:\(([^)]*)\))?")
SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"


class ManifestLine(Protocol):
    """One line of an app's GRANTS: short role names, a table or function signature, privileges."""

    @property
    def roles(self) -> str: ...
    @property
    def object(self) -> str: ...
    @property
    def privileges(self) -> str: ...


class Right(NamedTuple):
    """One privilege of one role on one object; `columns` empty means the whole of it."""

    role: str
    object: str
    privilege: str
    columns: tuple[str, ...]

    @property
    def is_function(self) -> bool:
        return "(" in self.object


def manifest() -> list[Right]:
    """Every right that any app grants, in the order of the apps."""
    found: list[Right] = []
    for app in APPS:
        module = import_module(f"{app}.grants")
        for line in module.GRANTS:
            found.extend(expand(line))
    return found


def expand(line: ManifestLine) -> Iterator[Right]:
    """The single rights that a manifest line names; a privilege that cannot be read is an error."""
    for name, columns in parse(line.privileges):
        for role in line.roles.split():
            if role not in RUNTIME:
                raise ValueError(f"unknown role {role!r} in the grants on {line.object}")
            yield Right(role, line.object, name, columns)


def parse(privileges: str) -> list[tuple[str, tuple[str, ...]]]:
    """`SELECT UPDATE(state, revision)` as [("SELECT", ()), ("UPDATE", ("state", "revision"))]."""
    if PRIVILEGE.sub("", privileges).strip(" ,"):
        raise ValueError(f"cannot read the privileges {privileges!r}")
    return [
        (match[1], tuple(part.strip() for part in (match[2] or "").split(",") if part.strip()))
        for match in PRIVILEGE.finditer(privileges)
    ]


def hidden_from_auditor() -> frozenset[str]:
    """Tables that not even the auditor may read, because reading them gives power (sessions)."""
    return frozenset(
        name for app in APPS for name in getattr(import_module(f"{app}.grants"), "HIDDEN_FROM_AUDITOR", ())
    )


def quoted(name: str) -> str:
    """A table name of the manifest as SQL: `audit.event` is schema and table."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def target(right: Right) -> str:
    """What GRANT names: `SCHEMA audit` as it stands, a signature as a function, the rest as a table."""
    if right.is_function:
        return f"FUNCTION {right.object}"
    kind, _, name = right.object.rpartition(" ")
    return f"{kind or 'TABLE'} {quoted(name)}"


def grant_sql(rights: Iterable[Right], prefix: str) -> Iterator[str]:
    """The GRANT statements of the manifest."""
    for right in rights:
        columns = f" ({', '.join(quoted(column) for column in right.columns)})" if right.columns else ""
        yield f"GRANT {right.privilege}{columns} ON {target(right)} TO {quoted(login(prefix, right.role))}"


def login(prefix: str, role: str) -> str:
    """Role name to login name; the first version has the one agent group `main`."""
    return prefix + ("agent_main" if role == "agent" else role)


def apply(connection: BaseDatabaseWrapper, prefix: str, *, one_role: str = "") -> int:
    """Takes every right from every runtime login, gives those of the manifest, fills audit.login.

    Run as owner after each migration, in one transaction. `one_role` names the single login of
    one-role mode. Returns how many rights were given.
    """
    if one_role:
        return _apply_one(connection, one_role)
    rights = manifest()
    with connection.cursor() as cursor:
        cursor.execute(SCHEMAS)
        schemas = [name for (name,) in cursor.fetchall()]
        logins = [login(prefix, role) for role in RUNTIME]
        for statement in (*_clean_sql(schemas, logins), *grant_sql(rights, prefix)):
            cursor.execute(statement)
        _let_auditor_read(cursor, prefix, schemas)
        _name_logins(cursor, [(login(prefix, role), role) for role in ROLES])
    return len(rights)


def _apply_one(connection: BaseDatabaseWrapper, name: str) -> int:
    """One-role mode: there is nobody to take a right from or to give one to; the triggers learn the login."""
    with connection.cursor() as cursor:
        _name_logins(cursor, [(name, "one")])
    return 0


def _name_logins(cursor: CursorWrapper, rows: list[tuple[str, str]]) -> None:
    cursor.execute("DELETE FROM audit.login")
    cursor.executemany("INSERT INTO audit.login (login, role) VALUES (%s, %s)", rows)


def _clean_sql(schemas: list[str], logins: list[str]) -> Iterator[str]:
    everybody = ", ".join(["PUBLIC", *map(quoted, logins)])
    yield "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"
    for schema in map(quoted, schemas):
        for kind in ("TABLES", "SEQUENCES", "FUNCTIONS"):
            yield f"REVOKE ALL ON ALL {kind} IN SCHEMA {schema} FROM {everybody}"
        yield f"REVOKE ALL ON SCHEMA {schema} FROM {everybody}"


def _let_auditor_read(cursor: CursorWrapper, prefix: str, schemas: list[str]) -> None:
    hidden = hidden_from_auditor()
    cursor.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'v') AND n.nspname = ANY(%s)",
        [schemas],
    )
    for schema, table in cursor.fetchall():
        name = table if schema == "public" else f"{schema}.{table}"
        if name not in hidden:
            cursor.execute(f"GRANT SELECT ON {quoted(f'{schema}.{table}')} TO {quoted(login(prefix, 'auditor'))}")


def create(connection: Connection[object], *, prefix: str, database: str, passwords: Mapping[str, str]) -> None:
    """Makes the logins and the database that `owner` owns; existing ones get their password and limits again.

    Needs a superuser connection in autocommit. Passwords leave this process as SCRAM verifiers only.
    """
    names = _existing(connection, "SELECT rolname FROM pg_roles")
    for role in ROLES:
        name = login(prefix, role)
        verifier = connection.pgconn.encrypt_password(
            passwords[role].encode(), name.encode(), b"scram-sha-256"
        ).decode()
        verb = "ALTER" if name in names else "CREATE"
        statement = sql.SQL(f"{verb} ROLE {{}} {limits(role)} PASSWORD {{}}")
        connection.execute(statement.format(sql.Identifier(name), sql.Literal(verifier)))
    if database not in _existing(connection, "SELECT datname FROM pg_database"):
        owner = sql.Identifier(login(prefix, "owner"))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner))
    open_database(connection, prefix=prefix, database=database)
    confine(connection, prefix=prefix, database=database)


def open_database(connection: Connection[object], *, prefix: str, database: str) -> None:
    """Lets the installation's logins, and nobody else, connect to its database."""
    name = sql.Identifier(database)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in RUNTIME:
        grantee = sql.Identifier(login(prefix, role))
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, grantee))


CONFINE = """DO $$
DECLARE f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace
             AND (p.proname ~ '^pg_(try_)?advisory_' OR p.proname ~ '^lo_' OR p.proname IN ('loread', 'lowrite')) LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', f);
    END LOOP;
END $$"""
LOCKING = ("owner", "web", "router", "sequencer")


def confine_sql(prefix: str) -> Iterator[str]:
    """Takes from PUBLIC what PostgreSQL gives everybody: locks by number, and large objects.

    Whoever holds the number that keeper or sequencer lead by stops the desk, and the number is no secret.
    """
    yield CONFINE
    names = ", ".join(quoted(login(prefix, role)) for role in LOCKING)
    for function in ("pg_advisory_xact_lock(bigint)", "pg_try_advisory_lock(bigint)"):
        yield f"GRANT EXECUTE ON FUNCTION pg_catalog.{function} TO {names}"


def confine(connection: Connection[object], *, prefix: str, database: str) -> None:
    """As a superuser, inside the database. A login that is none changes nothing: PostgreSQL warns."""
    place = make_conninfo(connection.info.dsn, password=connection.info.password, dbname=database)
    with Connection.connect(place, autocommit=True) as inside:
        for statement in confine_sql(prefix):
            inside.execute(statement)


LIMITS = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"


def limits(role: str) -> str:
    """On PostgreSQL 15 `owner` may create in its database's schema only by inheriting from pg_database_owner."""
    return LIMITS.replace("NOINHERIT", "INHERIT") if role == "owner" else LIMITS


def create_script(prefix: str, database: str) -> str:
    """The same for psql on a server of one's own: it asks for each password and sends only its verifier."""
    lines = ["-- Run once with psql as a superuser; it asks for a password per login."]
    for role in ROLES:
        name = quoted(login(prefix, role))
        lines += [f"CREATE ROLE {name} {limits(role)};", f"\\password {login(prefix, role)}"]
    lines.append(f"CREATE DATABASE {quoted(database)} OWNER {quoted(login(prefix, 'owner'))};")
    lines.append(f"REVOKE ALL ON DATABASE {quoted(database)} FROM PUBLIC;")
    logins = ", ".join(quoted(login(prefix, role)) for role in RUNTIME)
    lines.append(f"GRANT CONNECT ON DATABASE {quoted(database)} TO {logins};")
    lines += [f"\\connect {quoted(database)}", *(f"{statement};" for statement in confine_sql(prefix))]
    return "\n".join(lines) + "\n"


def _existing(connection: Connection[object], query: str) -> set[str]:
    return {str(row[0]) for row in connection.execute(query).fetchall()}  # type: ignore[index]
