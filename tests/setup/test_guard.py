"""The start-up check finds each way in which a login can be more than its role."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from config import guard, roles
from config.env import BadSettings
from tests import cluster
from tests.logins import as_role

RUNTIME = roles.RUNTIME


def check(role: str) -> list[str]:
    """The findings for a login, in the transaction of the test."""
    with as_role(role), connection.cursor() as cursor:
        return guard.findings(cursor, role)


def change(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.parametrize("role", RUNTIME)
def test_a_provisioned_login_is_clean(role: str) -> None:
    assert check(role) == []


ABUSES = [
    ("ALTER ROLE assentry_web BYPASSRLS", "it is BYPASSRLS"),
    ("ALTER ROLE assentry_web CREATEROLE", "it is CREATEROLE"),
    ("ALTER ROLE assentry_web CREATEDB", "it is CREATEDB"),
    ("ALTER ROLE assentry_web REPLICATION", "it is REPLICATION"),
    ("ALTER TABLE reviews_queue OWNER TO assentry_web", "it owns 1 object(s)"),
    ("GRANT pg_read_all_data TO assentry_web", "it is a member of pg_read_all_data"),
    ("GRANT assentry_router TO assentry_web", "it is a member of assentry_router"),
    ("GRANT CREATE ON SCHEMA public TO assentry_web", "it may CREATE in schema public"),
    ("GRANT CREATE ON SCHEMA audit TO PUBLIC", "it may CREATE in schema audit"),
    ("GRANT SET ON PARAMETER session_replication_role TO assentry_web", "it may set session_replication_role"),
    ("GRANT DELETE ON reviews_action TO assentry_web", "it holds DELETE on table reviews_action beyond"),
    ("GRANT TRUNCATE ON reviews_decision TO PUBLIC", "it holds TRUNCATE on table reviews_decision beyond"),
    ("GRANT UPDATE (risk) ON reviews_action TO assentry_web", "it holds UPDATE(risk) on table reviews_action beyond"),
    ("GRANT INSERT ON audit.leaf TO assentry_web", "it holds INSERT on table audit.leaf beyond"),
    ("REVOKE SELECT ON reviews_queue FROM assentry_web", "it lacks SELECT on table reviews_queue"),
    ("ALTER TABLE reviews_action DISABLE TRIGGER USER", "on reviews_action is not ENABLE ALWAYS"),
    ("ALTER TABLE reviews_decision ENABLE TRIGGER USER", "on reviews_decision is not ENABLE ALWAYS"),
    ("ALTER FUNCTION audit.role() RESET search_path", "function audit.role() does not pin its search_path"),
    ("ALTER FUNCTION audit.role() SET search_path = public", "function audit.role() was changed"),
    (
        """CREATE OR REPLACE FUNCTION audit.role() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER
        SET search_path = pg_catalog, audit, pg_temp AS $$ SELECT 'web' $$""",
        "function audit.role() was changed",
    ),
    (
        "CREATE FUNCTION public.backdoor() RETURNS text LANGUAGE sql SET search_path = pg_catalog AS $$ SELECT 'x' $$",
        "function backdoor() is not ours",
    ),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("abuse", "finding"), ABUSES, ids=[finding for _, finding in ABUSES])
def test_the_check_names(abuse: str, finding: str) -> None:
    change(abuse)
    assert [text for text in check("web") if finding in text]


@pytest.mark.django_db(transaction=True)
def test_another_isolation_is_named() -> None:
    change("SET default_transaction_isolation = 'serializable'")
    try:
        assert "transactions are serializable; the gate is proved for read committed" in check("web")
    finally:
        change("RESET default_transaction_isolation")


@pytest.mark.django_db
def test_a_missing_trigger_is_named() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'reviews_action'::regclass AND NOT tgisinternal LIMIT 1"
        )
        (name,) = cursor.fetchone()
    change(f'DROP TRIGGER "{name}" ON reviews_action')
    assert f"trigger reviews_action.{name} is missing" in check("executor")


@pytest.mark.django_db
def test_a_superuser_is_never_a_runtime_login(monkeypatch: pytest.MonkeyPatch) -> None:
    with connection.cursor() as cursor:
        found = guard.findings(cursor, "web")
    assert "it is SUPERUSER" in found
    assert any("signs in as assentry_web" in text for text in found)


@pytest.mark.django_db
def test_a_login_of_another_role_is_named() -> None:
    with as_role("agent"), connection.cursor() as cursor:
        found = guard.findings(cursor, "web")
    assert "it is assentry_agent_main; the role web signs in as assentry_web" in found
    assert "the database takes it for agent, not web" in found


@pytest.mark.django_db
def test_the_shipped_fingerprint_is_that_of_the_migrations() -> None:
    with connection.cursor() as cursor:
        found = guard.fingerprint(cursor)
    assert found == json.loads(guard.LOCK.read_text(encoding="utf-8")), "run `make schema-lock` and read its diff"


@pytest.mark.django_db
def test_provision_takes_back_what_somebody_gave() -> None:
    change("GRANT DELETE ON reviews_action TO assentry_web")
    change("GRANT UPDATE (risk) ON reviews_action TO assentry_agent_main")
    change("GRANT SELECT ON django_session TO assentry_auditor")
    with as_role("owner"):
        roles.apply(connection, settings.ROLE_PREFIX)
    assert {role: check(role) for role in RUNTIME} == {role: [] for role in RUNTIME}


def test_other_roles_passwords_are_a_finding_unless_the_demo_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("web", "router"):
        (tmp_path / name).write_text("x")
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    monkeypatch.setattr(settings, "SHARED_SECRETS", False)
    assert "it can read the password(s) of router" in guard.readable_secrets("web")[0]
    monkeypatch.setattr(settings, "SHARED_SECRETS", True)
    assert guard.readable_secrets("web") == []


@pytest.mark.django_db
def test_one_role_mode_reports_and_goes_on(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(settings, "DATABASE_ROLE", "web")
    with pytest.raises(BadSettings):
        guard.ensure_login_is_safe()
    monkeypatch.setattr(settings, "ONE_ROLE", True)
    with caplog.at_level("WARNING"):
        guard.ensure_login_is_safe()
    assert "Decisions can be forged in anybody's name" in caplog.text
    assert "one-role mode: it is SUPERUSER" in caplog.text


# The processes themselves, started as they are in production.

STARTS = {
    "web": ["-c", "import config.wsgi"],
    "keeper": ["manage.py", "keeper"],
    "drain": ["manage.py", "drain"],
    "sequencer": ["manage.py", "sequencer"],
    "anchor": ["manage.py", "anchor"],
}
LOGIN_OF = {"web": "web", "keeper": "router", "drain": "executor", "sequencer": "sequencer", "anchor": "sequencer"}


@pytest.fixture
def over_privileged(request: pytest.FixtureRequest, transactional_db: None) -> str:
    """A process name whose login may delete actions, committed."""
    name: str = request.param
    change(f"GRANT DELETE ON reviews_action TO {roles.login(cluster.PREFIX, LOGIN_OF[name])}")
    return name


@pytest.mark.slow
@pytest.mark.parametrize("over_privileged", STARTS, indirect=True)
def test_the_process_refuses_to_start(over_privileged: str) -> None:
    environ = {name: value for name, value in os.environ.items() if name != "ASSENTRY_ROLE"}
    environ |= {
        "DATABASE_URL": cluster.login_url("web").replace(cluster.login_url("web").split("@")[0] + "@", "postgresql://"),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "ASSENTRY_SECRET_KEY": "x" * 60,
    }
    done = subprocess.run(
        [sys.executable, *STARTS[over_privileged]], env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "does not start this process" in done.stderr
    assert "it holds DELETE on table reviews_action beyond the manifest" in done.stderr
    assert "Traceback" not in done.stderr
