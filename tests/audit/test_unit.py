"""The encoding, the vocabulary, notes and tiles: no database."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from audit import events, verify
from audit.canonical import NotCanonical, b64, encode, unb64
from audit.events import EventName
from audit.ids import uuid7
from audit.notes import BadNote, Signer, checkpoint_body, note, open_checkpoint

ROOT = Path(verify.__file__).parent
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")).map(
    lambda text: unicodedata.normalize("NFC", text)
)
KEY = st.text(st.characters(min_codepoint=1, max_codepoint=127), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEY, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
@settings(max_examples=300, deadline=None)
def test_our_bytes_are_those_of_rfc8785(value: Any) -> None:
    assert encode(value) == rfc8785.dumps(value)


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_what_was_encoded_encodes_again_to_the_same_bytes_in_the_verifier(value: Any) -> None:
    raw = encode(value)
    assert verify.ENCODER.encode(verify.parse(raw)[1]).encode() == raw


@pytest.mark.parametrize(
    ("value", "expected"),
    [  # after the samples of RFC 8785, section 3.2, within the profile
        ({"string": '€$\u000f\nA\'B"\\\\"/'}, '{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'),
        ({"literals": [None, True, False]}, '{"literals":[null,true,false]}'),
        ({"b": 1, "a": 2, "B": 3, "1": 4, "": 5}, '{"":5,"1":4,"B":3,"a":2,"b":1}'),
        ({"controls": "\b\t\n\f\r\x1f\x7f"}, '{"controls":"\\b\\t\\n\\f\\r\\u001f\x7f"}'),
        ([2**53 - 1, -(2**53) + 1, 0], "[9007199254740991,-9007199254740991,0]"),
    ],
)
def test_fixtures_of_rfc8785(value: Any, expected: str) -> None:
    assert encode(value).decode() == expected
    assert rfc8785.dumps(value).decode() == expected


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), 2**53, -(2**53), "e\u0301", "\0", "\ud800", b"x", {1: 2}, {"é": 1}, {"k": {2, 3}}, [object]],
    ids=repr,
)
def test_what_lies_outside_the_profile_is_refused(value: Any) -> None:
    with pytest.raises(NotCanonical):
        encode({"value": value})


@given(st.binary())
def test_base64url_goes_both_ways(raw: bytes) -> None:
    assert unb64(b64(raw)) == raw
    assert "=" not in b64(raw)


def test_uuid7_sorts_by_time_and_says_its_version() -> None:
    ids = [uuid7() for _ in range(50)]
    assert {i.version for i in ids} == {7}
    assert {i.variant for i in ids} == {"specified in RFC 4122"}
    assert [i.int >> 80 for i in ids] == sorted(i.int >> 80 for i in ids)


def test_each_name_has_a_strict_frozen_model_and_a_writer() -> None:
    assert set(events.MODELS) == set(EventName) == set(events.WRITERS)
    for name, model in events.MODELS.items():
        config = model.model_config
        assert (config["strict"], config["frozen"], config["extra"]) == (True, True, "forbid"), name
        assert events.WRITERS[name], name


def test_no_model_takes_a_float_or_text_with_line_breaks() -> None:
    with pytest.raises(ValidationError):
        events.ActionExpired(reason_code="free text\nover lines")
    with pytest.raises(ValidationError):
        events.RunForked(run="a", new_run="b", seq=1.5)  # type: ignore[arg-type]
    with pytest.raises(ValidationError):
        events.AttemptBegun(fence=1, worker="w", digest=b"short", key="k")


def test_the_verifier_knows_the_same_vocabulary() -> None:
    ours = {(role, str(name)) for name, roles in events.WRITERS.items() for role in roles}
    assert {pair for pair in verify.MAY if pair[0] != "one"} == ours
    assert {name for role, name in verify.MAY if role == "one"} == {str(name) for name in EventName}


def test_the_verifier_is_one_file_of_the_standard_library() -> None:
    path = ROOT / "verify.py"
    assert len(path.read_text().splitlines()) <= 500
    loaded = "import sys, verify; print(sorted({m.split('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    out = subprocess.run([sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {loaded}"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert set(json.loads(out.stdout.replace("'", '"'))) - {"__main__", "__mp_main__"} == {"verify"}


RFC8032 = [  # RFC 8032, section 7.1: secret, public, message, signature
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
]  # fmt: skip


@pytest.mark.parametrize(("secret", "public", "message", "signature"), RFC8032, ids=["empty", "one byte"])
def test_the_verifiers_ed25519_knows_the_vectors_of_rfc8032(
    secret: str, public: str, message: str, signature: str
) -> None:
    key, text, sig = (bytes.fromhex(part) for part in (public, message, signature))
    assert verify.ed25519(key, text, sig)
    assert not verify.ed25519(key, text + b"x", sig)
    assert not verify.ed25519(
        key, text, sig[:32] + (int.from_bytes(sig[32:], "little") + verify.L).to_bytes(32, "little")
    )


def test_the_verifiers_ed25519_agrees_with_openssl() -> None:
    for size in range(12):
        key = Ed25519PrivateKey.generate()
        message = bytes(range(size))
        signature = bytearray(key.sign(message))
        public = key.public_key().public_bytes_raw()
        assert verify.ed25519(public, message, bytes(signature))
        signature[size] ^= 1
        with contextlib.suppress(ValueError):  # the first half may be no point of the curve
            assert not verify.ed25519(public, message, bytes(signature))


def test_notes_open_with_their_key_only(tmp_path: Path) -> None:
    signer, other = Signer.generate("desk.example/log"), Signer.generate("desk.example/log")
    body = checkpoint_body("desk.example/log", 7, bytes(32))
    text = note(body, signer.sign(body))
    assert open_checkpoint(text, [other.vkey, signer.vkey]).size == 7
    assert verify.Note(text).times(verify.Key(signer.vkey)) == [1]
    assert verify.Note(text).times(verify.Key(other.vkey)) == []
    for damaged in (text.replace("\n7\n", "\n8\n"), text[:-9] + "AAAAAAA=\n", "", "x\ny\nz\n\n", body):
        with pytest.raises(BadNote):
            open_checkpoint(damaged, [signer.vkey])
    signer.write(tmp_path / "secrets" / "log.key")
    assert Signer.read(tmp_path / "secrets" / "log.key") == signer
    assert (tmp_path / "secrets" / "log.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        other.write(tmp_path / "secrets" / "log.key")


def test_a_broken_key_file_is_named_not_a_traceback(tmp_path: Path) -> None:
    for text in ("", "PRIVATE+KEY+x", "PRIVATE+KEY+a+00000000+AQ==", "\0"):
        (tmp_path / "key").write_text(text)
        with pytest.raises(BadNote, match="holds no log key"):
            Signer.read(tmp_path / "key")
    with pytest.raises(BadNote, match="cannot be read"):
        Signer.read(tmp_path / "none")


def test_the_policy_counts_witnesses_in_groups() -> None:
    keys = "\n".join(f"witness w{i} {_cosigner(i)}" for i in range(4))
    text = f"log {Signer.generate('o').vkey}\n{keys}\ngroup a 2 w0 w1 w2\ngroup b all a w3\n# comment\nquorum b\n"
    policy = verify.Policy(text)
    assert policy.met({"w0", "w2", "w3"})
    assert not policy.met({"w0", "w3"})
    assert not policy.met({"w0", "w1", "w2"})
    with pytest.raises(ValueError):
        verify.Policy("quorum none\n")


def _cosigner(number: int) -> str:
    raw = b"\x04" + Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    tag = hashlib.sha256(f"k{number}\n".encode() + raw).digest()[:4].hex()
    return f"k{number}+{tag}+{base64.b64encode(raw).decode()}"


def test_the_names_in_the_frozen_sql_are_those_of_the_code() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "sql").glob("*_names.sql")))
    rows = {
        line.split("'")[1]: set(line.split("'{")[1].split("}")[0].split(","))
        for line in text.splitlines()
        if "'{" in line
    }
    assert rows == {str(name): set(roles) for name, roles in events.WRITERS.items()}
