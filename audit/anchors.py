"""Places outside the database that keep copies of checkpoints: folders, git, HTTP, mail, time stamping authorities.

Each can be read back (`newest`) where the place allows it, and takes one more copy (`keep`). None is trusted: what
is read back counts only if the log's key signed it. Witnesses, which answer with a signature, are in `cosigning.py`.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection

from audit import outgoing
from audit.outgoing import BadAddress, Unreachable, send, shown
from audit.stamping import BadStamp, stamp_of

GROWING, RESTING = 600.0, 1800.0
MAIL_GROWING, MAIL_RESTING = 3600.0, 86_400.0
MAIL = re.compile(r"[^@\s,<>\"]+@[^@\s,<>\"]+")


class AnchorFailed(RuntimeError):
    """This copy did not come about; the message says why. Nothing else is held up by it."""


class BadAnchor(ValueError):
    """A setting that names no place for copies."""


@dataclass(frozen=True)
class Copy:
    """A signed checkpoint on its way out: its note carries the witnesses' lines too."""

    origin: str
    size: int
    root: bytes
    note: str
    at: datetime


class Anchor:
    """One place. `growing` and `resting`: seconds between two copies of a log that grows, or does not."""

    kind: ClassVar[str]
    growing = GROWING
    resting = RESTING

    def __init__(self, name: str) -> None:
        self.name = name

    def newest(self) -> str | None:
        """The last note that lies there; None where there is none or the place only takes. Raises AnchorFailed."""
        return None

    def keep(self, copy: Copy) -> None:
        """Leave one more copy there. Raises AnchorFailed."""
        raise NotImplementedError


class Directory(Anchor):
    """A1: a folder that lies elsewhere, such as a mounted volume of another host. Files are added, never replaced."""

    kind = "directory"

    def __init__(self, path: Path) -> None:
        super().__init__(f"dir:{path}")
        self.path = path

    def newest(self) -> str | None:
        self._demand_there()
        try:
            days = sorted((day for day in self.path.iterdir() if day.is_dir()), reverse=True)
            for day in days:
                if notes := sorted(day.glob("[0-9]*-[0-9]*")):
                    return notes[-1].read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise AnchorFailed(f"{self.path} cannot be read: {error}") from error
        return None

    def _demand_there(self) -> None:
        if not self.path.is_dir():
            raise AnchorFailed(f"{self.path} is not there; is the volume mounted?")

    def keep(self, copy: Copy) -> None:
        self._demand_there()
        day = self.path / f"{copy.at:%Y-%m-%d}"
        try:
            day.mkdir(exist_ok=True)
            handle = os.open(day / f"{copy.at:%H%M%S%f}-{copy.size}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(copy.note)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise AnchorFailed(f"{self.path}: {error.strerror or error}") from error


class Http(Anchor):
    """A1: an address that takes each note by POST, or, where it ends with /, by PUT under a name of its own.

    A GET of the address may give the last note back; what is no checkpoint is ignored.
    """

    kind = "http"

    def __init__(self, url: str) -> None:
        super().__init__(shown(outgoing.check(url)))
        self.url = url

    def newest(self) -> str | None:
        try:
            found = send("GET", self.url)
            return found.body.decode() if found.status == 200 else None
        except UnicodeDecodeError:
            return None
        except Unreachable as error:
            raise AnchorFailed(str(error)) from error

    def keep(self, copy: Copy) -> None:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        method, url = "POST", self.url
        if url.endswith("/"):
            mark = hashlib.sha256(copy.note.encode()).hexdigest()[:12]
            method, url, headers = "PUT", f"{url}{copy.size}-{mark}", headers | {"If-None-Match": "*"}
        try:
            found = send(method, url, copy.note.encode(), headers)
        except Unreachable as error:
            raise AnchorFailed(str(error)) from error
        if not (found.good or (method == "PUT" and found.status in (409, 412))):  # it lies there already
            raise AnchorFailed(f"{self.name} answered {found.status}")


class Git(Anchor):
    """A2: a branch of a repository, one commit a copy, pushed without force: its history can only grow."""

    kind = "git"
    who: ClassVar[dict[str, str]] = {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", "Assentry log"), ("EMAIL", "log@assentry.invalid"))
    }
    branch = "refs/heads/checkpoints"

    def __init__(self, target: str, scratch: Path) -> None:
        super().__init__(f"git:{shown(target)}")
        self.target = target
        self.scratch = scratch / hashlib.sha256(target.encode()).hexdigest()[:12]

    def newest(self) -> str | None:
        tip = self._fetch()
        return self._git("show", f"{tip}:checkpoint") if tip else None

    def keep(self, copy: Copy) -> None:
        tip = self._fetch()
        blob = self._git("hash-object", "-w", "--stdin", given=copy.note).strip()
        tree = self._git("mktree", given=f"100644 blob {blob}\tcheckpoint\n").strip()
        parents = ["-p", tip] if tip else []
        words = f"{copy.size} entries of {copy.origin}"
        commit = self._git("commit-tree", tree, *parents, "-m", words).strip()
        self._git("push", "--quiet", "--", self.target, f"{commit}:{self.branch}")

    def _fetch(self) -> str:
        """The branch's last commit over there, brought here; "" while there is none."""
        if not (self.scratch / "HEAD").exists():
            self.scratch.mkdir(parents=True, exist_ok=True)
            self._git("init", "--quiet", "--bare")
        if not self._git("ls-remote", "--heads", "--", self.target, self.branch).strip():
            return ""
        self._git("fetch", "--quiet", "--no-tags", "--", self.target, f"+{self.branch}:{self.branch}")
        return self._git("rev-parse", self.branch).strip()

    def _git(self, *words: str, given: str = "") -> str:
        clean = {"PATH": os.environ.get("PATH", ""), "HOME": os.environ.get("HOME", ""), "LC_ALL": "C"}
        clean |= {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
        clean |= {"GIT_ALLOW_PROTOCOL": "file:https:ssh", "GIT_SSH_COMMAND": "ssh -oBatchMode=yes"}
        command = ["git", "-c", "safe.directory=*", "--git-dir", str(self.scratch), *words]
        try:
            done = subprocess.run(  # noqa: S603  a list of words, no shell
                command, input=given, capture_output=True, text=True, check=False, timeout=60, env=clean | self.who
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError) as error:
            raise AnchorFailed(f"git {words[0]}: {error}") from error
        if done.returncode:
            raise AnchorFailed(f"git {words[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout


class Mail(Anchor):
    """A3: a message to the auditor, who keeps it. Rarer than the others: people read it."""

    kind = "mail"
    growing, resting = MAIL_GROWING, MAIL_RESTING

    def __init__(self, address: str) -> None:
        super().__init__(f"mail:{address}")
        self.address = address

    def keep(self, copy: Copy) -> None:
        text = (
            f"The audit log {copy.origin} has {copy.size} entries at {copy.at:%Y-%m-%d %H:%M} UTC.\n"
            "Keep this message: against the attached checkpoint a log that was cut or rewritten later shows.\n"
            "    python verify.py EXPORT --against checkpoint.txt\n"
        )
        message = EmailMessage(f"Checkpoint of {copy.origin}: {copy.size} entries", text, None, [self.address])
        message.attach("checkpoint.txt", copy.note.encode(), "application/octet-stream")  # to the byte
        try:
            message.send()
        except (OSError, ValueError) as error:  # smtplib's errors are OSErrors
            raise AnchorFailed(f"no mail to {self.address}: {error}") from error


class TimeStamp(Anchor):
    """A4: an authority's signed statement (RFC 3161) that the checkpoint existed at that time."""

    kind = "timestamp"

    def __init__(self, url: str, roots: Path | None) -> None:
        super().__init__(f"tsa:{shown(outgoing.check(url))}")
        self.url, self.roots = url, roots

    def keep(self, copy: Copy) -> None:
        try:
            token = stamp_of(self.url, copy.note.encode(), self.roots)
        except (Unreachable, BadStamp) as error:
            raise AnchorFailed(str(error)) from error
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit.timestamp (size, authority, note, token) VALUES (%s, %s, %s, %s)",
                [copy.size, shown(self.url), copy.note, token],
            )


def _mail(rest: str) -> Mail:
    if not MAIL.fullmatch(rest):
        raise BadAnchor(f"{rest!r} is no mail address")
    return Mail(rest)


def _directory(rest: str) -> Directory:
    if not Path(rest).is_absolute():
        raise BadAnchor(f"dir:{rest} must be an absolute path")
    return Directory(Path(rest))


def _git(rest: str) -> Git:
    if not (rest.startswith(("/", "https://", "ssh://")) and len(rest) > 1):
        raise BadAnchor(f"git:{rest}: expected an absolute path, https:// or ssh://")
    return Git(rest, settings.STATE_DIR / "anchor-git")


KINDS: dict[str, Callable[[str], Anchor]] = {
    "dir": _directory,
    "git": _git,
    "mail": _mail,
    "tsa": lambda rest: TimeStamp(rest, settings.TSA_ROOTS),
    "https": lambda rest: Http(f"https:{rest}"),
    "http": lambda rest: Http(f"http:{rest}"),
}


def read(texts: Sequence[str]) -> list[Anchor]:
    """The places that ASSENTRY_ANCHORS names. Raises BadAnchor."""
    found: list[Anchor] = []
    for text in texts:
        kind, _, rest = text.partition(":")
        if kind not in KINDS:
            raise BadAnchor(f"{text[:80]!r} begins with none of {', '.join(f'{one}:' for one in KINDS)}")
        try:
            found.append(KINDS[kind](rest))
        except BadAddress as error:
            raise BadAnchor(str(error)) from None
    if len({one.name for one in found}) < len(found):
        raise BadAnchor("a place is named twice")
    return found
