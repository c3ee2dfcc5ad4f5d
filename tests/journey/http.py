"""A browser without a screen: pages, cookies, and forms that are sent as they stand. Standard library only."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit
from uuid import uuid4

IDLE = 1.0  # seconds; gunicorn keeps a silent connection for two
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))


class File(NamedTuple):
    """A file chosen in a form."""

    name: str
    data: bytes


@dataclass
class Form:
    """A form of a page with what its fields hold now; a checkbox that is not ticked holds nothing."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.fields if key == name), default)

    def names(self) -> list[str]:
        return [name for name, _ in self.fields]


@dataclass
class Element:
    """One element of interest: its attributes and the text inside it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""


class _Reader(HTMLParser):
    """Collects forms, and elements that have an id or a data attribute."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.elements: list[Element] = []
        self._open: list[tuple[str, Element | None]] = []
        self._form: Form | None = None
        self._select: tuple[str, list[str], str | None] | None = None
        self._option: tuple[str | None, list[str]] | None = None
        self._area: tuple[str, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kept = None
        if (
            given.keys() & {"id", "aria-label"}
            or any(name.startswith("data-") for name in given)
            or given.get("role") == "alert"
        ):
            kept = Element(tag, given)
            self.elements.append(kept)
        if tag not in VOID:
            self._open.append((tag, kept))
        self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        if tag == "form":
            self._form = Form(given.get("action", ""), given.get("method", "get").lower())
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None:
            self._input(given, self._form)
        elif tag == "select":
            self._select = (given.get("name", ""), [], None)
        elif tag == "option" and self._select is not None:
            self._end_option()
            self._option = (given.get("value"), [])
            if "selected" in given:
                self._select = (self._select[0], self._select[1], "")
        elif tag == "textarea":
            self._area = (given.get("name", ""), [])

    def _input(self, given: dict[str, str], form: Form) -> None:
        kind = given.get("type", "text").lower()
        ticked = kind not in {"checkbox", "radio"} or "checked" in given
        if given.get("name") and ticked and kind not in {"submit", "button", "file", "image", "reset"}:
            form.fields.append((given["name"], given.get("value", "on" if kind in {"checkbox", "radio"} else "")))

    def _end_option(self) -> None:
        if self._option is None or self._select is None:
            return
        value, words = self._option
        name, values, selected = self._select
        word = value if value is not None else "".join(words).strip()
        self._select = (name, [*values, word], word if selected == "" else selected)
        self._option = None

    def handle_endtag(self, tag: str) -> None:
        if tag == "option":
            self._end_option()
        elif tag == "select" and self._select is not None:
            self._end_option()
            name, values, selected = self._select
            if self._form is not None and name and values:
                self._form.fields.append((name, selected if selected is not None else values[0]))
            self._select = None
        elif tag == "textarea" and self._area is not None:
            if self._form is not None and self._area[0]:
                self._form.fields.append((self._area[0], "".join(self._area[1]).removeprefix("\n")))
            self._area = None
        elif tag == "form":
            self._form = None
        while self._open and tag not in VOID:
            name, _ = self._open.pop()
            if name == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._option is not None:
            self._option[1].append(data)
        if self._area is not None:
            self._area[1].append(data)
        for _, element in self._open:
            if element is not None:
                element.text += data


@dataclass
class Page:
    """An answer. `seconds` is how long it took, `received` when it was there (monotonic clock)."""

    url: str
    status: int
    text: str
    headers: dict[str, str]
    seconds: float
    received: float
    _read: _Reader | None = None

    @property
    def _parts(self) -> _Reader:
        if self._read is None:
            self._read = _Reader()
            self._read.feed(self.text)
        return self._read

    @property
    def forms(self) -> list[Form]:
        return self._parts.forms

    def form(self, ending: str) -> Form | None:
        """The form that posts to an address with this ending (`/decide/`)."""
        return next((form for form in self.forms if urlsplit(form.action).path.endswith(ending)), None)

    def elements(self, **wanted: str) -> list[Element]:
        """Elements by attributes; underscores stand for dashes and an empty value for any."""
        names = {name.replace("_", "-"): value for name, value in wanted.items()}
        return [
            element
            for element in self._parts.elements
            if all(
                name in element.attributes and value in ("", element.attributes[name]) for name, value in names.items()
            )
        ]

    def alerts(self) -> str:
        return " ".join(" ".join(element.text.split()) for element in self.elements(role="alert"))


class Browser:
    """One person's session. Not for several threads at once."""

    def __init__(self, base: str, name: str) -> None:
        parts = urlsplit(base)
        self.base, self.name = base, name
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._cookies: dict[str, str] = {}
        self._wire: http.client.HTTPConnection | None = None
        self._used = 0.0
        self.requests = 0

    def get(self, path: str) -> Page:
        return self._follow("GET", path, b"", {})

    def send(self, form: Form, page: Page, *, file: tuple[str, File] | None = None, **fields: str) -> Page:
        """`post` with the fields as keywords."""
        return self.post(form, page, fields, file=file)

    def post(self, form: Form, page: Page, fields: Mapping[str, str], *, file: tuple[str, File] | None = None) -> Page:
        """Sends a form as it stands on the page, with these fields set. CSRF token and stamps are what stood there."""
        kept = [(name, value) for name, value in form.fields if name not in fields]
        values = [*kept, *fields.items()]
        target = urljoin(page.url, form.action or urlsplit(page.url).path)
        kind, body = _multipart(values, file) if file else _encoded(values)
        return self._follow("POST", target, body, {"Content-Type": kind, "Referer": page.url, "Origin": self.base})

    def sign_in(self, password: str) -> None:
        page = self.get("/sign-in/")
        form = page.form("/sign-in/") or next(f for f in page.forms if "password" in f.names())
        answer = self.send(form, page, username=self.name, password=password)
        if answer.status != 200 or "/sign-in/" in answer.url:
            raise AssertionError(f"{self.name} cannot sign in: {answer.status} {answer.alerts()}")

    def _follow(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> Page:
        began = time.monotonic()
        for _ in range(6):
            url = urljoin(self.base, target)
            status, given, text = self._once(method, url, body, headers)
            if status not in {301, 302, 303}:
                now = time.monotonic()
                return Page(url, status, text, given, now - began, now)
            method, body, headers, target = "GET", b"", {}, urljoin(url, given["location"])
        raise AssertionError(f"{target} goes round in circles")

    def _once(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, str], str]:
        """One exchange; a connection that the server has closed meanwhile is opened again once."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        if time.monotonic() - self._used > IDLE:
            self.close()  # the server may have closed it, and a POST is never sent twice
        sent = {**headers, "Cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items()), "Accept": "text/html"}
        for last in (False, True):
            try:
                wire = self._wire or http.client.HTTPConnection(self._host, self._port, timeout=30)
                self._wire = wire
                wire.request(method, path, body=body or None, headers=sent)
                answer = wire.getresponse()
                text = answer.read().decode("utf-8", "replace")
                break
            except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                if self._wire is not None:
                    self._wire.close()
                self._wire = None
                if last or method != "GET":
                    raise
        self.requests += 1
        self._used = time.monotonic()
        self._keep(answer.headers.get_all("Set-Cookie") or [])
        if answer.will_close:
            wire.close()
            self._wire = None
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.split(";")[0].partition("=")
            self._cookies[name.strip()] = value.strip()

    def close(self) -> None:
        if self._wire is not None:
            self._wire.close()
        self._wire = None


def _encoded(values: list[tuple[str, str]]) -> tuple[str, bytes]:
    return "application/x-www-form-urlencoded", urlencode(values).encode()


def _multipart(values: list[tuple[str, str]], file: tuple[str, File]) -> tuple[str, bytes]:
    mark = uuid4().hex
    said = f"--{mark}\r\nContent-Disposition: form-data; name="
    parts = [f'{said}"{name}"\r\n\r\n{value}\r\n'.encode() for name, value in values]
    field_name, (name, data) = file
    head = f'{said}"{field_name}"; filename="{name}"\r\nContent-Type: application/json\r\n\r\n'
    body = b"".join([*parts, head.encode(), data, f"\r\n--{mark}--\r\n".encode()])
    return f"multipart/form-data; boundary={mark}", body
