"""Copies outside: each kind of place, when it gets one, what it shows of a log that was changed, and what alarms."""

from __future__ import annotations

import contextlib
import functools
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from audit import anchors, cosigning, outgoing, policies, queries
from audit.anchoring import Carrier, newest_copy, watch
from audit.ids import uuid7
from audit.jobs import _say_verified
from audit.notes import open_checkpoint
from audit.sequencer import Refused, Sequencer
from audit.witness import Witness, make, server
from config.env import ROOT
from tests.audit.outside import Authority, Http, MailSink, served
from tests.audit.world import World, judge, sql
from tests.logins import as_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def http() -> Iterator[Http]:
    found = Http()
    yield from served(found.server, found)


@pytest.fixture
def live(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A log with entries, its own folder in the settings."""
    monkeypatch.setattr(settings, "ANCHOR_DIR", world.anchor)
    monkeypatch.setattr(settings, "STATE_DIR", world.folder / "state")
    world.live(1)
    return world


@pytest.fixture
def witness(live: World) -> Iterator[tuple[Witness, policies.Policy]]:
    """A witness that serves, and the policy that names it."""
    place = live.folder / "witness"
    vkey = make(place, "witness.example/w1").vkey
    found = Witness(place, [live.signer.vkey])
    web = server(found, "127.0.0.1", 0)
    text = f"log {live.signer.vkey}\nwitness w1 {vkey} http://127.0.0.1:{web.server_port}\nquorum w1\n"
    yield from served(web, (found, policies.parse(text)))


def carry(*places: str | anchors.Anchor, now: bool = True, policy: policies.Policy | None = None) -> list[str]:
    read = [place if isinstance(place, anchors.Anchor) else anchors.read([place])[0] for place in places]
    with as_role("sequencer"):
        return Carrier(read, cosigning.cosigners(policy) if policy else []).carry(now=now)


def grow(world: World) -> None:
    world.propose()
    world.sequence()


def state(kind: str) -> queries.AnchorState:
    return next(one for one in queries.anchors() if one.kind == kind)


def test_a_folder_elsewhere_gets_files_that_are_never_replaced(live: World) -> None:
    place = live.folder / "elsewhere"
    assert "is the volume mounted" in carry(f"dir:{place}")[0]
    place.mkdir()
    assert carry(f"dir:{place}") == []
    grow(live)
    assert carry(f"dir:{place}") == []
    notes = sorted(place.rglob("[0-9]*-[0-9]*"))
    assert len([note for note in notes if note.is_file()]) == 2
    found = open_checkpoint(anchors.Directory(place).newest() or "", [live.signer.vkey])
    assert found.size == live.index_of_last() + 1 == state("directory").size
    assert judge(live.export(), "--against", *[note for note in notes if note.is_file()])[:2] == (0, {})


def test_git_gets_a_commit_a_copy_and_its_history_only_grows(live: World) -> None:
    bare = live.folder / "far.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    assert carry(f"git:{bare}") == []
    grow(live)
    assert carry(f"git:{bare}") == []
    shutil.rmtree(settings.STATE_DIR / "anchor-git")  # what lies here is only a convenience
    grow(live)
    assert carry(f"git:{bare}") == []
    log = ["git", "--git-dir", str(bare), "log", "--format=%an <%ae> %s", "checkpoints"]
    lines = subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(lines) == 3
    assert (
        lines[0] == f"Assentry log <log@assentry.invalid> {live.index_of_last() + 1} entries of {settings.LOG_ORIGIN}"
    )
    assert "git ls-remote" in carry(f"git:{live.folder}/nowhere.git")[0]


def test_an_address_takes_notes_by_post_or_put_and_redirects_are_not_followed(live: World, http: Http) -> None:
    assert carry(f"{http.url}/log") == []
    assert open_checkpoint(http.kept["/log"].decode(), [live.signer.vkey]).size == live.index_of_last() + 1
    assert carry(f"{http.url}/many/") == []
    assert [path for path in http.kept if path.startswith("/many/")]
    http.status, http.location = 302, f"{http.url}/stolen"
    assert "answered 302" in carry(f"{http.url}/log")[0]
    assert "/stolen" not in http.kept
    http.status = 412
    assert carry(f"{http.url}/many/") == []  # it lies there already
    assert "answered 412" in carry(f"{http.url}/log")[0]


def test_who_answers_a_byte_at_a_time_is_left(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "DEADLINE", 0.4)
    with socket.create_server(("127.0.0.1", 0)) as slow:
        gone = threading.Event()

        def drip() -> None:
            talk, _ = slow.accept()
            with talk, contextlib.suppress(OSError):
                talk.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n")
                while not gone.wait(0.02):
                    talk.sendall(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        assert "no whole answer" in carry(f"http://127.0.0.1:{slow.getsockname()[1]}/log")[0]
        assert time.monotonic() - began < 5
        gone.set()


def test_the_auditor_gets_a_mail_with_the_checkpoint_less_often(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = MailSink()
    sink.start()
    monkeypatch.setattr(settings, "EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
    monkeypatch.setattr(settings, "EMAIL_HOST", "127.0.0.1")
    monkeypatch.setattr(settings, "EMAIL_PORT", sink.port)
    assert carry("mail:auditor@example.org") == []
    sink.socket.shutdown(socket.SHUT_RDWR)
    sink.socket.close()
    mail = message_from_bytes(sink.mails[0], policy=policy.default)
    part = next(iter(mail.iter_attachments()))
    assert open_checkpoint(part.get_content().decode(), [live.signer.vkey]).size == live.index_of_last() + 1
    assert mail["To"] == "auditor@example.org"
    assert "no mail to" in carry("mail:auditor@example.org")[0]
    assert anchors.Mail("x@y").growing > anchors.Anchor("x").growing


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl plays the time stamping authority")
def test_an_authority_stamps_the_time_and_a_wrong_stamp_is_refused(
    live: World, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(live.folder / "tsa")
    monkeypatch.setattr(settings, "TSA_ROOTS", authority.roots)
    http.status, http.answer = 200, authority.reply
    assert carry(f"tsa:{http.url}/tsr") == []
    note, token = sql("SELECT note, token FROM audit.timestamp")[0]
    assert authority.verifies(note.encode(), bytes(token))
    assert not authority.verifies(note.encode() + b" ", bytes(token))
    old = http.answer(http.kept["/tsr"])
    http.answer = lambda _: old  # a stamp of another request
    assert "no valid time stamp" in carry(f"tsa:{http.url}/tsr")[0]
    http.answer = lambda _: b"nonsense"
    assert "no valid time stamp" in carry(f"tsa:{http.url}/tsr")[0]
    monkeypatch.setattr(settings, "TSA_ROOTS", None)
    assert "ASSENTRY_TSA_ROOTS" in carry(f"tsa:{http.url}/tsr")[0]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="what the page tells is tried with openssl itself")
def test_what_the_page_tells_an_outsider_to_type_checks_a_stamp_from_an_export(
    live: World, http: Http, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(live.folder / "tsa")
    monkeypatch.setattr(settings, "TSA_ROOTS", authority.roots)
    http.status, http.answer = 200, authority.reply
    assert carry(f"tsa:{http.url}/tsr") == []
    size = live.index_of_last() + 1
    grow(live)
    place = live.export()
    shutil.copy(authority.roots, place / "authority.pem")

    def typed() -> list[tuple[int, str]]:
        """Exit code and words of each command, as they stand on the page."""
        lines = [line.strip().replace("48213", str(size)) for line in commands()]
        shell = functools.partial(subprocess.run, cwd=place, capture_output=True, text=True, check=False)
        ran = [shell(["sh", "-c", line]) for line in lines]
        return [(one.returncode, one.stdout + one.stderr) for one in ran]

    ok, shown, counted = typed()
    assert ok[0] == 0 and "Verification: OK" in ok[1]
    assert "Time stamp: " in shown[1] and "Hash Algorithm: sha256" in shown[1]
    assert counted == (0, "1\n")
    stamped = place / "timestamps" / f"000001-{size}.txt"
    assert judge(place, "--against", stamped)[:2] == (0, {})
    note = stamped.read_text()
    stamped.write_text(note.replace(f"\n{size}\n", f"\n{size - 1}\n"))  # another checkpoint than the stamped one
    (bad, words), _, counted = typed()
    assert bad != 0 and "Verification: FAILED" in words
    assert counted == (1, "0\n")
    stamped.write_text(note)
    (place / "authority.pem").write_text(Authority(live.folder / "other").roots.read_text())
    assert typed()[0][0] != 0  # somebody else's stamp


def commands() -> list[str]:
    """The lines of docs/verify.md between its heading on stamps and the first words after them."""
    page = (ROOT / "docs" / "verify.md").read_text().partition("## Time stamps")[2]
    found = [line for line in page.splitlines() if line.startswith("    ")]
    assert [line.split()[0] for line in found] == ["openssl", "openssl", "grep", "python"]
    return found[:3]


def test_a_witness_cosigns_what_goes_on_and_refuses_a_fork(live: World, witness: Any) -> None:
    kept, trust = witness
    for _ in range(3):
        assert carry(policy=trust) == []
        grow(live)
    assert carry(policy=trust) == []
    sizes = [row[0] for row in sql("SELECT size FROM audit.signature ORDER BY size")]
    assert len(sizes) == 4
    assert sizes[-1] == live.index_of_last() + 1 == kept.seen[settings.LOG_ORIGIN]["size"]
    assert carry(policy=trust) == []  # at rest the same size is cosigned again
    assert len(queries.cosignatures(sizes[-1])[sizes[-1]]) == 2

    def forge(leaves: list[dict[str, Any]]) -> None:
        leaves[4]["request"] = "another"

    live.rewrite(forge, live.signer)
    assert "another" in carry(policy=trust)[0]
    live.sequencer = Sequencer(live.signer, live.folder / "another-anchor")  # the old one shows it as well
    grow(live)
    assert "another history" in carry(policy=trust)[0]
    assert len(list((live.folder / "witness" / "forks").iterdir())) == 2
    assert state("witness").forked
    live.cut(sizes[0])
    with as_role("sequencer"):
        copy = newest_copy()
        assert copy is not None
        assert cosigning.cosigners(trust)[0].seen(copy) == sizes[-1]
    assert "restored or cut" in carry(policy=trust)[0]


def test_a_witness_goes_on_after_a_restart_and_knows_only_its_logs(live: World, witness: Any) -> None:
    kept, trust = witness
    assert carry(policy=trust) == []
    again = Witness(live.folder / "witness", [live.signer.vkey])
    assert again.seen == kept.seen
    kept.vkeys.clear()
    assert "answered 404" in carry(policy=trust)[0]
    kept.vkeys[settings.LOG_ORIGIN] = [live.signer.generate(settings.LOG_ORIGIN).vkey]
    assert "answered 403" in carry(policy=trust)[0]


def test_nothing_is_copied_before_it_is_due_and_a_failure_waits(live: World, http: Http) -> None:
    place = f"{http.url}/log"
    assert carry(place, now=False) == []
    grow(live)
    assert carry(place, now=False) == []
    assert http.methods.count("POST") == 1
    aged = "UPDATE audit.anchor SET at = at - %s, tried = tried - %s"
    sql(aged, timedelta(minutes=11), timedelta(minutes=11))
    carry(place, now=False)
    assert http.methods.count("POST") == 2
    sql(aged, timedelta(minutes=11), timedelta(minutes=11))
    carry(place, now=False)
    assert http.methods.count("POST") == 2  # it did not grow
    sql(aged, timedelta(minutes=31), timedelta(minutes=31))
    http.status = 500
    assert carry(place, now=False) == [f"{place}: {place} answered 500"]
    assert carry(place, now=False) == []
    assert http.methods.count("POST") == 3
    assert state("http").size == live.index_of_last() + 1  # what arrived before still counts


def test_a_copy_of_another_history_is_a_fork_and_alarms_until_it_is_gone(live: World) -> None:
    place = live.folder / "elsewhere"
    place.mkdir()
    grow(live)
    assert carry(f"dir:{place}") == []
    with as_role("sequencer"):
        assert watch() == []

    def forge(leaves: list[dict[str, Any]]) -> None:
        leaves[4]["request"] = "another"

    live.rewrite(forge, live.signer)
    assert "another history of the first" in carry(f"dir:{place}")[0]
    code = f"fork:{state('directory').mark}"
    assert "tells another history of this log" in queries.health().alarms[0]
    assert str(place) not in queries.health().alarms[0] + code  # an open page, and a log that keeps it for good
    with as_role("sequencer"):
        assert watch() == [f"{code} raised"]
        assert watch() == []
    shutil.rmtree(place)
    place.mkdir()
    assert carry(f"dir:{place}") == []
    with as_role("sequencer"):
        assert watch() == [f"{code} cleared"]
    assert len(sql("SELECT n FROM audit.event WHERE name = 'log.alarm'")) == 2


def test_a_copy_that_is_too_old_and_a_failed_verification_alarm(live: World) -> None:
    place = live.folder / "elsewhere"
    place.mkdir()
    carry(f"dir:{place}")
    sql("UPDATE audit.anchor SET at = at - interval '61 minutes'")
    assert [alarm.code for alarm in queries.alarms()] == [f"anchor_old:{state('directory').mark}"]
    assert state("directory").overdue
    carry(f"dir:{place}")
    assert queries.alarms() == []
    with as_role("router"):
        found = {"size": 4, "root": "00" * 32, "exit": 1, "findings": [{"name": "ROOT"}]}
        _say_verified(uuid7(), found)
    with as_role("sequencer"):
        assert watch() == ["verification raised"]
    live.propose()
    with live.unguarded():
        sql("UPDATE audit.event SET at = at - interval '1 minute' WHERE n IN (SELECT n FROM audit.pending)")
    with as_role("sequencer"):
        assert watch() == ["merge_delay raised"]
    live.sequence()
    with as_role("sequencer"):
        assert watch() == ["merge_delay cleared"]


def test_the_sequencer_refuses_to_sign_against_any_copy_outside(live: World) -> None:
    place = live.folder / "elsewhere"
    place.mkdir()
    size = live.index_of_last() + 1
    grow(live)
    carry(f"dir:{place}")
    live.cut(size)

    def elsewhere() -> Iterator[Any]:
        text = anchors.Directory(place).newest() or ""
        yield "the folder elsewhere", open_checkpoint(text, [live.signer.vkey])

    fresh = live.folder / "no-anchor"
    with as_role("sequencer"):
        with pytest.raises(Refused, match=f"ends at {size} leaves, the folder elsewhere says {size + 2}"):
            Sequencer(live.signer, fresh, elsewhere=elsewhere).prepare()
        Sequencer(live.signer, fresh).guard()  # without the copy there is nothing to compare with


def test_the_command_brings_all_copies_and_says_how_they_are(live: World, monkeypatch: pytest.MonkeyPatch) -> None:
    place = live.folder / "elsewhere"
    place.mkdir()
    monkeypatch.setattr(settings, "ANCHORS", (f"dir:{place}",))
    monkeypatch.setattr(settings, "LOG_POLICY", None)
    out = StringIO()
    with as_role("sequencer"):
        call_command("anchor", "--now", stdout=out)
        assert f"dir:{place}: {live.index_of_last() + 1} entries" in out.getvalue()
        place.rmdir() if not any(place.iterdir()) else shutil.rmtree(place)
        with pytest.raises(CommandError, match="is the volume mounted"):
            call_command("anchor", "--now", stdout=out)
        monkeypatch.setattr(settings, "ANCHORS", ())
        with pytest.raises(CommandError, match="no place is named"):
            call_command("anchor", "--now")
