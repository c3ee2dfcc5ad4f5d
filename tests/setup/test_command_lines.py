"""Arguments that make no sense, to every command: a sentence and a code, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, get_commands

from manage import LOGINS
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db
MAIL = ("--type", "mail.send", "--principal", "helper")
OURS = ("agents", "audit", "config", "reviews")
WRONG: list[tuple[str, list[str], str]] = [
    ("dry_run", ["{none}"], "cannot be read"),
    ("dry_run", ["{folder}"], "cannot be read"),
    ("dry_run", ["{deep}", "--type", "nope"], "there is no action type 'nope'"),
    ("propose", ["{rows}"], "--type"),
    ("propose", ["{rows}", "--type", "nope"], "nobody called"),
    ("propose", ["{rows}", "--type", "nope", "--principal", "helper"], "there is no action type 'nope'"),
    ("propose", ["{none}", *MAIL], "cannot be read"),
    ("propose", ["{rows}", *MAIL, "--limit", "-1"], "0 or more"),
    ("propose", ["{rows}", *MAIL, "--limit", "x"], "invalid int"),
    ("propose", ["{rows}", *MAIL, "--receipts", "{none}/r"], "cannot be written"),
    ("propose", ["{deep}", *MAIL], "no row could be parked"),
    ("replay_check", ["--file", "{none}"], "cannot be read"),
    ("replay_check", ["--file", "{rows}"], "holds no journals"),
    ("replay_check", ["--file", "{deep}"], "holds no journals"),
    ("replay_check", ["--save", "{none}/x"], "cannot be written"),
    ("replay_check", ["--limit", "-5"], "0 or more"),
    ("replay_check", ["--state", "nope"], "invalid choice"),
    ("audit_export", ["{rows}"], "cannot be written"),
    ("audit_export", ["{none}", "--case", "nope"], "there is no case nope"),
    ("audit_export", ["/proc/none/x"], "cannot be written"),
    ("audit_prune", ["nope"], "invalid UUID"),
    ("audit_prune", ["00000000-0000-7000-8000-000000000000"], "lies under a signed checkpoint"),
    ("audit_retention", ["set", "nope", "5", "--reason", "x", "--by", "lin"], "invalid choice"),
    ("audit_retention", ["order", "--reason", "because", "--by", "nobody"], "there is no open account 'nobody'"),
    ("log_key", ["/proc/none/key"], "cannot be written"),
    ("log_key", ["{rows}"], "never overwritten"),
    ("log_reopen", ["{none}", "--reason", "x"], "the log key"),
    ("after_restore", ["{none}", "--by", "nobody"], "there is no open account 'nobody'"),
    ("after_restore", ["{none}", "--by", "lin"], "open the new log first"),
    ("sequencer", ["--poll", "-1"], "--poll is a number of seconds"),
    ("sequencer", ["--poll", "nan"], "--poll is a number of seconds"),
    ("anchor", ["--now", "--nope"], "unrecognized arguments"),
    ("seed", ["--nope"], "unrecognized arguments"),
    ("rewrap", [], "there is no seal.key in the secrets folder"),
    ("reseal", [], "sealing is off"),
]
# They take no arguments that could be wrong, or hand them on to a program that judges them itself.
PLAIN = {
    "audit_job", "audit_reconcile", "drain", "keeper", "provision", "roles_sql", "schema_lock", "seal_keys",
    "sync_registry", "witness",
}  # fmt: skip


def test_every_command_is_tried() -> None:
    ours = {name for name, app in get_commands().items() if app in OURS}
    assert ours == {name for name, _, _ in WRONG} | PLAIN


@pytest.mark.parametrize(("name", "arguments", "says"), WRONG, ids=[f"{n} {' '.join(a)}" for n, a, _ in WRONG])
def test_a_senseless_argument_is_refused_in_a_sentence(
    name: str, arguments: list[str], says: str, tmp_path: Path
) -> None:
    build.house()
    (tmp_path / "rows").write_text('{"a": 1}\n')
    (tmp_path / "deep").write_text("[" * 100_000 + "\n")
    places = {word: str(tmp_path / word) for word in ("rows", "deep", "none")} | {"folder": str(tmp_path)}
    with as_role(LOGINS.get(name, "auditor")), pytest.raises(CommandError) as refused:
        call_command(name, *(one.format(**places) for one in arguments))
    assert says in str(refused.value)
    assert refused.value.returncode != 0
