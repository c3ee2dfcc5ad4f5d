"""R5: who was qualified and authorised. R6: stops and overrides. R13: configuration and policy through time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from django.db import connection

from audit.report import Query, Report
from audit.reports.events import COMMON, PROOF, Told, common, compact, lines, proof, read
from audit.tabular import Column, Line

PEOPLE = (
    "account.changed", "role.granted", "role.revoked", "qualification.recorded", "delegation.granted",
    "delegation.revoked",
)  # fmt: skip
RULES = (
    "policy.published", "level.set", "level.lapsed", "action_type.registered", "action_type.changed",
    "principal.registered", "principal.changed", "principal.retired", "queue.changed", "registry.synced",
    "certificate.issued", "certificate.revoked", "token.created", "token.changed", "token.rotated", "token.revoked",
    "log.created", "log.key_added", "log.key_retired", "log.alarm", "log.one_role", "log.journey_profile",
)  # fmt: skip
STOPS = ("stop.placed", "stop.lifted")
OVERRIDES = ("action.edited", "action.withdrawn", "action.reversed", "decision.recorded", "decision.retracted")
# Of decisions, the refusals: an approval of what was proposed overrides nothing.
REFUSALS = (
    "AND (e.name <> 'decision.recorded' OR convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,verdict}' = 'reject')"
    " AND (e.name <> 'decision.recorded' OR e.actor_ref NOT LIKE 'policy:%%')"
)


def _what(told: Told) -> tuple[object, ...]:
    data = told.data
    subject = data.get("subject") or data.get("name") or data.get("principal") or data.get("target")
    scope = data.get("role") or data.get("qualification") or data.get("type") or data.get("scope")
    return subject, scope, data.get("scope") or data.get("version")


# How things stood at `until`: of everything granted before, the newest word on each subject, role and scope.
STANDING = """
SELECT DISTINCT ON (key) e.n, key FROM audit.event_web e,
       LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS d) x,
       LATERAL (SELECT CASE
         WHEN e.name = 'account.changed' THEN concat_ws(' ', 'account', d ->> 'name')
         WHEN e.name LIKE 'qualification.%%' THEN concat_ws(' ', 'skill', d ->> 'subject', d ->> 'qualification')
         WHEN e.name LIKE 'delegation.%%' THEN concat_ws(' ', 'delegation', d ->> 'delegation')
         ELSE concat_ws(' ', 'role', d ->> 'subject', d ->> 'role', d ->> 'scope') END AS key) k
 WHERE e.name = ANY (%s) AND e.at < %s
 ORDER BY key, e.n DESC
"""


def _roster(query: Query) -> Iterator[Line]:
    """One line for each grant, account and qualification as it stood at the end of the time asked for."""
    with connection.cursor() as cursor:
        cursor.execute(STANDING, [list(PEOPLE), query.until])
        newest = {n for n, _ in cursor.fetchall()}
    whole = Query(since=datetime(1970, 1, 1, tzinfo=UTC), until=query.until, after=query.after, chunk=query.chunk)
    for told in read(whole, PEOPLE):
        if told.n in newest:
            yield Line(str(told.n), (*common(told), *_standing(told, query.until), *proof(told)))


def _standing(told: Told, at: datetime) -> tuple[object, ...]:
    data = told.data
    until = data.get("expires") or data.get("valid_until")
    over = told.name.endswith(".revoked") or (until is not None and datetime.fromisoformat(until) <= at)
    detail = data.get("after") or {name: data[name] for name in ("valid_from", "target") if data.get(name)}
    return (
        data.get("subject") or data.get("name") or data.get("source"),
        *_what(told)[1:],
        until,
        not over,
        compact(detail),
    )


R5 = Report(
    id="R5",
    title="Roster",
    question="Who was qualified and authorised at a given time, since when, and by whose word?",
    columns=(
        *COMMON,
        Column("subject", "whose account, role or qualification it is: a pseudonym or a group", "code"),
        Column("role", "role, authority or qualification"),
        Column("scope", "what it covers"),
        Column("until", "when it ends by itself"),
        Column("in_force", "whether it stood at the end of the time asked for"),
        Column("detail", "as it was set: limits, rights, groups"),
        *PROOF,
    ),
    lines=_roster,
    note="How it stood at the end of the time asked for, from the events alone; what was set up before the first "
    "event (installation, test data) is not here.",
)


def _override(told: Told) -> tuple[object, ...]:
    data = told.data
    what = data.get("verdict") or data.get("scope") or data.get("by") or ("revision" if "revision" in data else "")
    return what, data.get("target") or data.get("type") or data.get("revision"), data.get("reason_code")


R6 = Report(
    id="R6",
    title="Stops and overrides",
    question="When did people stop, refuse, change, take back or reverse what agents or policy had set going?",
    columns=(
        *COMMON,
        Column("what", "scope of a stop, the verdict, the reversing action"),
        Column("target", "what was stopped; the type; the revision"),
        Column("reason_code", "as picked; the words are committed text"),
        *PROOF,
    ),
    lines=lines((*STOPS, *OVERRIDES), _override, REFUSALS),
)


def _change(told: Told) -> tuple[object, ...]:
    data = told.data
    plain = {name: value for name, value in data.items() if name not in ("before", "after", "name", "version")}
    subject = data.get("name") or data.get("principal") or data.get("policy") or data.get("type")
    return subject, data.get("version"), compact(data.get("before")), compact(data.get("after") or plain)


R13 = Report(
    id="R13",
    title="Configuration and policy history",
    question="Which rules, types, agents, people and keys changed, from what to what, and by whom?",
    columns=(
        *COMMON,
        Column("subject", "what was changed", "code"),
        Column("version"),
        Column("before"),
        Column("after"),
        *PROOF,
    ),
    lines=lines((*RULES, *STOPS, *PEOPLE), _change),
)
REPORTS = (R5, R6, R13)
