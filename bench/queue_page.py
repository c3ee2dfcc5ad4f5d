"""The queue page by size: server time of the whole page, and its share in SQL, at 10,000 waiting and at many more.

`python -m bench.queue_page` compares 10,000 with 100,000 waiting, `--full` with 1,000,000 beside as many decided.
Both sides lie in databases of their own on one server and are asked in turn.
"""

from __future__ import annotations

import gzip
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from bench import place, report
from bench.bulk import TABLES, triggers_off

CONFIG = place.open_place()

from django.db import connection, connections  # noqa: E402  Django is set up by now
from django.test import Client  # noqa: E402

from reviews.models import User  # noqa: E402
from tests import build, cluster  # noqa: E402
from tests.logins import as_role  # noqa: E402

SMALL = 10_000
QUERIES = {
    "all": "",
    "wide": "risk:medium,high conf:0.50..0.90",
    "narrow": "risk:critical conf:0.30..0.35",
    "inside a bucket": "risk:low conf:0.312..0.338",
    "needle": "risk:critical conf:{low:.4f}..{high:.4f}",
    "1 in 1,000 by a word": "needle",
    "1 in 1,000 by a customer": "customer:c-77",
    "1 in 1,000 by a field": "payload.lot:77",
    "a word in most rows": "order",
    "no index: 1 in 50 without a claim": "claimed:none conf:none",
    "no index: 1 in 1,000 by amount": "amount:77",
    "nothing, by a word": "nosuchword",
    "mine": "assignee:@me",
    "by type": "type:refund.issue",
    "not a type": "-type:mail.send",
    "due soon": "due:<1h",
    "decided": "is:decided",
    "decided and a word": "is:decided needle",
}
FLAT = ("all", "wide", "narrow", "needle")
DEEP = ("all", "wide", "narrow")
ORDERS = {
    "oldest first": "age", "newest first": "-age", "due first": "due", "least confident first": "conf",
    "by type": "type", "highest risk, then oldest": "-risk,age",
}  # fmt: skip
POLL = "poll, nothing changed"

_FILL = """
INSERT INTO reviews_action (id, type_id, type_version, proposer_id, owner_id, agent_version, dedup_key, confidence,
    risk, reversibility, effect_mode, effect_queue, needed, state, revision, digest, outcome, floors, policy_version,
    created_at, routed_at, decide_by, fence, failures, case_seq, case_head)
SELECT ('01990000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
       CASE WHEN n / 10 %% 5 = 0 THEN 'refund.issue' ELSE 'mail.send' END, 1, p.id, p.owner_id, p.version,
       'bench/' || n,
       CASE WHEN n %% 50 = 0 THEN NULL ELSE (n * 7919 %% 100003) / 100003.0 END,
       (ARRAY['low', 'low', 'low', 'low', 'low', 'low', 'medium', 'medium', 'high', 'critical'])
           [(1 + n * 31 %% 10)::int],
       'compensable', 'idempotent', 'default', 1, CASE WHEN n <= %(waiting)s THEN 'pending' ELSE 'succeeded' END, 1,
       sha256(n::text::bytea), 'review', '[]', 0, now() - n * interval '1 s', now() - n * interval '1 s',
       now() + interval '1 day', 0, 0, 1, sha256('\\x00'::bytea)
  FROM generate_series(1::bigint, %(total)s) AS n, reviews_principal p WHERE p.name = 'helper'
"""
_ITEMS = """
INSERT INTO reviews_item (id, ref, action_id, purpose, queue_id, action_type_id, principal_id, risk, confidence, amount,
    currency, prio, breached, entered, due, question_open, closed_at, assignee_id, version)
SELECT a.id, row_number() OVER (ORDER BY a.id), a.id, 'gate', 'support', a.type_id, a.proposer_id, a.risk, a.confidence,
       (hashtext(a.dedup_key) & 1023) * 100, 'EUR', (1::bigint << 50) | ((3 - r.rank)::bigint << 48)
           | ((1::bigint << 48) - 1 - (hashtext(a.dedup_key)::bigint & 1048575)),
       false, a.created_at, a.created_at + interval '2 days', false,
       CASE WHEN a.state = 'pending' THEN NULL ELSE a.created_at + interval '1 h' END,
       CASE WHEN a.state = 'pending' AND hashtext(a.dedup_key) % 5000 = 9 THEN u.id END, 1
  FROM reviews_action a JOIN reviews_user u ON u.username = 'ada'
  JOIN (VALUES ('low', 0), ('medium', 1), ('high', 2), ('critical', 3)) AS r (risk, rank) ON r.risk = a.risk
"""
_TEXTS = """
INSERT INTO reviews_searchtext (action_id, revision, title, text, words, fields)
SELECT id, 1, 'Mail kim@example.org: order ' || dedup_key, x.said,
       array_to_tsvector(ARRAY['mail', 'kim', 'example', 'org', 'order', 'bench', substr(dedup_key, 7)]
                         || string_to_array(x.said, ' ')),
       jsonb_build_object('lot', jsonb_build_array(h & 1023), '@customer', jsonb_build_array('c-' || (h & 1023)))
  FROM reviews_action, hashtext(dedup_key) AS h,
       LATERAL (SELECT CASE WHEN h % 1000 = 7 THEN 'a needle in it' ELSE 'on its way' END) AS x (said)
"""
_CUBE = """
INSERT INTO reviews_pending_cube (queue, risk, cb, n, low, low_at)
SELECT queue_id, risk_rank, cb, count(*), min(prio), NULL FROM reviews_item WHERE waiting GROUP BY 1, 2, 3
"""


class Side:
    """One database of a size, with ada signed in to it."""

    def __init__(self, name: str, waiting: int, decided: int) -> None:
        self.name, self.waiting = f"{cluster.database_name()}_{name}", waiting
        cluster.fresh_database(self.name)
        self.use()
        house = build.house()
        with triggers_off((*TABLES, "reviews_searchtext")), connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute(_FILL, {"waiting": waiting, "total": waiting + decided})
            for sql in (_ITEMS, _TEXTS, _CUBE):
                cursor.execute(sql)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute("RESET statement_timeout")
        self.client = Client(SERVER_NAME="127.0.0.1")
        self.client.force_login(User.objects.get(pk=house.ada.pk), "django.contrib.auth.backends.ModelBackend")
        self.times: dict[str, list[float]] = {}
        self.sql: dict[str, list[float]] = {}
        self.weight, self.etag = 0, ""

    def use(self) -> None:
        if connection.settings_dict["NAME"] != self.name:
            connections.close_all()
            connection.settings_dict["NAME"] = self.name

    def ask(self, label: str, url: str, *, keep: bool) -> str:
        with sql_clock() as clock:
            started = time.perf_counter()
            response = self.client.get(url)
            taken = time.perf_counter() - started
        assert response.status_code == 200, url
        if keep:
            self.times.setdefault(label, []).append(taken * 1000)
            self.sql.setdefault(label, []).append(clock[0] * 1000)
        self.weight = max(self.weight, len(gzip.compress(response.content)))
        return response.content.decode()

    def poll(self, *, keep: bool) -> None:
        """The question that an open page asks all day."""
        if not self.etag:
            self.etag = self.client.get("/queue/live/", headers={"HX-Request": "true"})["ETag"]
        started = time.perf_counter()
        response = self.client.get("/queue/live/", headers={"HX-Request": "true", "If-None-Match": self.etag})
        taken = time.perf_counter() - started
        assert response.status_code == 304
        if keep:
            self.times.setdefault(POLL, []).append(taken * 1000)
            self.sql.setdefault(POLL, []).append(0.0)


@contextmanager
def sql_clock() -> Iterator[list[float]]:
    """Seconds spent in statements, in a list of one."""
    spent = [0.0]

    def timed(execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            spent[0] += time.perf_counter() - started

    with connection.execute_wrapper(timed):
        yield spent


def urls(side: Side) -> dict[str, str]:
    """What is asked: each filter from the beginning, the flat ones deep as well, and the other orders."""
    from urllib.parse import urlencode

    # One in ten is critical: twenty rows at every size, since a page takes as long as its rows take to draw.
    half = 20 / 0.1 / side.waiting / 2
    queries = {name: query.format(low=0.4 - half, high=0.4 + half) for name, query in QUERIES.items()}
    found = {name: f"/queue/?{urlencode({'q': query})}" for name, query in queries.items()}
    for name in DEEP:
        deep = found[name]
        for _ in range(20):
            page = side.ask("", deep.replace("rows=50", "rows=500"), keep=False)
            after = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
            deep = after or deep
        found[f"{name}, deep"] = deep
    return found | {name: f"/queue/?sort={order}&q=" for name, order in ORDERS.items()}


def measure(sides: tuple[Side, Side], rounds: int) -> None:
    asked = []
    for side in sides:
        side.use()
        with as_role("web"):
            asked.append(urls(side))
            for url in asked[-1].values():
                side.ask("", url, keep=False)
    for _ in range(rounds):
        for side, pages in random.sample(list(zip(sides, asked, strict=True)), 2):
            side.use()
            with as_role("web"):
                for label in random.sample(sorted(pages), len(pages)):
                    side.ask(label, pages[label], keep=True)
                side.poll(keep=True)


def rows(small: Side, big: Side) -> Iterator[report.Row]:
    for label, times in big.times.items():
        flat = label.removesuffix(", deep") in FLAT
        p50, p95 = report.median(times), report.percentile(times, 0.95)
        target = {POLL: 10, "nothing, by a word": 1_000}.get(label, 1_000 if label.startswith("no index") else 250)
        yield report.Row(
            measure=f"page at {big.waiting:,}: {label}", value=p95, unit="ms", target=target, p50=p50, p95=p95,
            n=len(times),
        )  # fmt: skip
        base = small.times[label]
        base50, base95 = report.median(base), report.percentile(base, 0.95)
        for name, ratio, most in (("p50", p50 / base50, 1.15), ("p95", p95 / base95, 1.3)):
            yield report.Row(
                measure=f"  against {small.waiting:,}, {name}", value=ratio, unit="x", target=most if flat else None,
                p50=base50, p95=base95, n=len(base),
            )  # fmt: skip
        yield report.Row(measure="  of it SQL", value=report.median(big.sql[label]), unit="ms", n=len(times))
    for side in (small, big):
        kilobytes = side.weight / 1000
        yield report.Row(measure=f"weight at {side.waiting:,}, gzipped", value=kilobytes, unit="kB", target=150)


def main() -> None:
    full = "--full" in sys.argv
    size = 1_000_000 if full else 100_000
    small, big = Side("small", SMALL, 0), Side("big", size, size if full else 0)
    measure((small, big), 100 if full else 30)
    report.write("queue_page", list(rows(small, big)), CONFIG | {"waiting": [SMALL, size], "full": full})


if __name__ == "__main__":
    main()
