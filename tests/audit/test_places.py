"""What a setting may name as a place outside, and what a policy may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from audit import anchors, policies
from audit.notes import Signer
from audit.outgoing import BadAddress, check
from audit.witness import make


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("ftp://x", "begins with none of"), ("dir:relative", "absolute path"), ("mail:nobody", "no mail address"),
        ("http://example.org/x", "not encrypted"), ("https://", "is no address"),
        ("tsa:http://example.org", "encrypted"), ("https://x:99999/", "no address"),
        ("git:ext::sh -c touch", "expected an absolute path"), ("https://x/#y", "fragment"),
    ],
)  # fmt: skip
def test_a_setting_that_names_no_place_is_refused_in_words(setting: str, words: str) -> None:
    with pytest.raises(anchors.BadAnchor, match=words):
        anchors.read([setting])


def test_a_password_in_an_address_is_never_shown() -> None:
    assert anchors.read(["https://log:secret@example.org/x"])[0].name == "https://example.org/x"
    with pytest.raises(BadAddress) as caught:
        check("http://log:secret@example.org/x")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "no quorum"), ("quorum w9", "no line above"), ("quorum none\nquorum none", "cannot read"),
        ("witness w1 nonsense\nquorum none", "line 1: .*no verifier key"), ("what\nquorum none", "cannot read 'what'"),
        ("group g 1 w9\nquorum g", "not defined above"), ("log {log}\ngroup g any\nquorum g", "cannot read"),
        ("witness w {w}\nwitness x {w}\nquorum w", "stands here twice"), ("witness w {log}\nquorum w", "wrong kind"),
        ("witness none {w}\nquorum none", "defined twice"), ("witness w {w}\ngroup g 2 w\nquorum g", "no threshold"),
        ("witness w {w} http://example.org\nquorum w", "not encrypted"), ("log {w}\nquorum none", "wrong kind"),
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_followed_names_its_line(line: str, words: str, tmp_path: Path) -> None:
    keys = {"w": make(tmp_path / "w", "w").vkey, "log": Signer.generate("example.org/log").vkey}
    with pytest.raises(policies.BadPolicy, match=words):
        policies.parse(line.format(**keys))
