"""Every address of the installation with hostile values in all that it reads: never a failure, always words, no row.

What a page reads is not listed here: the walk hears which names a view looks for, and fills in those.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from tests.logins import as_role
from tests.web.routes import READERS, Answer, Desk, Route, Visitor, furnished, heard

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert(1)</script>{{ 7|add:7 }}{% now %}{0.__class__}'\";--%_\\"
HOSTILE: dict[str, str] = {
    "a NUL": "a\0b",
    "controls": "\x1b[31m\x07\r\nX: y\u2028\u0085",
    "hidden": "\u202egnp\u2066\u200b\U000e0041\ufe0f\u00ad",
    "a tower of marks": "a" + "\u0301" * 400,
    "exotic digits": "٣٤²",
    "a negative number": "-1",
    "a number beyond 64 bits": "9223372036854775808",
    "a number of 5,000 digits": "9" * 5000,
    "NaN": "NaN",
    "infinity": "-1e999",
    "the year 1": "0001-01-01T00:00",
    "the last moment": "9999-12-31T23:59:59.999999-23:59",
    "the year 10000": "10000-01-01",
    "markup": MARKUP,
    "a path": "../../../../etc/passwd",
    "somebody else's id": "00000000-0000-7000-8000-000000000000",
    "an address of nowhere": "http://[",
    "odd JSON": '{"a": NaN, "a": 1e999, "b": "\\ud800\\u0000"}',
    "deep JSON": "[" * 50_000,
    "a long text": "x" * 1_000_000,
    "nothing": "",
    "white space": " \t\u3000",
}
# Read in a loop over whatever came, so nobody hears them asked for.
UNHEARD = ("note-ACT-1", "a-word", "state__exact", "o", "created_at__gte", "id__in")
HEADERS = {
    "an address of nowhere": "http://[", "markup": MARKUP.replace("\\", ""), "Latin letters": "caf\xe9 \xff",
    "many": "," * 5000, "digits": "9" * 5000, "a NUL": "a\0b",
}  # fmt: skip
READ_HEADERS = (
    "Referer", "HX-Current-URL", "HX-Target", "HX-Request", "HX-Trigger", "HX-Prompt", "HX-History-Restore-Request",
    "Desk-Rows", "X-Request-ID", "X-Forwarded-For", "X-Forwarded-Proto", "User-Agent", "Accept-Language", "Range",
    "If-None-Match", "If-Modified-Since", "Sec-Fetch-Site", "Origin", "X-HTTP-Method-Override",
)  # fmt: skip
PARTS = 6  # so that no part takes long
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"


@pytest.fixture(autouse=True)
def unlogged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line of the log would keep its request, and thousands of them all the memory there is."""
    for name in ("django.request", "django.security"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)


@pytest.fixture
def desk() -> Desk:
    return furnished()


class Walk:
    """One reader on the way through every address; what goes wrong is collected, so that one look shows all of it."""

    def __init__(self, desk: Desk, reader: str) -> None:
        self.reader, self.routes, self.wrong = reader, desk.routes(), list[str]()
        self.visitor = Visitor(desk.people[reader])

    def get(self, route: Route, given: Mapping[str, Any], **headers: str) -> Answer:
        query = urlencode(given, doseq=True)
        return self._asked(route, given, "GET", QUERY_STRING=query, headers=headers or None)

    def post(self, route: Route, given: Mapping[str, Any], query: str = "", **headers: str) -> Answer:
        data = urlencode({"csrfmiddlewaretoken": self.token, **given}, doseq=True)
        return self._asked(
            route, given, "POST", data=data, content_type=FORM, QUERY_STRING=query, headers=headers or None
        )

    def raw(self, route: Route, data: bytes, content_type: str) -> Answer:
        """A body of any kind, with the token where no form is needed to read it."""
        return self._asked(
            route, content_type, "POST", data=data, content_type=content_type, headers={"X-CSRFToken": self.token}
        )

    def other(self, route: Route, method: str) -> Answer:
        return self._asked(route, {}, method, headers={"X-CSRFToken": self.token})

    def named(self, *names: str) -> list[Route]:
        return [route for route in self.routes if route.name in names]

    @property
    def token(self) -> str:
        if not self.visitor.token:
            with as_role("web"):
                page = self.visitor.client.get("/sign-in/" if self.reader == "anonymous" else "/settings/")
            self.visitor.token = page.content.decode().partition('name="csrfmiddlewaretoken" value="')[2][:64]
        return self.visitor.token

    def _asked(self, route: Route, given: object, method: str, **how: Any) -> Answer:
        answer = self.visitor.ask(method, route.path, **how)
        for problem in _problems(answer, method):
            self.wrong.append(f"{self.reader} {method} {route.name}: {problem} ({answer.status}) {str(given)[:80]}")
        return answer

    def done(self) -> None:
        assert not self.wrong, f"{len(self.wrong)} answers\n" + "\n".join(sorted(set(self.wrong))[:60])


def _problems(answer: Answer, method: str) -> Iterator[str]:
    if answer.error:
        yield f"failed, {answer.error}"
    if answer.status >= 400:
        if answer.wrote:
            yield f"refused, and wrote {answer.wrote}"
        if not answer.says and method != "HEAD":
            yield "refused without a word"
    if answer.kind == "text/html" and "<script>alert(1)" in answer.text:
        yield "markup came back as markup"


def _mixed(names: set[Any], turn: int) -> dict[str, str]:
    """One hostile value for each name, another one each turn."""
    values = list(HOSTILE.values())
    known = sorted(name for name in names if isinstance(name, str) and name != "csrfmiddlewaretoken")
    return {name: values[(turn + place) % len(values)] for place, name in enumerate(known)}


def _mixed_everywhere(walk: Walk, routes: list[Route], monkeypatch: pytest.MonkeyPatch) -> None:
    for turn, route in enumerate(routes):
        with heard(monkeypatch) as names:
            walk.get(route, {})
            walk.post(route, {})
        walk.get(route, _mixed(names, turn))
        walk.post(route, _mixed(names, turn))
    walk.done()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_every_address_of_the_desk_bears_hostile_values_in_all_that_it_reads(
    desk: Desk, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk(desk, "root")
    routes = [route for route in walk.routes if not route.name.startswith("admin:")]
    _mixed_everywhere(walk, routes[part::PARTS], monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_address_of_admin_bears_hostile_values_in_all_that_it_reads(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk(desk, "root")
    _mixed_everywhere(walk, [route for route in walk.routes if route.name.startswith("admin:")], monkeypatch)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("reader", READERS)
def test_every_address_answers_every_reader_by_every_method(desk: Desk, reader: str) -> None:
    walk = Walk(desk, reader)
    for route in walk.routes:
        walk.get(route, {})
        walk.post(route, {})
        for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"):
            walk.other(route, method)
    walk.done()


def test_headers_are_whatever_a_client_writes(desk: Desk) -> None:
    walk = Walk(desk, "lin")
    for route in walk.named("queue", "live", "detail", "claim", "audit:job"):
        for value in HEADERS.values():
            walk.get(route, {"q": "risk:low"}, **dict.fromkeys(READ_HEADERS, value))
            walk.post(route, {"release": "1"}, **{**dict.fromkeys(READ_HEADERS, value), "HX-Request": "true"})
    walk.done()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("header", READ_HEADERS)
def test_each_header_by_itself_is_whatever_a_client_writes(desk: Desk, header: str) -> None:
    walk, share = Walk(desk, "root"), 6  # each header meets a sixth of the addresses, and each address some headers
    for route in walk.routes[list(READ_HEADERS).index(header) % share :: share]:
        for value in HEADERS.values():
            walk.get(route, {}, **{header: value})
            walk.post(route, {}, **{"HX-Request": "true", header: value})
    walk.done()


BODIES: dict[str, tuple[str, bytes]] = {
    "JSON": ("application/json", b'{"verdict": "approve"}'),
    "plain text": ("text/plain", b"verdict=approve"),
    "no kind": ("", b"verdict=approve"),
    "a kind that is none": ("multipart/", b"x"),
    "a boundary that is missing": ("multipart/form-data", b"x"),
    "a boundary that is too long": (f"multipart/form-data; boundary={'b' * 300}", b"x"),
    "a form cut off": (MULTIPART, b'--b\r\nContent-Disposition: form-data; name="verdict"\r\n\r\nappr'),
    "a part without a name": (MULTIPART, b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--"),
    "base64 that is none": (
        MULTIPART,
        b'--b\r\nContent-Disposition: form-data; name="x"\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--b--',
    ),
    "another encoding": (f"{FORM}; charset=utf-16", "verdict=approve".encode("utf-16")),
    "an encoding of no text": ("multipart/form-data; boundary=b; charset=rot13", b"--b--"),
    "an encoding that makes halves of characters": (
        "multipart/form-data; boundary=b; charset=raw_unicode_escape",
        b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n\\ud800\r\n--b--',
    ),
    "an encoding unheard of": (f"{FORM}; charset=klingon", b"verdict=approve"),
    "bytes that are no UTF-8": (FORM, b"verdict=\xff\xfe&rationale=\xed\xa0\x80"),
    "a field 6,000 times": (FORM, b"&".join([b"item=1"] * 6000)),
    "6,000 fields": (FORM, b"&".join(b"f%d=1" % n for n in range(6000))),
    "17 MiB": (FORM, b"rationale=" + b"x" * (17 * 2**20)),
    "30 files": (
        MULTIPART,
        b"".join(
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx\r\n' for _ in range(30)
        ) + b"--b--",
    ),
}  # fmt: skip


def test_a_body_that_is_no_whole_form_is_refused_in_words(desk: Desk) -> None:
    walk = Walk(desk, "lin")
    for route in walk.named("decide", "attach", "agents:import"):
        for kind, data in BODIES.values():
            assert walk.raw(route, data, kind).status >= 400, (route, kind, data[:80])
    walk.done()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("JSON", 415), ("plain text", 415), ("an encoding of no text", 415), ("another encoding", 415),
        ("a boundary that is missing", 400), ("6,000 fields", 413), ("17 MiB", 413), ("30 files", 413),
    ],
)  # fmt: skip
def test_a_body_that_no_view_reads_has_a_status_of_its_own(body: str, status: int) -> None:
    kind, data = BODIES[body]
    client = Client()
    with as_role("web"):
        page = client.generic("POST", "/sign-in/", data, content_type=kind)
    assert (page.status_code, "Nothing was changed" in page.content.decode()) == (status, True)


def _names(walk: Walk, route: Route, monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], set[str]]:
    """What the view looks for in an address, and in a form: heard until nothing new is."""
    found = set[str](), set[str]()
    for which, ask in ((0, walk.get), (1, walk.post)):
        for value in ("", "1", "approve"):
            with heard(monkeypatch) as names:
                ask(route, dict.fromkeys(found[which], value))
            found[which].update(n for n in names if isinstance(n, str) and n != "csrfmiddlewaretoken")
    return found


def _honest(page: str) -> dict[str, str]:
    """What the forms of a page would send as they stand."""
    inputs = re.findall(r"<(?:input|button)\b[^>]*>", page)
    found = {_attribute(one, "name"): _attribute(one, "value") for one in inputs if "disabled" not in one}
    found |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)', page))
    for name, options in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', page, re.DOTALL):
        values = re.findall(r'<option value="([^"]+)"', options)
        found |= {name: values[0]} if values else {}
    return {unescape(name): unescape(value) for name, value in found.items() if name not in ("", "csrfmiddlewaretoken")}


def _attribute(tag: str, name: str) -> str:
    match = re.search(rf' {name}="([^"]*)"', tag)
    return match.group(1) if match else ""


EACH = 2  # values that a field meets by itself; which ones, turns with field and address


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_each_parameter_and_field_of_every_address_by_itself(
    desk: Desk, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, values = Walk(desk, "root"), list(HOSTILE.values())
    routes = [route for route in walk.routes if not route.name.startswith("admin:")]  # their forms are Django's
    for turn, route in enumerate(routes[part::PARTS]):
        asked, sent = _names(walk, route, monkeypatch)
        honest = _honest(walk.get(route, {}).text)
        for place, name in enumerate((*sorted(asked), *UNHEARD)):
            for value in (values[(turn + place + 4 * n) % len(values)] for n in range(EACH)):
                walk.get(route, {name: value})
        for place, name in enumerate((*sorted(sent | honest.keys()), *UNHEARD)):
            for value in (values[(turn + place + 4 * n) % len(values)] for n in range(EACH)):
                walk.post(route, honest | {name: value})
    walk.done()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("reader", READERS)
def test_all_hostile_values_at_once_in_every_address_for_every_reader(
    desk: Desk, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk = Walk(desk, reader)
    for route in walk.routes:
        with heard(monkeypatch) as names:
            walk.get(route, {})
            walk.post(route, {})
        for turn in range(0, len(HOSTILE), 11):
            walk.get(route, _mixed(names, turn))
            walk.post(route, _mixed(names, turn))
    walk.done()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_values_in_the_path_are_as_hostile_as_any(desk: Desk) -> None:
    walk = Walk(desk, "root")
    for route in walk.routes:
        for value in HOSTILE.values():
            for key, own in desk.values.items():
                if key.rpartition("/")[2] in route.takes and f"/{own}/" in route.path and len(value) < 10_000:
                    odd = Route(route.name, route.path.replace(f"/{own}/", f"/{quote(value, safe='')}/"), route.takes)
                    walk.get(odd, {})
                    walk.post(odd, {})
    walk.done()
