"""Settings: one class, documented, and a wrong value ends the process with a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from config import logins
from config.env import ROOT, BadSettings, Env, load

GOOD = {"DATABASE_URL": "postgresql://127.0.0.1:5432/desk", "ASSENTRY_STATE": "/nonexistent/assentry"}


def refusal(capsys: pytest.CaptureFixture[str], **values: str) -> str:
    with pytest.raises(BadSettings) as ended:
        load(GOOD | values)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_defaults_are_the_cautious_ones() -> None:
    found = load(GOOD)
    assert (found.role, found.profile, found.one_role, found.debug, found.shared_secrets) == (
        "auditor", "normal", False, False, False,
    )  # fmt: skip


def test_a_missing_database_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadSettings):
        load({"ASSENTRY_STATE": "/nonexistent/assentry"})
    text = capsys.readouterr().err
    assert "DATABASE_URL is not set" in text
    assert "make demo" in text


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("DATABASE_URL", "mysql://127.0.0.1/desk", "expected postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql:/desk", "expected postgresql://host:port/name"),
        ("DATABASE_URL", "postgresql://127.0.0.1:54x/desk", "the port is not a number"),
        ("DATABASE_URL", "postgresql://127.0.0.1:5432", "expected postgresql://host:port/name"),
        ("REDIS_URL", "http://127.0.0.1", "expected redis://host:port/0"),
        ("REDIS_URL", "redis://127.0.0.1:0/0", "the port is not a number"),
        ("PUBLIC_URL", "http://desk.example.org", "plain http is for 127.0.0.1 and localhost only"),
        ("PUBLIC_URL", "desk.example.org", "expected https://host"),
        ("ASSENTRY_ROLE", "root", "'owner', 'web'"),
        ("ASSENTRY_ROLE_PREFIX", "Desk-", "expected lower-case letters"),
        ("ASSENTRY_PROFILE", "fast", "'normal', 'journey' or 'test'"),
        ("ASSENTRY_LOG_ORIGIN", "https://desk", "without a scheme"),
        ("ASSENTRY_MAIL_URL", "mail.example.org", "expected outbox:"),
        ("ASSENTRY_ANCHORS", "dir:/mnt/a, ftp://b", "'ftp://b' names no place"),
        ("ASSENTRY_ONE_ROLE", "perhaps", "valid boolean"),
        ("ASSENTRY_AGENT_MODULES", "shop.agents, os;rm", "'os;rm' is no name of a Python module"),
        ("ASSENTRY_AGENT_MODULES", "..", "no name of a Python module"),
        ("ASSENTRY_MAIL_URL", "smtp://mail:99999", "the port is not a number between 1 and 65535"),
        ("ASSENTRY_MAIL_FROM", "a@b.org\nBcc: c@d.org", "expected one address"),
        ("ASSENTRY_MAIL_FROM", "a@b.org, c@d.org", "expected one address"),
        ("ASSENTRY_ALLOWED_HOSTS", "https://desk.example.org", "is no host name"),
        ("ASSENTRY_ALLOWED_HOSTS", "desk.example.org:8000", "is no host name"),
        ("ASSENTRY_SECRETS", "/etc/passwd", "is no folder"),
        ("ASSENTRY_ANCHOR_DIR", "/etc/passwd", "is no folder"),
        ("ASSENTRY_LOG_KEY", "/etc", "expected a file"),
        ("ASSENTRY_LOG_POLICY", "/etc", "expected a file"),
        ("ASSENTRY_SEAL", "perhaps", "'off' or 'on'"),
        ("ASSENTRY_STEP_UP_SECONDS", "1e9", "valid integer"),
        ("ASSENTRY_OIDC_ISSUER", "https://[", "Invalid IPv6 URL"),
        ("ASSENTRY_PROXY_COUNT", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_says_which_and_what(
    capsys: pytest.CaptureFixture[str], name: str, value: str, says: str
) -> None:
    text = refusal(capsys, **{name: value})
    assert name in text
    assert says in text


def test_debug_pages_are_for_loopback_only(capsys: pytest.CaptureFixture[str]) -> None:
    text = refusal(capsys, ASSENTRY_DEBUG="true", PUBLIC_URL="https://desk.example.org")
    assert "ASSENTRY_DEBUG" in text


def test_a_password_never_shows_in_the_settings_or_their_errors(capsys: pytest.CaptureFixture[str]) -> None:
    given = {
        "DATABASE_URL": "postgresql://desk:s3cret-a@127.0.0.1/desk",
        "REDIS_URL": "redis://u:s3cret-b@127.0.0.1/0",
        "ASSENTRY_DB_PASSWORD": "s3cret-c",
        "ASSENTRY_MAIL_URL": "smtp://u:s3cret-d@mail:25",
        "ASSENTRY_SECRET_KEY": "s3cret-e" * 10,
    }
    assert "s3cret" not in repr(load(GOOD | given))
    assert "s3cret" not in refusal(capsys, **given | {"ASSENTRY_PROFILE": "fast"})


def test_the_login_follows_from_the_role_unless_the_url_names_one(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("from-file\n")
    found = load(GOOD | {"ASSENTRY_ROLE": "agent", "ASSENTRY_SECRETS": str(tmp_path)})
    assert logins.database_login(found)["USER"] == "assentry_agent_main"
    assert logins.database_login(found)["PASSWORD"] == "from-file"
    named = load(GOOD | {"DATABASE_URL": "postgresql://me:p%40ss@db:6543/desk"})
    assert logins.database_login(named) == {
        "HOST": "db", "PORT": "6543", "NAME": "desk", "USER": "me", "PASSWORD": "p@ss",
    }  # fmt: skip


def test_an_unknown_connection_option_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert logins.database_options("postgresql://h/d?sslmode=require") == {"sslmode": "require"}
    with pytest.raises(BadSettings):
        logins.database_options("postgresql://h/d?options=-csearch_path%3Devil")
    assert "DATABASE_URL asks for options" in capsys.readouterr().err


def test_commands_typed_beside_a_demo_use_its_servers(tmp_path: Path) -> None:
    (tmp_path / "demo.env").write_text("DATABASE_URL=postgresql://127.0.0.1:1/demo\nPUBLIC_URL=http://127.0.0.1:9\n")
    found = load({"ASSENTRY_STATE": str(tmp_path), "PUBLIC_URL": "http://127.0.0.1:10"})
    assert found.database_url.endswith("/demo")
    assert found.public_url == "http://127.0.0.1:10"


def test_only_web_needs_a_key_that_lasts(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(logins.django_key(load(GOOD))) >= 50
    with pytest.raises(BadSettings):
        logins.django_key(load(GOOD | {"ASSENTRY_ROLE": "web"}))
    assert "ASSENTRY_SECRET_KEY is not set" in capsys.readouterr().err


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    for field in Env.model_fields.values():
        line = next((line for line in text.splitlines() if line.startswith(f"| `{field.alias}` |")), "")
        assert line.endswith(f"| {field.description} |"), f"docs/deploy.md does not describe {field.alias}"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"DATABASE_URL": "nonsense"}, "Assentry cannot start: its settings are not right.\n  DATABASE_URL: expected"),
        (
            {"ASSENTRY_AGENT_MODULES": "nope.agents"},
            "cannot start: ASSENTRY_AGENT_MODULES names 'nope.agents'",
        ),
        ({"ASSENTRY_AGENT_MODULES": "tests.setup.broken"}, "ZeroDivisionError: division by zero"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:1/desk"}, "Assentry cannot reach its database desk at 127.0.0.1:1"),
    ],
)
def test_manage_py_refuses_what_cannot_work_without_a_traceback(values: dict[str, str], says: str) -> None:
    given = {"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgresql://127.0.0.1:1/x", "ASSENTRY_STATE": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "manage.py", "showmigrations"],
        cwd=ROOT, env=given | values, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
