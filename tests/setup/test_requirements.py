"""What is installed is pinned, hashed, and there for a reason."""

from __future__ import annotations

import re

import pytest

from config.state import ROOT

DIRECT = {
    "requirements.txt": r"^([A-Za-z0-9._-]+)(?:\[[\w,]+\])?==(\S+) +# (.+)$",
    "requirements-demo.txt": r"^#= ([A-Za-z0-9._-]+)==(\S+) +: (.+)$",
    "requirements-dev.txt": r"^#= ([A-Za-z0-9._-]+)==(\S+) +: (.+)$",
}
SOURCE = {"requirements.txt": "requirements.in"}


def direct(name: str) -> dict[str, str]:
    text = (ROOT / SOURCE.get(name, name)).read_text(encoding="utf-8")
    return {normal(pin): version for pin, version, _ in re.findall(DIRECT[name], text, re.MULTILINE)}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {normal(pin): version for pin, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+) \\$", text, re.MULTILINE)}


@pytest.mark.parametrize("name", DIRECT)
def test_each_direct_pin_has_a_reason_and_stands_in_the_lock(name: str) -> None:
    text = (ROOT / SOURCE.get(name, name)).read_text(encoding="utf-8")
    lines = [
        line
        for line in text.splitlines()
        if "==" in line and (line.startswith("#=") or not line.startswith((" ", "#")))
    ]
    pins = [line for line in lines if not line.endswith("\\")]
    assert len(direct(name)) == len(pins) > 0
    assert direct(name).items() <= locked(name).items()


@pytest.mark.parametrize("name", DIRECT)
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"https?://|file://|--index-url|--find-links", text)


def test_no_package_is_locked_to_two_versions() -> None:
    all_of_them = [item for name in DIRECT for item in locked(name).items()]
    assert len({name for name, _ in all_of_them}) == len(set(all_of_them))
