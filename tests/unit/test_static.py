"""Nothing in static/ is there for nobody: classes, scripts, and what pages load ahead. And what browsers may keep."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.templatetags.static import static
from django.test import Client

from config.assets import KEPT, address
from config.env import ROOT
from reviews.templatetags.desk import SHELL_PARTS

SHEETS = ("base.css", "desk.css")
# Put together from a word that the server or htmx knows: `risk-high`, `badge-good`, `depth-3`.
MADE = re.compile(
    r"(risk|badge|button|notice|count|seg|chart|depth|toast|banner|state|htmx|c|tone|mark|risk-edge)-[\w-]+"
)


def classes(name: str) -> set[str]:
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "static" / "css" / name).read_text(), flags=re.S)
    selectors = " ".join(re.findall(r"([^{}]+)\{", text))
    return set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))


def written() -> str:
    """Everything that may write a class: templates, scripts, and Python that draws."""
    found = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/*.js")]
    found += [path for app in ("reviews", "agents", "audit") for path in (ROOT / app).rglob("*.py")]
    return "\n".join(path.read_text() for path in found)


def test_every_class_of_the_style_sheets_is_written_somewhere() -> None:
    words = set(re.findall(r"[a-zA-Z][\w-]*", written()))
    unused = {name: sorted(c for c in classes(name) if c not in words and not MADE.fullmatch(c)) for name in SHEETS}
    assert unused == {name: [] for name in SHEETS}


def test_pages_name_ahead_what_the_desk_imports() -> None:
    wanted, known = {"desk"}, set()
    while found := wanted - known:
        known |= found
        for name in found:
            text = (ROOT / "static" / "js" / f"{name}.js").read_text()
            wanted |= set(re.findall(r'^import .*?"\./(\w+)\.js"', text, re.M))
    assert sorted(known - {"desk"}) == sorted(SHELL_PARTS)


def test_every_script_is_loaded_or_imported() -> None:
    text = written() + (ROOT / "reviews" / "templatetags" / "desk.py").read_text()
    names = [path.name for path in ROOT.glob("static/js/*.js")]
    assert [n for n in names if f"js/{n}" not in text and f"./{n}" not in text] == []


def test_the_address_of_scripts_changes_with_any_name_and_any_byte(tmp_path: Path) -> None:
    (tmp_path / "js").mkdir()
    script = tmp_path / "js" / "desk.js"
    script.write_text("go(1)")
    seen = [address(tmp_path)]
    script.write_text("go(2)")
    seen.append(address(tmp_path))
    script.rename(tmp_path / "js" / "shell.js")
    seen.append(address(tmp_path))
    assert len(set(seen)) == 3
    assert address(tmp_path) == seen[-1]


def fetched(url: str) -> tuple[int, str, str]:
    """Status, how long it may be kept, and the text."""
    answer = Client().get(url)
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code, answer.get("Cache-Control", ""), body.decode()


@pytest.mark.django_db
def test_a_browser_keeps_scripts_for_a_while_and_never_mixes_two_versions() -> None:
    first = static("js/desk.js")
    status, kept, text = fetched(first)
    assert (status, kept) == (200, f"max-age={KEPT}, public")
    beside = [urljoin(first, found) for found in re.findall(r'^import .*?"(\./\w+\.js)"', text, re.M)]
    assert {fetched(url)[:2] for url in beside} == {(200, kept)}
    earlier = re.sub(r"/[0-9a-f]{12}/", "/000000000000/", first)
    assert (earlier != first, fetched(earlier)[0]) == (True, 404)
