"""One item's page: in the order of a reviewer's questions, and nothing on it can act by itself."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews import services
from reviews.models import ActionType
from reviews.queries.reasons import offered
from reviews.reasons import presets
from reviews.registry import DeskType
from reviews.schemas import DecisionIn
from reviews.states import EffectMode, Reversibility, Risk, Verdict
from tests import build
from tests.logins import as_role
from tests.web.pages import HX, Browser

# What differs between two looks at the same page: stamps, tokens, and how long ago something was.
PASSING = re.compile(
    r'name="(opened|csrfmiddlewaretoken)" value="[^"]*"|data-(?:opened|since)="[^"]*"|hx-headers=\'[^\']*\''
    r'|opened=[^"&]*|\d+ (s|min)\b'
)
BIDI = "pay \u202e7711\u202c now\u200b"


def test_page_asks_in_words_and_says_what_happens_if_nobody_acts(house: build.House, ada: Browser) -> None:
    page = ada.open(build.pending(house, "refund.issue"))
    assert '<h1 class="break">Refund 129.50 EUR to 8812</h1>' in page.text
    assert "If you do nothing: it expires in" in page.plain
    assert "and nothing is done" in page.plain
    assert "Review because" in page.plain


def test_evidence_comes_before_the_agents_reasoning_which_is_folded(house: build.House, ada: Browser) -> None:
    item = build.pending(house, evidence=(build.evidence("seen"),), reasoning="trust me")
    text = ada.open(item).text
    assert text.index('id="evidence"') < text.index("The agent’s own reasoning")
    assert re.search(r'<details class="panel disclosure reasoning">', text)


def test_contradicting_evidence_comes_first(house: build.House, ada: Browser) -> None:
    item = build.pending(house, evidence=(build.evidence("first"), build.evidence("no!", conflict=True)))
    text = ada.open(item).text
    assert text.index("contradicts the proposal") < text.index("no!") < text.index("first")


def test_hostile_text_is_shown_and_never_runs(house: build.House, ada: Browser) -> None:
    nasty = '<img src=x onerror=alert(1)><a hx-get="/sign-out/">{{ user.password }} {% debug %}'
    item = build.pending(
        house,
        payload={"to": "kim@example.org", "subject": nasty, "body": BIDI},
        reasoning=nasty,
        evidence=(build.evidence(nasty),),
    )
    for page in (
        ada.open(item),
        ada.get("/queue/"),
        ada.get(f"/a/ACT-{item.ref}/edit/"),
        ada.get(f"/a/ACT-{item.ref}/decide/"),
    ):
        assert page.status == 200
        assert "<img src=x" not in page.text
        assert '<a hx-get="/sign-out/"' not in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text
        assert "{{ user.password }}" in page.plain
        # A field that can be edited holds the bytes themselves; everywhere else they are written out.
        assert "\u202e" not in re.sub(r"<textarea.*?</textarea>|<input[^>]*>", "", page.text, flags=re.DOTALL)


def test_hidden_characters_are_written_out(house: build.House, ada: Browser) -> None:
    item = build.pending(house, payload={"to": "kim@example.org", "subject": "x", "body": BIDI})
    page = ada.open(item)
    assert '<span class="escape">[U+202E]</span>7711<span class="escape">[U+202C]</span>' in page.text
    assert "characters that do not show" in page.plain


def test_hidden_characters_in_a_machine_read_field_switch_approval_off(house: build.House, ada: Browser) -> None:
    item = build.pending(house, payload={"to": "kim@exa\u200bmple.org", "subject": "x"})
    assert "Approve is off: hidden characters" in ada.open(item).plain
    assert ada.send(item, "decide", verdict="approve").status == 422


def test_foreign_domain_is_shown_as_machines_read_it(house: build.House, ada: Browser) -> None:
    item = build.pending(house, payload={"to": "kim@p\u0430ypal.com", "subject": "x"})
    page = ada.open(item)
    assert "xn--pypal-4ve.com" in page.plain
    assert "mixed scripts" in page.plain


def test_foreign_text_stands_in_a_frame_in_which_htmx_does_nothing(house: build.House, ada: Browser) -> None:
    item = build.pending(house, evidence=(build.evidence("outside"),), reasoning="agent")
    text = ada.open(item).text
    for words in ("outside", "agent"):
        frame = text[: text.index(f">{words}</div>")].rfind('<div class="untrusted" hx-disable>')
        assert frame > 0


def test_bytes_are_shown_as_they_are_with_their_digest(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    page = ada.open(item)
    assert '{"amount":12950,"customer":"8812"}' in page.plain
    assert bytes(item.action.digest).hex() in page.text


@pytest.mark.parametrize("ref", ["ACT-999999", "ACT-99999999999999999999", "ACT-abc", "ACT-0", "ACT--1", "%00"])
def test_what_does_not_exist_is_not_found(ada: Browser, ref: str) -> None:
    assert ada.get(f"/a/{ref}/").status == 404


def test_what_is_out_of_reach_answers_exactly_like_what_does_not_exist(house: build.House, mallory: Browser) -> None:
    item = build.pending(house)
    theirs, absent = mallory.open(item), mallory.get("/a/ACT-999999/")
    assert (theirs.status, theirs.plain) == (absent.status, absent.plain)
    assert theirs.status == 404
    assert mallory.get(f"/action/{item.action_id}/").status == 404
    for verb in ("decide", "edit", "ask", "escalate", "defer"):
        assert mallory.get(f"/a/ACT-{item.ref}/{verb}/").status == 404


def test_page_by_the_actions_id_is_the_same_page(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    assert ada.get(f"/action/{item.action_id}/").plain == ada.open(item).plain


def test_action_without_an_item_has_a_page_and_no_verbs(house: build.House, ada: Browser, mallory: Browser) -> None:
    action = build.proposed(house)
    page = ada.get(f"/action/{action}/")
    assert page.status == 200
    assert "Mail kim@example.org" in page.plain
    assert 'data-verb="approve"' not in page.text
    assert mallory.get(f"/action/{action}/").status == 404


def test_preview_is_the_same_without_the_frame(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    fragment = ada.get(f"/a/ACT-{item.ref}/", **HX)
    assert "<html" not in fragment.text
    assert f'data-ref="ACT-{item.ref}"' in fragment.text


def test_looking_writes_no_event_and_claims_nothing(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    before = build.picture()
    ada.open(item)
    assert build.picture() == before


def test_version_of_a_type_that_is_gone_can_be_rejected_only(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    ActionType.objects.filter(name="mail.send").update(version=2)
    page = ada.open(item)
    assert "Made for version 1 of this type" in page.plain
    assert "Approve is off" in page.plain
    assert "Edit is off" in page.plain
    assert ada.send(item, "decide", verdict="approve").status == 422
    assert ada.send(item, "decide", verdict="reject", reason_code="not_needed").status == 303


def test_owner_is_told_why_approving_is_off(house: build.House) -> None:
    item = build.pending(house)
    assert "Approve is off: you own the agent that proposed this" in Browser(house.noor).open(item).plain


def test_other_peoples_votes_are_hidden_until_it_is_decided(house: build.House, ada: Browser, grace: Browser) -> None:
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    page = grace.open(item)
    assert "Ada approved" not in page.plain
    assert "Ada" not in page.plain
    assert "needs 2 approvals" in page.plain
    assert "Ada approved" in ada.open(item).plain
    build.decide(house, item, name="grace")
    assert "Ada approved" in grace.open(item).plain


def test_page_and_queue_look_the_same_before_and_after_anothers_first_vote(house: build.House, grace: Browser) -> None:
    item = build.pending(house, "files.delete")

    def seen() -> list[str]:
        texts = (grace.open(item).text, grace.get("/queue/").text)
        return [PASSING.sub("", text) for text in texts]

    before = seen()
    build.decide(house, item, name="ada")
    assert seen() == before


def test_the_record_of_a_case_opens_to_its_voters_when_they_have_voted(house: build.House, grace: Browser) -> None:
    house.grace.user_permissions.add(*Permission.objects.filter(codename__in=("view_audit", "open_content")))
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    case = f"/audit/case/action:{item.action_id}/"
    assert "whole record" not in grace.open(item).text
    for page in (grace.get(case), grace.post(case, {})):
        assert page.status == 403
        assert "may still vote" in page.plain
        assert "Ada" not in page.plain
    build.decide(house, item, name="grace")
    assert "Ada" in grace.get(case).plain
    assert "whole record" in grace.get(f"/action/{item.action_id}/").text
    assert grace.get("/audit/case/action:nonsense/").status == 404


def test_the_order_of_the_reasons_tells_nothing_of_a_first_vote(house: build.House) -> None:
    item = build.pending(house, "files.delete")
    codes = [preset.code for preset in presets(item.action.type, "approve")]
    build.decide(house, item, DecisionIn(verdict=Verdict.APPROVE, reason_code=codes[-1]), name="ada")
    caches["memory"].clear()
    assert [preset.code for preset in offered(item.action.type, "approve")] == codes


def test_a_vote_on_an_earlier_revision_opens_no_vote_on_the_present_one(house: build.House, grace: Browser) -> None:
    house.grace.user_permissions.add(*Permission.objects.filter(codename__in=("view_audit", "open_content")))
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="grace")
    given = {"payload": {"path": "/srv/reports/2018"}, "rationale": "2019 is needed", "seen": build.seen(item)}
    with as_role("web"):
        services.edit(item=item.id, decision=None, by=house.by("lin"), **given)
    build.decide(house, item, name="ada")
    case = f"/audit/case/action:{item.action_id}/"
    assert grace.get(case).status == 403
    assert f"action:{item.action_id}" not in grace.get("/audit/events/?name=decision.recorded&verdict=approve").text


def test_search_reports_and_exports_tell_no_first_vote_to_whoever_may_cast_the_second(
    house: build.House, grace: Browser
) -> None:
    rights = Permission.objects.filter(codename__in=("view_audit", "open_content", "export_audit"))
    house.grace.user_permissions.add(*rights)
    item = build.pending(house, "files.delete")
    other = build.pending(house, "mail.send")
    build.decide(house, other, name="ada")  # one voice is enough here, so nothing is hidden
    vote = build.decide(house, item, name="ada")
    case, told = f"action:{item.action_id}", "/audit/events/?name=decision.recorded"
    reports = [f"/audit/reports/{name}/?case={case}" for name in ("R1", "R6", "R11", "R14")]

    def ours(url: str) -> bool:
        return str(vote.event_id) in grace.get(url).text or house.ada.pseudonym in grace.get(url).text

    assert f"action:{other.action_id}" in grace.get(told).text
    assert case not in grace.get(told).text
    assert not any(ours(url) for url in reports)
    refused = grace.post("/audit/export/", {"case": case, "reason": "curious"})
    assert refused.status == 422
    assert "may still vote" in refused.plain
    build.decide(house, item, name="grace")
    assert case in grace.get(told).text
    assert [ours(url) for url in reports] == [True, False, True, True]  # R6 is about refusals


def test_the_report_on_oversight_and_admin_tell_no_first_vote(house: build.House, grace: Browser) -> None:
    house.grace.user_permissions.add(*Permission.objects.filter(codename__in=("view_audit", "open_content")))
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    root = Browser(house.root)
    report, listed = "/audit/reports/R3/?type=files.delete", "/admin/reviews/decision/"
    assert house.ada.pseudonym not in grace.get(report).text
    assert "0 decisions" in root.get(listed).plain
    build.decide(house, item, name="grace")
    assert house.ada.pseudonym in grace.get(report).text
    assert "2 decisions" in root.get(listed).plain


def test_a_plan_tells_nothing_of_steps_that_lie_out_of_reach(house: build.House, grace: Browser) -> None:
    plan = DeskType(
        name="work.plan", label="Plan", template="Plan of {steps}", risk=Risk.LOW, queue="support", plan=True,
        reversibility=Reversibility.REVERSIBLE, effect_mode=EffectMode.IDEMPOTENT, has_handler=False,
        schema={"type": "object", "required": ["steps"], "properties": {"steps": {"type": "array"}}},
    )  # fmt: skip
    with as_role("web"):
        services.sync_types(types=[plan])
    run = build.running(house)

    def propose(name: str, payload: dict[str, Any], **more: Any) -> UUID:
        with as_role("agent"):
            return services.propose(proposal=build.proposal(type=name, payload=payload, **more), run=run).id

    whole = propose("work.plan", {"steps": [{"type": "note.add"}, {"type": "mail.send"}]})
    build.route()
    build.decide(house, build.item_of(whole))
    ActionType.objects.filter(name="note.add").update(queue="elsewhere")
    theirs = propose("note.add", {"text": "her diagnosis"}, plan=build.plan_step(whole, 0))
    ours = propose("mail.send", build.PAYLOADS["mail.send"], plan=build.plan_step(whole, 1))
    build.route()
    page = grace.get(f"/action/{whole}/").text
    assert f"/action/{ours}/" in page
    assert f"/action/{theirs}/" not in page


def test_page_costs_the_same_queries_for_one_artefact_and_three(house: build.House, ada: Browser) -> None:
    counts = []
    for many in (1, 1, 3):  # the first look fills what a process remembers
        item = build.pending(house, evidence=tuple(build.evidence(str(n)) for n in range(many)))
        with CaptureQueriesContext(connection) as queries:
            assert ada.open(item).status == 200
        ours = (q["sql"] for q in queries.captured_queries)
        counts.append(sum(not re.search("AUTHORIZATION|CONSTRAINTS|SAVEPOINT", sql) for sql in ours))
    assert counts[1] == counts[2] <= 35
