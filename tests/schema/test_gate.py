"""The gate as the catalogue shows it: always on, pinned, closed to PUBLIC, and the same as the code's tables."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, models

from reviews import checks
from reviews.models import DeskItem, Item
from reviews.states import EDGES, FINAL, AttemptEnd, Outcome, Reversibility, Risk

pytestmark = pytest.mark.django_db

SQL = Path(settings.BASE_DIR) / "reviews" / "sql"
APPEND_ONLY = {
    "decision", "retraction", "revision", "message", "evidence", "policyversion", "level",
    "precedent", "precedentsearch", "mention", "provisionalverdict", "notice", "passedon",
}  # fmt: skip
ERASABLE = {"revisionbody", "messagebody", "evidencebody", "searchtext", "precedenttext"}
KEPT = {"action", "attempt", "item", "stop", "canary", "tag", "bindingprecedent"} | {
    "qualification", "absence", "invitation", "posting", "handover",
}  # fmt: skip
UPDATE, DELETE, TRUNCATE = 16, 8, 32  # bits of pg_trigger.tgtype


def rows(query: str, *values: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return cursor.fetchall()  # type: ignore[no-any-return]


def test_the_table_of_edges_is_the_one_in_the_code() -> None:
    found = {(before, after, frozenset(roles)) for before, after, roles in rows("SELECT * FROM reviews_action_edge")}  # type: ignore[arg-type]
    assert found == {(e.before.value if e.before else None, e.after.value, e.roles) for e in EDGES}


def test_models_and_migrations_agree() -> None:
    out = io.StringIO()
    call_command("makemigrations", "--check", "--dry-run", stdout=out)
    assert "No changes detected" in out.getvalue()


@pytest.mark.parametrize("schema", ["public", "audit"])
def test_every_function_pins_its_search_path(schema: str) -> None:
    found = rows("SELECT p.proname, p.proconfig FROM pg_proc p WHERE p.pronamespace = %s::regnamespace", schema)
    assert len(found) > 10
    for name, config in found:
        pinned = [setting for setting in config or () if setting.startswith("search_path=")]  # type: ignore[attr-defined]
        assert pinned, f"{name} pins nothing"
        assert pinned[0].startswith("search_path=pg_catalog"), name
        assert pinned[0].endswith("pg_temp"), name


@pytest.mark.parametrize("schema", ["public", "audit"])
def test_no_function_is_open_to_everybody(schema: str) -> None:
    found = rows(
        "SELECT p.oid::regprocedure::text FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE p.pronamespace = %s::regnamespace AND a.grantee = 0",
        schema,
    )
    assert found == []


def test_every_trigger_is_always_on() -> None:
    found = rows(
        "SELECT c.relname, t.tgname, t.tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relnamespace IN ('public'::regnamespace, 'audit'::regnamespace)"
    )
    assert len(found) > 50
    assert [row for row in found if row[2] != "A"] == []


def guarded(kind: int) -> set[str]:
    """Tables of the desk with a trigger that fires on this kind of statement."""
    found = rows(
        "SELECT DISTINCT substr(c.relname, 9) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE NOT t.tgisinternal AND c.relname LIKE 'reviews\\_%%' AND t.tgname LIKE 'reviews\\_%%'"
        " AND t.tgtype & %s > 0 AND t.tgtype & 2 > 0",
        kind,
    )
    return {str(name) for (name,) in found}


def test_what_tells_what_happened_is_never_changed_removed_or_emptied() -> None:
    assert guarded(UPDATE) >= APPEND_ONLY | ERASABLE
    assert guarded(DELETE) == APPEND_ONLY | ERASABLE | KEPT
    assert guarded(TRUNCATE) == APPEND_ONLY | ERASABLE | KEPT


def test_no_login_may_delete_or_empty_what_tells_what_happened() -> None:
    from reviews.grants import GRANTS

    deleting = {grant.object for grant in GRANTS if "DELETE" in grant.privileges}
    assert deleting == {
        "reviews_policydraft", "reviews_user_groups", "reviews_user_user_permissions", "reviews_reach",
        "reviews_authority", "reviews_savedview", "reviews_defaultview", "reviews_precedentdue",
    }  # fmt: skip
    assert not [grant for grant in GRANTS if "TRUNCATE" in grant.privileges or "TRIGGER" in grant.privileges]


def test_every_table_of_the_desk_is_in_the_manifest_or_belongs_to_triggers() -> None:
    from reviews.grants import GRANTS

    named = {grant.object for grant in GRANTS}
    tables = {model._meta.db_table for model in apps.get_app_config("reviews").get_models(include_auto_created=True)}
    assert tables - named == {"reviews_pending_cube", "reviews_pending_delta"}


def test_the_words_in_sql_are_the_words_in_the_code() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(SQL.glob("*.sql")))
    for words in (Risk, Reversibility, Outcome):
        listed = r"ARRAY\[" + r",\s*".join(f"'{word}'" for word in words) + r"\]"
        assert re.search(listed, text), words.__name__
    for end in (AttemptEnd.SUCCEEDED, AttemptEnd.NOT_DONE, AttemptEnd.LOST):  # whatever else is unclear
        assert f"'{end}'" in text
    finals = re.search(r"closed_at := CASE WHEN NEW.state IN \(([^)]*)\)", text)
    assert finals is not None
    assert set(re.findall(r"'(\w+)'", finals[1])) == {status.value for status in FINAL}


def test_the_desks_view_is_the_visit_without_its_purpose() -> None:
    found = {str(name) for (name,) in rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'reviews_item_desk'::regclass AND attnum > 0"
    )}  # fmt: skip
    columns = {field.column for field in Item._meta.concrete_fields}
    # That it was a seeded check shows once it is over, and not before.
    assert found == columns - {"purpose"} | {"was_check"} == {field.column for field in DeskItem._meta.concrete_fields}


def test_nothing_is_removed_by_removing_something_else() -> None:
    cascading = {
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("reviews").get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.remote_field.on_delete is models.CASCADE
    }
    assert cascading == {"PolicyDraft.by"}
    assert rows("SELECT conname FROM pg_constraint WHERE confdeltype <> 'a' AND contype = 'f'") == []


def test_a_lease_finds_its_action_by_the_index_made_for_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM reviews_action WHERE state = 'approved' AND effect_queue = 'default'"
            " AND release_at <= statement_timestamp() AND reviews_leasable(id)"
            " ORDER BY effect_queue, release_at, id LIMIT 1"
        )
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "using action_ready" in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("index", "where", "order"),
    [
        ("item_cell", "queue_id = 'q' AND risk_rank = 1 AND cb = 3", "prio, entered, id"),
        ("item_risk", "queue_id = 'q' AND risk_rank = 1", "prio, entered, id"),
        ("item_entered", "queue_id = 'q' AND risk_rank = 1", "entered, id"),
        ("item_due", "queue_id = 'q' AND risk_rank = 1", "due, id"),
        ("item_type", "queue_id = 'q' AND action_type_id = 't'", "prio, entered, id"),
    ],
)
def test_a_page_of_the_queue_is_read_in_order_from_its_index(index: str, where: str, order: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # a few rows are sorted sooner than read in order
        if index == "item_cell":  # an empty table costs the same through either
            cursor.execute("DROP INDEX item_risk")
        if index == "item_entered":  # likewise: it also holds what is closed
            cursor.execute("DROP INDEX item_came")
        cursor.execute(f"EXPLAIN SELECT id FROM reviews_item WHERE waiting AND {where} ORDER BY {order} LIMIT 50")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"using {index} " in plan
    assert "Sort" not in plan


def test_the_check_finds_nothing_when_nothing_is_wrong() -> None:
    with connection.cursor() as cursor:
        assert list(checks.findings(cursor)) == []
    assert checks.gate(databases=["default"]) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        ("INSERT INTO reviews_action_edge VALUES ('pending', 'succeeded', '{web}')", "from pending to succeeded"),
        ("UPDATE reviews_action_edge SET roles = roles || '{executor}' WHERE after = 'approved'", "to approved"),
        ("DELETE FROM reviews_action_edge WHERE before = 'approved'", "from approved to pending"),
        ("ALTER TABLE reviews_decision DROP CONSTRAINT decision_via", "decision_via is missing"),
        ("DROP INDEX decision_once", "decision_once is missing"),
        ("ALTER TABLE reviews_attempt DROP CONSTRAINT attempt_intent", "attempt_intent is missing"),
    ],
)
def test_the_check_names_what_somebody_changed(change: str, finding: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(change)
        assert any(finding in text for text in checks.findings(cursor))
    assert any(finding in message.msg for message in checks.gate(databases=["default"]))
