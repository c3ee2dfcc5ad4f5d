"""The rest of admin: verbs with reasons, refusals on the form, and nothing else to change."""

import html
import re
import time
from datetime import UTC, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from audit.models import Event
from reviews.models import ActionType, Authority, Level, Principal, Queue, Reach, Stop, User
from reviews.services.stops import place_stop
from tests.governance import REASON, Office
from tests.web.admin_pages import Browser, text

pytestmark = pytest.mark.django_db


def in_days(n: int) -> str:
    return (timezone.now() + timedelta(days=n)).strftime("%Y-%m-%d %H:%M")


def level(**changed: str) -> dict[str, str]:
    return {
        "principal": "helper",
        "action_type": "mail.archive",
        "level": "L4",
        "threshold": "0.9",
        "expires": in_days(30),
        "reason": REASON,
        **changed,
    }


def test_lead_sets_a_level_that_the_list_calls_no_guarantee(office: Office) -> None:
    lead = Browser(office.lead.user)
    page = lead.get("/admin/reviews/level/add/")
    assert "hand-set, no guarantee" in text(page)
    done = lead.post("/admin/reviews/level/add/", level())
    assert done.status_code == 302
    row = Level.objects.get()
    assert (row.level, row.tau, row.by) == ("L4", 0.9, office.lead.user)
    listed = text(lead.get("/admin/reviews/level/"))
    assert "hand-set, no guarantee" in listed
    assert "in force" in listed


def test_level_is_tried_before_it_is_set_without_a_reason_and_sets_nothing(office: Office) -> None:
    lead = Browser(office.lead.user)
    url = "/admin/reviews/level/add/"
    tried = lead.post(url, {**level(reason=""), "look": "1"})
    assert tried.status_code == 200
    assert "What this level would have done to the last 0 actions" in text(tried)
    wrong = lead.post(url, {**level(threshold="2"), "look": "1"})
    assert wrong.status_code == 422
    assert "would have done" not in text(wrong)
    assert not Level.objects.exists()


def test_newer_level_is_listed_as_replacing_the_older(office: Office) -> None:
    lead = Browser(office.lead.user)
    lead.post("/admin/reviews/level/add/", level())
    lead.post("/admin/reviews/level/add/", level(level="L0", threshold=""))
    listed = text(lead.get("/admin/reviews/level/"))
    assert listed.count("in force") == 1
    assert listed.count("replaced") == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"expires": in_days(91)}, "lasts 90 days at most"),
        ({"expires": in_days(-1)}, "must lie in the future"),
        ({"threshold": ""}, "a threshold is needed"),
        ({"threshold": "1.5"}, "less than or equal to 1"),
        ({"threshold": "NaN"}, "Enter a number"),
        ({"reason": ""}, "This field is required"),
        ({"principal": "nobody"}, "Select a valid choice"),
    ],
)
def test_level_that_lacks_something_is_refused_on_the_form(
    office: Office, changed: dict[str, str], message: str
) -> None:
    refused = Browser(office.lead.user).post("/admin/reviews/level/add/", level(**changed))
    assert refused.status_code == 422
    assert message in text(refused)
    assert not Level.objects.exists()


def test_lead_stops_a_type_and_lifts_it_again(office: Office) -> None:
    lead = Browser(office.lead.user)
    stop = {"scope": "type", "action_type": "refund.issue", "reason": REASON}
    assert lead.post("/admin/reviews/stop/add/", stop).status_code == 302
    row = Stop.objects.get()
    assert (row.scope, row.action_type_id, row.lifted_at) == ("type", "refund.issue", None)
    url = f"/admin/reviews/stop/{row.pk}/change/"
    listed = text(lead.get("/admin/reviews/stop/"))
    assert "to change" not in listed and row.at.astimezone(UTC).strftime("%b %Y, %H:%M") in listed
    assert lead.post(url, {"reason": REASON}).status_code == 302
    row.refresh_from_db()
    assert (row.lifted_by, row.lift_reason) == (office.lead.user, REASON)
    assert "Lift this stop" not in text(lead.get(url))


@pytest.mark.parametrize("page", ["actiontype", "principal"])
def test_switch_beside_a_row_opens_the_form_for_that_row(office: Office, page: str) -> None:
    lead = Browser(office.lead.user)
    listed = lead.get(f"/admin/reviews/{page}/").content.decode()
    (url, *_) = re.findall(r'href="(/admin/reviews/stop/add/[^"]+)"', listed)
    form = lead.get(html.unescape(url)).context["form"]
    assert form["scope"].value() == {"actiontype": "type", "principal": "agent"}[page]
    stop = {"scope": form["scope"].value(), "reason": REASON}
    stop |= {n: form[n].value() for n in ("action_type", "principal") if form[n].value()}
    lead.post("/admin/reviews/stop/add/", stop)
    assert Stop.objects.get().scope == form["scope"].value()


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        ({"scope": "type"}, "Say which."),
        ({"scope": "agent"}, "Say which."),
        ({"scope": "all", "action_type": "refund.issue"}, "Leave this empty"),
        ({"scope": "galaxy"}, "Select a valid choice"),
    ],
)
def test_stop_that_does_not_say_what_is_refused(office: Office, stop: dict[str, str], message: str) -> None:
    refused = Browser(office.lead.user).post("/admin/reviews/stop/add/", {**stop, "reason": REASON})
    assert refused.status_code == 422
    assert message in text(refused)
    assert not Stop.objects.exists()


def test_second_stop_names_the_first(office: Office) -> None:
    everything = {"scope": "all", "reason": REASON}
    Browser(office.lead.user).post("/admin/reviews/stop/add/", everything)
    refused = Browser(office.other_lead.user).post("/admin/reviews/stop/add/", everything)
    assert refused.status_code == 422
    assert "already stopped by Lin Lead" in text(refused)
    assert Stop.objects.count() == 1


def type_form(office: Office, **changed: Any) -> dict[str, Any]:
    return {
        "label": "refund.issue",
        "risk": "medium",
        "reversibility": "compensable",
        "queue": "refunds",
        "currency": "EUR",
        "self_edit": "",
        "reversal_needed": "1",
        "presets": "{}",
        "active": "on",
        "reason": REASON,
        **changed,
    }


def test_type_is_raised_but_never_below_the_code(office: Office) -> None:
    lead = Browser(office.lead.user)
    url = "/admin/reviews/actiontype/refund.issue/change/"
    assert lead.post(url, type_form(office, risk="high")).status_code == 302
    refused = lead.post(url, type_form(office, risk="low"))
    assert refused.status_code == 422
    assert "the code declares medium risk" in text(refused)
    office.refund.refresh_from_db()
    assert office.refund.risk == "high"


@pytest.mark.parametrize(
    "presets",
    ["[]", '{"reject": "no"}', '{"dance": []}', '{"reject": [{"code": "x"}]}', "{"],
)
def test_presets_of_another_shape_are_refused(office: Office, presets: str) -> None:
    url = "/admin/reviews/actiontype/refund.issue/change/"
    refused = Browser(office.lead.user).post(url, type_form(office, presets=presets))
    assert refused.status_code == 422
    office.refund.refresh_from_db()
    assert office.refund.presets == {}


def test_lead_makes_a_type_from_a_schema(office: Office) -> None:
    made = Browser(office.lead.user).post(
        "/admin/reviews/actiontype/add/",
        {
            "name": "crm.note",
            "label": "CRM note",
            "template": "Note {text}",
            "schema": '{"type": "object"}',
            "risk": "high",
            "reversibility": "irreversible",
            "effect_mode": "once",
            "queue": "refunds",
            "reason": REASON,
        },
    )
    assert made.status_code == 302
    assert ActionType.objects.get(name="crm.note").source == "admin"


def test_lead_says_whose_data_a_type_is_about(office: Office) -> None:
    schema = (
        '{"type": "object", "properties": {"client": {"type": "object", "properties": {"no": {"type": "integer"}}}}}'
    )
    form = {
        "name": "crm.note", "label": "CRM note", "template": "Note", "schema": schema, "risk": "high",
        "reversibility": "irreversible", "effect_mode": "once", "queue": "refunds", "reason": REASON,
    }  # fmt: skip
    lead, url = Browser(office.lead.user), "/admin/reviews/actiontype/add/"
    for path, kind in (("client", ""), ("client.name", ""), ("client.no", "Client No"), ("", "client")):
        refused = lead.post(url, form | {"subject_path": path, "subject_kind": kind})
        assert refused.status_code == 422, path
    assert not ActionType.objects.filter(name="crm.note").exists()
    assert lead.post(url, form | {"subject_path": "client.no", "subject_kind": "client"}).status_code == 302
    made = ActionType.objects.get(name="crm.note")
    assert (made.subject_path, made.subject_kind) == ("client.no", "client")
    told = Event.objects.order_by("-n").values_list("leaf", flat=True)[0]
    assert b'"subject_kind":"client","subject_path":"client.no"' in bytes(told)


def test_lead_changes_whose_data_a_type_is_about(office: Office) -> None:
    schema = {"type": "object", "properties": {"customer": {"type": "string"}}}
    ActionType.objects.filter(name="refund.issue").update(schema=schema)
    url = "/admin/reviews/actiontype/refund.issue/change/"
    lead = Browser(office.lead.user)
    refused = lead.post(url, type_form(office, subject_path="client"))
    assert refused.status_code == 422 and "the payload has no field client" in text(refused)
    assert lead.post(url, type_form(office, subject_path="customer")).status_code == 302
    office.refund.refresh_from_db()
    assert (office.refund.subject_path, office.refund.subject_kind) == ("customer", "")
    assert 'name="subject_path" value="customer"' in lead.get(url).content.decode()


def test_agent_is_given_a_frame(office: Office) -> None:
    url = f"/admin/reviews/principal/{office.agent.pk}/change/"
    form = {
        "label": "Helper",
        "owner": office.administrator.user.pk,
        "types": ["mail.archive"],
        "per_run": "5",
        "active": "on",
        "reason": REASON,
    }
    assert Browser(office.lead.user).post(url, form).status_code == 302
    assert Principal.objects.get().frame == {"types": ["mail.archive"], "per_run": 5}


def test_queue_reach_and_authority_come_and_go_with_events(office: Office) -> None:
    lead = Browser(office.lead.user)
    lead.post("/admin/reviews/queue/add/", {"name": "night", "title": "Night", "reason": REASON})
    group = office.reviewers.pk
    lead.post("/admin/reviews/reach/add/", {"group": group, "queue": "night", "reason": REASON})
    line = {"group": group, "action_type": "refund.issue", "max_risk": "medium", "reason": REASON}
    lead.post("/admin/reviews/authority/add/", {**line, "max_amount": "5000"})
    assert Queue.objects.filter(name="night").exists()
    reach, authority = Reach.objects.get(), Authority.objects.get()
    assert authority.max_amount == 5000
    lead.post(f"/admin/reviews/reach/{reach.pk}/change/", {"reason": REASON})
    lead.post(f"/admin/reviews/authority/{authority.pk}/change/", {"reason": REASON})
    assert not Reach.objects.exists()
    assert not Authority.objects.exists()
    names = list(Event.objects.order_by("n").values_list("name", flat=True))
    assert names == ["queue.changed", "role.granted", "role.granted", "role.revoked", "role.revoked"]


def test_administrator_makes_an_account_and_a_lead_may_not(office: Office) -> None:
    form = {
        "username": "grace",
        "first_name": "Grace",
        "groups": [office.reviewers.pk],
        "is_active": "on",
        "password": "correct horse battery",
        "reason": REASON,
    }
    assert Browser(office.lead.user).get("/admin/reviews/user/add/").status_code == 403
    assert Browser(office.administrator.user).post("/admin/reviews/user/add/", form).status_code == 302
    grace = User.objects.get(username="grace")
    assert grace.check_password("correct horse battery")
    root = Browser(office.administrator.user)
    weak = root.post(f"/admin/reviews/user/{grace.pk}/change/", {**form, "password": "12345678"})
    assert weak.status_code == 422
    assert "too common" in text(weak)


def test_taken_username_is_refused_on_the_form(office: Office) -> None:
    form = {"username": "ada", "is_active": "on", "reason": REASON}
    refused = Browser(office.administrator.user).post("/admin/reviews/user/add/", form)
    assert refused.status_code == 422
    assert "A user with that username already exists" in text(refused)


def test_no_page_shows_a_password_hash(office: Office) -> None:
    user = office.reviewer.user
    for url in (f"/admin/reviews/user/{user.pk}/change/", "/admin/reviews/user/"):
        assert user.password not in Browser(office.administrator.user).get(url).content.decode()


def test_group_is_made_by_an_administrator(office: Office) -> None:
    form = {"name": "night leads", "permissions": [], "reason": REASON}
    assert Browser(office.administrator.user).post("/admin/auth/group/add/", form).status_code == 302
    assert Group.objects.filter(name="night leads").exists()
    assert Browser(office.lead.user).get("/admin/auth/group/add/").status_code == 403


def grown_old(user: User) -> Browser:
    """Somebody's session that a thief found open: the last proof is over five minutes old."""
    user.set_password("secret")
    user.save()
    browser = Browser(user)
    session = browser.client.session
    session["proved"] = ["password", time.time() - 301]
    session.save()
    return browser


def test_a_session_left_open_changes_no_type_no_agent_and_lifts_no_stop(office: Office) -> None:
    thief = grown_old(office.lead.user)
    helper = {"label": "The helper", "owner": office.administrator.user.pk, "active": "on", "reason": REASON}
    with office.as_web():
        stop = place_stop(reason="too many mails went out", by=office.lead)
    forms = [
        ("/admin/reviews/actiontype/refund.issue/change/", type_form(office, risk="high"), "changing an action type"),
        (f"/admin/reviews/principal/{office.agent.pk}/change/", helper, "changing an agent"),
        (f"/admin/reviews/stop/{stop.pk}/change/", {"reason": REASON}, "lifting a stop"),
    ]
    before = Event.objects.count()
    for url, form, what in forms:
        refused = thief.post(url, form)
        assert refused.status_code == 422
        assert f"{what} needs a sign-in within the last 5 min" in text(refused)
    assert Event.objects.count() == before
    thief.post("/confirm/", {"confirm": "secret"})
    assert [thief.post(url, form).status_code for url, form, _ in forms] == [302, 302, 302]


def test_a_session_left_open_gives_no_group_new_rights(office: Office) -> None:
    thief = grown_old(office.administrator.user)
    right = Permission.objects.get(codename="add_policyversion")
    form = {"name": "night leads", "permissions": [right.pk], "reason": REASON}
    refused = thief.post("/admin/auth/group/add/", form, page="/admin/reviews/queue/add/")
    assert refused.status_code == 422
    assert "changing a group needs a sign-in" in text(refused)
    assert not Group.objects.filter(name="night leads").exists()


CHANGED_BY_VERBS = {
    "actiontype", "authority", "group", "level", "policyversion", "principal", "queue", "reach",
    "stop", "user",
}  # fmt: skip


def test_every_list_opens_for_an_administrator_as_the_web_login(office: Office) -> None:
    root = Browser(office.administrator.user)
    for model in admin.site._registry:
        meta = model._meta
        answer = root.get(f"/admin/{meta.app_label}/{meta.model_name}/")
        assert answer.status_code == 200, meta.model_name


def test_nothing_else_can_be_added_changed_or_deleted(office: Office, rf: Any) -> None:
    request = rf.get("/")
    request.user = office.administrator.user
    for model, page in admin.site._registry.items():
        assert not page.has_delete_permission(request), model
        if model._meta.model_name not in CHANGED_BY_VERBS:
            assert not page.has_add_permission(request), model
            assert not page.has_change_permission(request), model


def test_no_model_is_saved_by_admin_itself() -> None:
    for model, page in admin.site._registry.items():
        assert page.actions is None, model
        assert not page.list_editable, model
        assert not page.inlines, model


@pytest.mark.parametrize(
    "url",
    [
        "/admin/reviews/level/add/",
        "/admin/reviews/stop/add/",
        "/admin/reviews/queue/add/",
        "/admin/reviews/reach/add/",
        "/admin/reviews/authority/add/",
        "/admin/reviews/actiontype/add/",
        "/admin/reviews/user/add/",
        "/admin/auth/group/add/",
    ],
)
def test_reviewer_and_stranger_reach_no_verb(office: Office, url: str, client: Any) -> None:
    assert Browser(office.reviewer.user).get(url).status_code == 403
    assert client.get(url).status_code == 302
    assert not Event.objects.exists()
