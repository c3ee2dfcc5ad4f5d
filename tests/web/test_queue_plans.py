"""How PostgreSQL would answer each page of the queue: by the index made for it, never by counting rows away."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import build
from tests.web.pages import Browser


def plan(sql: str) -> str:
    """The plan where reading a whole table is only what is left when nothing else can be done."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")  # so few rows are otherwise sorted for nothing
        cursor.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        cursor.execute(f"EXPLAIN {sql}")
        return "\n".join(line for (line,) in cursor.fetchall())


SERVED_BY = {
    "/queue/": "item_risk",
    "/queue/?q=risk:low": "item_risk",
    "/queue/?q=conf:0.30..0.35": "item_cell",
    "/queue/?q=risk:low+conf:none": "item_cell",
    "/queue/?q=type:mail.send": "item_type",
    "/queue/?sort=type": "item_type",
    "/queue/?sort=-risk,age": "item_entered",
    "/queue/?sort=-risk": "item_risk",
    "/queue/?sort=age": "item_entered",
    "/queue/?sort=-age": "item_entered",
    "/queue/?sort=due": "item_due",
    "/queue/?sort=conf": "item_confidence",
}


def listed(ada: Browser, url: str) -> str:
    """The one statement that reads the rows of this page."""
    with CaptureQueriesContext(connection) as queries:
        assert ada.get(url).refs
    (found,) = [q["sql"] for q in queries.captured_queries if "= m.queue" in q["sql"]]
    return found


def test_each_list_is_served_by_its_index(house: build.House, ada: Browser) -> None:
    for confidence in (0.31, None, *[0.9] * 45):
        build.proposed(house, confidence=confidence)
    build.route()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX item_came")  # of every visit, waiting or not: as good where there are no others
        cursor.execute("ANALYZE reviews_item")
    asked = {url: listed(ada, url) for url in SERVED_BY}
    assert not [url for url, sql in asked.items() if "OFFSET" in sql.upper()]
    plans = {url: plan(sql) for url, sql in asked.items()}
    wrong = {url: plans[url] for url, index in SERVED_BY.items() if index not in plans[url]}
    assert not wrong
    assert not [url for url, found in plans.items() if "Seq Scan on reviews_item" in found]


def test_what_one_passed_on_is_looked_up_by_its_own_index(house: build.House, ada: Browser) -> None:
    items = [build.pending(house, "files.delete") for _ in range(3)]
    more = {"f-path": "/srv/reports/2018", "approve": "1", "rationale": "2019 is still needed"}
    ada.send(items[0], "edit", **more)
    with CaptureQueriesContext(connection) as queries:
        assert len(ada.get("/queue/").refs) == 2
    asked = [q["sql"] for q in queries.captured_queries if "passed_by_id" in q["sql"]]
    assert len(asked) >= 2, "the list, and the counts beside it"
    with connection.cursor() as cursor:  # of three rows any index tells as much: only this one is left
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'reviews_item'::regclass"
            " AND NOT indisunique AND indexrelid <> 'item_passed'::regclass"
        )
        for (other,) in cursor.fetchall():
            cursor.execute(f"DROP INDEX {other}")
    for sql in asked:
        assert "item_passed" in plan(sql), sql


def test_no_page_of_the_queue_counts_without_a_bound(house: build.House, ada: Browser) -> None:
    build.pending(house)
    with CaptureQueriesContext(connection) as queries:
        for url in ("/queue/", "/queue/?q=word", "/queue/?q=type:mail.send+age:%3C2h", "/queue/?q=is:decided"):
            ada.get(url)
    asked = [q["sql"] for q in queries.captured_queries]
    counts = [sql for sql in asked if "count(*)" in sql.lower() and "reviews_item" in sql]
    assert counts
    assert [sql for sql in counts if "LIMIT" not in sql] == []


@pytest.mark.parametrize(
    ("url", "index"),
    [
        ("/queue/?q=needle", "search_text_words"),
        ("/queue/?q=customer:8812", "search_text_fields"),
        ("/queue/?q=assignee:@me", "item_assignee"),
        ("/queue/?q=is:clarifying", "item_asked"),
        ("/queue/?q=is:decided", "item_closed"),
        ("/queue/?q=tag:vip", "tag_hanging"),
    ],
)
def test_what_few_rows_have_is_fetched_by_its_own_index(house: build.House, ada: Browser, url: str, index: str) -> None:
    for _ in range(3):
        build.decide(house, build.pending(house))
    build.pending(house)
    with CaptureQueriesContext(connection) as queries:
        ada.get(url)
    pages = [q["sql"] for q in queries.captured_queries if "AS k0" in q["sql"]]
    assert pages
    with connection.cursor() as cursor:
        for setting in ("enable_seqscan", "enable_sort"):
            cursor.execute(f"SET LOCAL {setting} = off")
        plans = []
        for sql in pages:
            cursor.execute(f"EXPLAIN {sql}")
            plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert any(index in found for found in plans), plans
    assert not any("Seq Scan on reviews_searchtext" in found for found in plans)
