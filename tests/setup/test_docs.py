"""README and docs name only what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.state import ROOT
from manage import LOGINS

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
COMMANDS = {path.stem for path in ROOT.glob("*/management/commands/*.py")}
APPS = ("agents", "audit", "config", "reviews")
DJANGO = {
    "migrate", "shell", "createsuperuser", "changepassword", "clearsessions", "runserver", "check", "help",
    "makemigrations", "showmigrations", "test",
}  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", text, re.MULTILINE)) <= TARGETS
    assert set(re.findall(r"manage\.py ([a-z_]+)", text)) <= COMMANDS | DJANGO


def test_every_refusal_of_the_database_is_explained() -> None:
    raised = {
        code for path in ROOT.glob("*/sql/*.sql") for code in re.findall(r"'([A-Z]{2}\d{3})'", path.read_text("utf-8"))
    }
    told = (ROOT / "docs" / "security.md").read_text("utf-8") + (ROOT / "docs" / "audit-log.md").read_text("utf-8")
    assert {"DK001", "AU001", "AG001"} <= raised
    assert sorted(code for code in raised if code not in told) == []


def test_readme_leads_to_every_page() -> None:
    readme = PAGES[0].read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")]
    assert "docs/reviewing.md" in pages
    assert [page for page in pages if f"({page})" not in readme] == []


def test_messages_and_comments_in_the_code_name_commands_that_exist() -> None:
    code = [ROOT / "manage.py", *(path for app in APPS for path in (ROOT / app).rglob("*.py"))]
    named = {name for path in code for name in re.findall(r"manage\.py ([a-z_]+)", path.read_text(encoding="utf-8"))}
    assert "provision" in named, "the texts were looked at"
    assert named | set(LOGINS) <= COMMANDS | DJANGO
