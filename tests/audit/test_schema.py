"""Models, catalogue, manifest and documentation say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

from audit import verify
from audit.grants import GRANTS
from audit.registry import erasers, projections, texts
from tests.audit.world import sql
from tests.logins import as_role

ROOT = Path(verify.__file__).parent.parent
DOC = (ROOT / "docs" / "audit-log.md").read_text(encoding="utf-8")
NAMES = set(verify.TAMPERED.split()) | {
    "NO_CHECKPOINT", "UNCOVERED_TAIL", "COSIG", "ANCHOR_SIG", "STALE", "UNREADABLE", "CRASH",
    "RECEIPT_SIG", "RECEIPT_OTHER",
}  # fmt: skip


@pytest.mark.django_db
def test_the_models_have_the_columns_of_the_tables() -> None:
    for model in apps.get_app_config("audit").get_models():
        schema, table = model._meta.db_table.replace('"', "").split(".")
        columns = {
            name for (name,) in sql(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s",
                schema, table,
            )
        }  # fmt: skip
        assert {field.column for field in model._meta.concrete_fields} == columns, model
        assert not model._meta.managed


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", "audit", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
def test_no_foreign_key_leaves_or_enters_the_record() -> None:
    assert sql(
        "SELECT conname FROM pg_constraint WHERE contype = 'f'"
        " AND (connamespace = 'audit'::regnamespace OR confrelid IN"
        " (SELECT oid FROM pg_class WHERE relnamespace = 'audit'::regnamespace))"
    ) == []  # fmt: skip


@pytest.mark.django_db
def test_every_function_is_definer_or_pure_and_pins_its_search_path() -> None:
    loose = sql(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'audit'::regnamespace AND (proconfig IS NULL"
        " OR NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=pg_catalog,%%pg_temp'))"
        " OR pronamespace = 'audit'::regnamespace AND NOT prosecdef AND proname <> 'b64'".replace("%%", "%")
    )
    assert loose == []
    open_to_all = sql(
        "SELECT proname FROM pg_proc p, aclexplode(p.proacl) a WHERE pronamespace = 'audit'::regnamespace"
        " AND a.grantee = 0"
    )
    assert open_to_all == []


def test_the_manifest_lets_nobody_change_events() -> None:
    for grant in GRANTS:
        if grant.object in ("audit.event", "audit.event_web", "audit.leaf", "audit.event_name", "audit.login"):
            assert not re.search(r"UPDATE|DELETE|TRUNCATE|TRIGGER|ALL", grant.privileges), grant
        assert "owner" not in grant.roles.split()


@pytest.mark.django_db
def test_the_keeper_and_the_auditor_can_read_what_an_export_needs() -> None:
    for role in ("router", "auditor"):
        with as_role(role):
            for lines in projections().values():
                assert list(lines(None)) == []
                assert list(lines(["action:x", "run:y"])) == []
            for source in texts().values():
                assert list(source(None)) == []
    assert "reviews" in projections()
    assert "reviews" in erasers()


def test_the_documentation_names_every_finding_and_no_other() -> None:
    table = DOC.partition("## Findings")[2].partition("The lines of")[0]
    told = set(
        re.findall(r"\b[A-Z][A-Z_]{2,}\b", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    )
    assert told == NAMES
    source = Path(verify.__file__).read_text(encoding="utf-8")
    said = set(re.findall(r'say\("([A-Z_]+)"', source)) | {"SIG", "UNREADABLE", "PARSE"}
    assert said == NAMES


def test_the_documentation_names_every_code_and_option() -> None:
    functions = (ROOT / "audit" / "sql" / "0001_functions.sql").read_text(encoding="utf-8")
    for code in set(re.findall(r"'(AU\d\d\d)'", functions)):
        assert f"| {code} |" in DOC
    for option in ("key", "policy", "against", "receipt", "case", "all", "json", "progress", "fresh"):
        assert f"`--{option}" in DOC


def test_the_documents_sample_of_a_leaf_has_the_envelopes_keys() -> None:
    sample = DOC.partition('{"actor"')[2].partition("(broken")[0]
    for key in verify.ENVELOPE[1:]:
        assert f'"{key}":' in sample


@pytest.mark.django_db
def test_a_page_of_the_search_reads_an_index_in_its_own_order() -> None:
    sql("ALTER TABLE audit.event DISABLE TRIGGER ALL")  # rows for the planner, gone with this transaction
    sql(
        "INSERT INTO audit.event (id, name, at, case_id, case_seq, actor_ref, writer, leaf_hash, leaf)"
        " SELECT gen_random_uuid(), 'name.' || i % 40, now(), 'x:' || i, 1, 'psn_' || i % 50, 'web', sha256('x'), 'x'"
        " FROM generate_series(1, 3000) AS i"
    )
    sql("ANALYZE audit.event")
    page = "EXPLAIN SELECT e.* FROM audit.event_web e WHERE {} AND e.n < 9000000000 ORDER BY e.n DESC LIMIT 50"
    sql("SET LOCAL enable_seqscan = off")
    sql("SET LOCAL enable_bitmapscan = off")
    for where, index in (
        ("e.name = 'x'", "event_by_name"),
        ("e.actor_ref = 'x'", "event_by_actor"),
        ("true", "event_pkey"),
    ):
        plan = "\n".join(row[0] for row in sql(page.format(where)))
        assert f"Index Scan Backward using {index}" in plan
        assert "Sort" not in plan
