"""Nothing in static/ is there for nobody: classes, scripts, and what pages load ahead."""

from __future__ import annotations

import re

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
