"""Checks an export of an Assentry log, offline, with nothing but Python's standard library (3.11 or newer).

python verify.py EXPORT [--key F | --policy F] [--against F ...] [--receipt F ...] [--case ID] [--all] [--json]

Exit codes: 0 valid, 1 tampered, 2 cannot judge (incomplete, unreadable, wrong usage, own crash); 1 wins over 2.
Every finding prints its name, the first bad index, how often it occurs, and a sentence. docs/audit-log.md has the
formats: RFC 6962 tree; C2SP signed notes, checkpoints, tiles, cosignatures, policy; canonical JSON (RFC 8785).
"""  # fmt: off
import argparse
import base64
import datetime as dt
import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MMD, SKEW, AHEAD = 10, 65, 5  # seconds: promised merge delay; a leaf behind the latest before it; ahead of a clock
TAMPERED = """ROOT TRUNCATED SIG TILE PARSE NONCANON DUP_ID CASE_CHAIN CASE_STATE VOCAB TIME_FUTURE TIME_BACKDATED
    COMMIT CONTENT_MISSING MANIFEST ANCHOR_FORK ANCHOR_TRUNCATED PROJECTION DECISION_WITHOUT_EVENT
    EVENT_WITHOUT_DECISION RECEIPT_MISSING"""  # anything else found means: cannot judge
FILES = ("events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl", "policy")
ENVELOPE = ["actor", "at", "batch", "case", "change", "commit", "data", "id", "log", "name", "request", "v", "writer"]
ROWS = {  # kinds of business rows: what names one, and what must be as its event says
    "case": (("case",), ("seq", "head", "state")), "decision": (("event",), ("case", "verdict", "reviewer", "digest")),
    "revision": (("event",), ("case", "revision", "digest")), "attempt": (("case", "fence"), ("digest",)),
}
VOCABULARY = {  # who may write what; a leading dot repeats the prefix
    "agent": "action.proposed .withdrawn evidence.added question.answered run.started .finished .blocked",
    "web router": """action.routed decision.recorded .retracted question.closed run.started certificate.issued .revoked
        sample.drawn .graded canary.seeded .scored drift.raised incident.opened .closed""",
    "web": """action.proposed .withdrawn .edited .deferred .assigned .tagged evidence.added question.answered
        run.forked .cancelled stop.placed .lifted message.posted attempt.settled registry.synced principal.registered .changed
        .retired action_type.registered .changed level.set policy.published queue.changed account.changed role.granted
        .revoked qualification.recorded delegation.granted .revoked token.created .changed .rotated .revoked
        auth.signed_in .refused .stepped_up audit.searched .exported content.opened privacy.erased hold.placed .lifted
        retention.pruned""",
    "router": "action.expired .escalated audit.verified level.lapsed",
    "executor": "attempt.leased .begun .finished .retried .in_doubt action.reversed",
    "sequencer": "log.created .key_added .key_retired .alarm .one_role .journey_profile",
}
MAY, PREFIX = set(), ""
for roles, names in VOCABULARY.items():
    for word in names.split():
        PREFIX = word.partition(".")[0] or PREFIX
        MAY |= {(role, f"{PREFIX}.{word.partition('.')[2]}") for role in (*roles.split(), "one")}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
ODD = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
class Bad(ValueError):
    """Something in the export is not what its format says."""
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
def point(raw: bytes) -> tuple[int, ...]:
    """A point of the curve (Ed25519, RFC 8032), in extended coordinates."""
    number = int.from_bytes(raw, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise Bad("not a point of the curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
def add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P
def times(n: int, a: tuple[int, ...]) -> tuple[int, ...]:
    total: tuple[int, ...] = (0, 1, 1, 0)
    while n:
        total = add(total, a) if n & 1 else total
        a, n = add(a, a), n >> 1
    return total
BASE = point(bytes.fromhex("58" + "66" * 31))
def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is right. Raises Bad for what is no point."""
    key, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE) if s < L else (0, 1, 0, 0), add(r, times(challenge, key))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P
    return same and s < L and len(signature) == 64

class Tree:
    """The roots of all perfect subtrees, level by level; the root at any size follows from them."""
    def __init__(self) -> None:
        self.levels, self.size = [bytearray()], 0
    def append(self, leaf: bytes) -> None:
        self.levels[0] += leaf
        level, low = 0, self.size
        while low & 1:
            node = hashlib.sha256(b"\1" + self.levels[level][-64:]).digest()
            level, low = level + 1, low >> 1
            if level == len(self.levels):
                self.levels.append(bytearray())
            self.levels[level] += node
        self.size += 1
    def root(self, size: int) -> bytes:
        found = b""
        while size:
            level = (size & -size).bit_length() - 1
            node = bytes(self.levels[level][32 * (size >> level) - 32 : 32 * (size >> level)])
            found, size = hashlib.sha256(b"\1" + node + found).digest() if found else node, size - (1 << level)
        return found or hashlib.sha256(b"").digest()
    def tile(self, level: int, number: int, width: int = 256) -> bytes:
        row = self.levels[8 * level] if 8 * level < len(self.levels) else b""
        return bytes(row[8192 * number : 8192 * number + 32 * width])

def tile_name(level: int, number: int, width: int) -> str:
    *upper, last = (part.zfill(3) for part in f"{number:,}".split(","))
    return f"tile/{level}/" + "".join(f"x{part}/" for part in upper) + last + ("" if width == 256 else f".p/{width}")

def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path (RFC 6962, section 2.1.1) leads to."""
    if not 0 <= index < size or (size == 1 and path):
        raise Bad("the proof does not fit the tree")
    if size == 1:
        return leaf
    k, rest, last = 1 << ((size - 1).bit_length() - 1), path[:-1], path[-1]
    pair = climb(leaf, index, k, rest) + last if index < k else last + climb(leaf, index - k, size - k, rest)
    return hashlib.sha256(b"\1" + pair).digest()

def unbase64(text: str, size: int | None = None) -> bytes:
    if size not in (None, len(raw := base64.b64decode(text, validate=True))):
        raise Bad(f"{len(raw)} bytes instead of {size}")
    return raw
def unurl(text: str) -> bytes:
    return unbase64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
def url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

class Key:
    """`name+hash+key`: algorithm 1 signs checkpoints, 4 cosigns them with a time."""
    def __init__(self, line: str) -> None:
        self.name, tag, raw = line.split("+", 2)
        blob = unbase64(raw, 33)
        self.algorithm, self.public = blob[0], blob[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + blob).digest()[:4]
        if self.id.hex() != tag or self.algorithm not in (1, 4):
            raise Bad(f"the key of {self.name!r} does not match its own hash")

class Note:
    """A checkpoint with its signature lines."""
    def __init__(self, text: str) -> None:
        body, gap, tail = text.partition("\n\n")
        lines = body.split("\n")
        if not gap or len(lines) != 3 or not re.fullmatch(r"0|[1-9]\d{0,17}", lines[1], re.ASCII):
            raise Bad("not a checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2], 32)
        self.body, self.lines = body + "\n", tail.split("\n")
    def signed(self, key: Key) -> int:
        """1 (a log's key) or the time in seconds (a witness's) if the key signed this, else 0."""
        for line in self.lines:
            head, _, blob = line.rpartition(" ")
            try:
                raw = unbase64(blob) if head == f"\u2014 {key.name}" else b""
                time, cosigns = int.from_bytes(raw[4:12], "big"), key.algorithm == 4
                text = f"cosignature/v1\ntime {time}\n{self.body}" if cosigns else self.body
                if raw[:4] == key.id and ed25519(key.public, text.encode(), raw[12 if cosigns else 4 :]):
                    return time if cosigns else 1
            except ValueError:
                continue
        return 0

class Policy:
    """tlog-policy: log keys, witnesses, groups, and how many must have cosigned."""
    def __init__(self, text: str) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum = "none"
        for verb, *rest in filter(None, (line.split("#")[0].split() for line in text.splitlines())):
            if verb == "log":
                self.logs.append(Key(rest[0]))
            elif verb == "witness":
                self.witnesses[rest[0]] = Key(rest[1])
            elif verb == "group":
                self.groups[rest[0]] = ({"any": 1, "all": len(rest) - 2}.get(rest[1]) or int(rest[1]), rest[2:])
            elif verb == "quorum":
                self.quorum = rest[0]
        if {key.algorithm for key in self.logs} != {1} or {key.algorithm for key in self.witnesses.values()} - {4}:
            raise Bad("the policy names no log key, or a key of the wrong kind")
    def met(self, signers: set[str], name: str = "", depth: int = 0) -> bool:
        name = name or self.quorum
        needed, members = self.groups.get(name, (1, []))
        return name in ("none", *signers) or (
            depth < 9 and sum(self.met(signers, member, depth + 1) for member in members) >= needed)

def whole(text: str) -> int:
    if len(text) > 15 and (len(text) > 17 or not -(2**53) < int(text) < 2**53):
        raise Bad("an integer beyond 53 bits")
    return int(text)
# A float or NaN is no integer, so `int` refuses it.
DECODER = json.JSONDecoder(parse_int=whole, parse_float=int, parse_constant=int)
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
def seconds(at: str) -> float:
    return dt.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()

class Check:
    """One run over one export. Every finding goes through `say`."""
    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options, self.tree = folder, options, Tree()
        self.found: dict[str, dict[str, Any]] = {}
        self.ids: dict[str, int] = {}
        self.cases: dict[str, tuple[int, str, Any, int]] = {}  # number, hash, state, index of the last event
        self.promised: dict[tuple[str, str], tuple[str, int, str]] = {}  # (event, field): digest, index, case
        self.erased: set[tuple[str, str]] = set()
        self.expected: dict[tuple[Any, ...], tuple[tuple[Any, ...], int]] = {}  # what rows must say, and index
        self.approved: dict[str, set[str]] = {}
        self.notes: list[Note] = []
        self.cosigned: list[tuple[int, int, int]] = []  # size, first and last witness's time
        self.window, self.floor, self.latest = 0, 0.0, ""
        self.manifest: dict[str, Any] = {}
        self.now, self.partial, self.signed, self.one, self.first_bad = 0.0, False, 0, [-1, -1], -1

    def say(self, name: str, index: int, text: str, case: str = "") -> None:
        if self.options.case and case and case != self.options.case:
            return
        entry = self.found.setdefault(name, {"name": name, "index": index, "count": 0, "text": text[:300]})
        entry["count"] += 1
        if 0 <= index < entry["index"] or entry["index"] < 0 <= index:
            entry["index"], entry["text"] = index, text[:300]

    def rows(self, name: str, make: Callable[[Any], Any] = lambda row: row) -> Iterator[Any]:
        """Each line parsed; one that cannot be is a finding, and the rest is still read."""
        with (self.folder / name).open("rb") as file:
            for place, line in enumerate(file):
                try:
                    yield make(DECODER.decode(line.decode()))
                except ODD as error:
                    self.say("PARSE", -1, f"{name} line {place + 1}: {type(error).__name__} {error}")

    def run(self) -> None:
        for step in (self.check_manifest, self.read_policy, self.read_notes, self.check_events, self.check_tree,
                     self.check_anchors, self.check_content, self.check_business, self.check_receipts, self.check_age):
            try:
                step()
            except (*ODD, OSError) as error:
                unreadable = isinstance(error, OSError) or step == self.read_policy
                text = f"{step.__name__}: {type(error).__name__} {error}"
                self.say("UNREADABLE" if unreadable else "PARSE", -1, text)
                if unreadable and step in (self.read_policy, self.check_events):
                    return

    def check_manifest(self) -> None:
        self.manifest = manifest = DECODER.decode((self.folder / "manifest.json").read_text("utf-8"))
        if not TIME(manifest["time"]) or manifest["version"] != 1:
            raise Bad("version 1 and a time are promised")
        self.partial = bool(manifest.get("cases"))
        self.now = dt.datetime.now(dt.UTC).timestamp() if self.options.fresh else seconds(manifest["time"])
        for name, digest in (dict.fromkeys(FILES) | manifest["files"]).items():
            path = self.folder / name
            if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
                self.say("MANIFEST", -1, f"{name[:80]} belongs to the export and is not in it")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                self.say("MANIFEST", -1, f"{name[:80]} is not the file that was exported")

    def read_policy(self) -> None:
        given = self.options.policy or self.options.key or self.folder / "policy"
        text = Path(given).read_text("utf-8")
        self.policy = Policy(f"log {text}" if self.options.key else text)

    def read_notes(self) -> None:
        self.notes = sorted(self.rows("checkpoints.jsonl", Note), key=lambda note: note.size)
        for note in self.notes:
            if note.origin not in {key.name for key in self.policy.logs}:
                self.say("SIG", note.size - 1, f"the checkpoint at {note.size} is of another log, {note.origin[:80]!r}")
            if moments := [at for key in self.policy.witnesses.values() if (at := note.signed(key))]:
                self.cosigned.append((note.size, min(moments), max(moments)))

    def check_events(self) -> None:
        total = self.manifest.get("events")
        with (self.folder / "events.jsonl").open("rb") as file:
            for index, line in enumerate(file):
                leaf = line.rstrip(b"\n")
                self.tree.append(digest := hashlib.sha256(b"\0" + leaf).digest())
                try:
                    self.check_leaf(index, leaf, digest)
                except ODD as error:
                    self.say("PARSE", index, f"the entry is no event: {type(error).__name__} {error}")
                if self.options.progress and index % 20_000 == 0:
                    print(json.dumps({"done": index, "total": total}), file=sys.stderr, flush=True)
        if total != self.tree.size:
            self.say("TRUNCATED", self.tree.size, f"the manifest promises {total} entries")
        if self.one[0] >= 0 > self.one[1]:
            self.say("VOCAB", self.one[0], "entries of one-role mode, and no log.one_role says that it was on")

    def check_leaf(self, index: int, leaf: bytes, digest: bytes) -> None:
        event = DECODER.decode(text := leaf.decode())
        normal = text.isascii() or unicodedata.is_normalized("NFC", text)
        if not normal or ENCODER.encode(event) != text:
            self.say("NONCANON", index, "the entry is not in canonical form")
        identity, at, chain, name, writer = event["id"], event["at"], event["case"], event["name"], event["writer"]
        case, seq = chain["id"], chain["seq"]
        if list(event) != ENVELOPE or event["v"] != 1 or not (TIME(at) and UUID(identity)) or len(leaf) > 65535 or (
                not isinstance(case, str) or type(seq) is not int or seq < 1):
            raise Bad("the envelope has another shape")
        if self.ids.setdefault(identity, index) != index:
            self.say("DUP_ID", index, f"the id of entry {self.ids[identity]} once more", case)
        if (writer, name) not in MAY:
            self.say("VOCAB", index, f"{name!s:.60} by {writer!s:.30} is not in the vocabulary", case)
        if writer == "one" and self.one[0] < 0:
            self.one[0] = index
        before = self.cases.get(case, (0, "A" * 43, None, -1))
        begins = self.partial and before[3] < 0
        if (seq != before[0] + 1 or chain["prev"] != before[1]) and not begins:
            self.say("CASE_CHAIN", index, f"event {seq} of {case} does not follow event {before[0]}", case)
        state, change = before[2], event["change"]
        if change is not None and change["from"] != state and not begins:
            self.say("CASE_STATE", index, f"{case}: from {change['from']!r}, but it was {state!r}", case)
        state = state if change is None else change["to"]
        self.cases[case] = (seq, url64(digest), state, index)
        self.check_time(index, at, case)
        for field, promise in event["commit"].items():
            self.promised[identity, field] = (promise, index, case)
        self.remember(name, event, identity, case, index)

    def remember(self, name: str, event: dict[str, Any], identity: str, case: str, index: int) -> None:
        data, digest = event["data"], event["data"].get("digest")
        if "revision" in data and digest:
            self.expected["revision", identity] = (case, data["revision"], digest), index
            if event["commit"].get("payload", digest) != digest:
                self.say("PROJECTION", index, f"{case}: the payload committed to is not that of the revision", case)
        if name == "decision.recorded":
            self.expected["decision", identity] = (case, data["verdict"], event["actor"]["ref"], digest), index
            if data["verdict"] == "approve":
                self.approved.setdefault(case, set()).add(digest)
        elif name == "attempt.begun":
            self.expected["attempt", case, data["fence"]] = (digest,), index
            if digest not in self.approved.get(case, ()):
                self.say("PROJECTION", index, f"{case}: begun on bytes that nobody had approved", case)
        elif name == "privacy.erased":
            self.erased |= {(entry["event"], entry["field"]) for entry in data["entries"]}
        elif name == "log.one_role":
            self.one[1] = index

    def check_time(self, index: int, at: str, case: str) -> None:
        moment, seen = seconds(at), self.cosigned
        if at < self.latest and seconds(self.latest) - moment > SKEW:
            self.say("TIME_BACKDATED", index, f"{at} stands behind {self.latest}", case)
        self.latest = max(at, self.latest)
        while self.window < len(seen) and seen[self.window][0] <= index:
            self.floor, self.window = seen[self.window][1] - MMD - SKEW, self.window + 1
        if moment < self.floor:
            self.say("TIME_BACKDATED", index, f"{at}: a witness saw the tree before it, later than that", case)
        if moment > (seen[self.window][2] if self.window < len(seen) else self.now or moment) + AHEAD:
            self.say("TIME_FUTURE", index, f"{at}: the export, or a witness that saw it, is earlier than that", case)

    def check_tree(self) -> None:
        if not self.notes:
            self.say("NO_CHECKPOINT", -1, "nothing is signed: the entries could be anybody's")
            return
        newest, good = self.notes[-1], 0
        self.signed = newest.size
        self.check_proofs(newest) if self.partial else self.check_tiles(min(newest.size, 2 * self.tree.size + 256))
        for note in self.notes if not self.partial else ():
            if note.size > self.tree.size:
                self.say("TRUNCATED", self.tree.size, f"{note.size} entries were signed, {self.tree.size} are here")
            elif self.tree.root(note.size) == note.root:
                good = note.size
            else:
                self.say("ROOT", max(self.first_bad, good), f"another root than the one signed at {note.size} entries")
        sizes, step = {size for size, _, _ in self.cosigned}, max(1, len(self.notes) // 100)
        for place, note in enumerate(self.notes[::-1]):  # the newest, the cosigned, a hundred others
            chosen = self.options.all or place % step == 0 or note.size in sizes
            if chosen and not any(note.signed(key) for key in self.policy.logs):
                self.say("SIG", note.size - 1, f"the checkpoint at {note.size} is not signed by the log")
        if not self.policy.met({name for name, key in self.policy.witnesses.items() if newest.signed(key)}):
            self.say("COSIG", newest.size - 1, "the newest checkpoint lacks the witnesses that the policy asks for")
        if self.tree.size > newest.size and self.now - seconds(self.manifest["oldest_unsequenced"]) > MMD:
            self.say("UNCOVERED_TAIL", newest.size, f"{self.tree.size - newest.size} entries have no checkpoint")

    def check_tiles(self, size: int) -> None:
        level, count = 0, size
        while count:
            for number in range(-(-count // 256)):
                width = min(256, count - 256 * number)
                path, mine = self.folder / tile_name(level, number, width), self.tree.tile(level, number, width)
                told = path.read_bytes() if path.is_file() else b""
                if told != mine:
                    same = next((i for i in range(0, 32 * width, 32) if told[i : i + 32] != mine[i : i + 32]), 0) // 32
                    bad = min((256 * number + same) * 256**level, size - 1)
                    self.first_bad = bad if self.first_bad < 0 else self.first_bad
                    self.say("TILE", bad, f"{tile_name(level, number, width)} does not match the entries")
            level, count = level + 1, count // 256

    def check_proofs(self, newest: Note) -> None:
        """A case export: each entry under one signed head. Inclusion, not completeness."""
        for place in range(self.tree.size):
            try:
                text = (self.folder / f"proofs/{place:06d}.tlog-proof").read_text("utf-8")
                kind, where, *path = text.partition("\n\n")[0].split("\n")
                leaf, steps = bytes(self.tree.levels[0][32 * place : 32 * place + 32]), [unbase64(p, 32) for p in path]
                root = climb(leaf, whole(where.removeprefix("index ")), newest.size, steps)
                if kind != "c2sp.org/tlog-proof@v1" or root != newest.root:
                    raise Bad("it does not lead to the signed root")
            except (*ODD, OSError) as error:
                self.say("ROOT", place, f"the proof of entry {place}: {type(error).__name__} {error}")

    def check_anchors(self) -> None:
        for given in self.options.against:
            try:
                note = Note(Path(given).read_text("utf-8"))
                if not any(note.signed(key) for key in self.policy.logs):
                    raise Bad("not signed by the log")
            except (*ODD, OSError) as error:
                self.say("ANCHOR_SIG", -1, f"{given}: {type(error).__name__} {error}")
                continue
            known = {mine.size: mine.root for mine in self.notes}
            if note.size > self.tree.size and not self.partial:
                self.say("ANCHOR_TRUNCATED", self.tree.size, f"{given} saw {note.size} entries")
            elif (known.get(note.size, note.root) if self.partial else self.tree.root(note.size)) != note.root:
                self.say("ANCHOR_FORK", max(self.first_bad, 0), f"{given}: another history of {note.size} entries")

    def check_content(self) -> None:
        told = {}
        for row in self.rows("content.jsonl"):
            slot, state = (row["event"], row["field"]), row["state"]
            told[slot] = state
            promise, index, case = self.promised.get(slot, ("", -1, ""))
            if state == "open" and promise != url64(hashlib.sha256(unurl(row["salt"]) + unurl(row["body"])).digest()):
                self.say("COMMIT", index, f"the text {slot[1]!s:.40} is not what was committed", case)
        for slot, (_, index, case) in self.promised.items():
            if told.get(slot) not in ("open", "withheld") and slot not in self.erased:
                self.say("CONTENT_MISSING", index, f"the text {slot[1]!s:.40} is gone, and no event says so", case)

    def check_business(self) -> None:
        for case, (seq, head, state, index) in self.cases.items():
            self.expected["case", case] = (seq, head, state), index
        for row in self.rows("business.jsonl"):
            kind, case = row["kind"], row["case"]
            names, columns = ROWS[kind]
            said, index = self.expected.pop((kind, *(row[name] for name in names)), ((), -1))
            if kind == "attempt" and not row["begun"]:
                continue
            if not said and kind == "decision":
                self.say("DECISION_WITHOUT_EVENT", -1, f"a decision on {case} that no event records", case)
            elif not said or any(row[c] not in (None, value) for c, value in zip(columns, said, strict=True)):
                self.say("PROJECTION", index, f"{case}: a row ({kind}) says other than the events", case)
        for key, (said, index) in self.expected.items() if self.manifest.get("projections") else ():
            if key[0] == "decision":
                self.say("EVENT_WITHOUT_DECISION", index, f"{said[0]}: the row of this decision is gone", said[0])
            elif key[0] == "case" and key[1].startswith("action:"):
                self.say("PROJECTION", index, f"{key[1]}: its row is gone", key[1])

    def check_receipts(self) -> None:
        for given in self.options.receipt:
            receipt = DECODER.decode(Path(given).read_text("utf-8"))
            index = self.ids.get(receipt["event"], -1)
            if index < 0 or bytes(self.tree.levels[0][32 * index : 32 * index + 32]) != unurl(receipt["leaf_hash"]):
                self.say("RECEIPT_MISSING", index, f"{given}: this event was promised and is not in the log")

    def check_age(self) -> None:
        oldest = self.manifest.get("oldest_unsequenced")
        if oldest and self.now - seconds(oldest) > MMD:
            self.say("STALE", -1, f"an event of {oldest} still waits for its place: the sequencer stands still")
        if self.policy.witnesses and self.now - max((last for _, _, last in self.cosigned), default=0) > 3600:
            self.say("STALE", -1, "the newest cosignature is older than an hour")

def report(check: Check) -> int:
    size, signed, options = check.tree.size, min(check.signed, check.tree.size), check.options
    root, bad = check.tree.root(signed).hex(), [name for name in check.found if name in TAMPERED.split()]
    code, last = (1, "TAMPERED: " + " ".join(bad)) if bad else (2, "CANNOT JUDGE: " + " ".join(check.found))
    if not check.found:
        code, last = 0, "VALID" + ("" if options.key or options.policy else " (key taken from the export)")
    if options.json:
        told = {"exit": code, "verdict": last, "size": signed, "entries": size, "root": root}
        print(json.dumps(told | {"findings": list(check.found.values())}))
        return code
    for finding in check.found.values():
        print("{name}  first at {index}, {count} in all: {text}".format(**finding).encode("unicode_escape").decode())
    print(f"{size} entries, {signed} of them under a checkpoint, {len(check.erased)} texts erased; root {root}")
    print("single cases: what is here is in the log; what is missing cannot be seen\n" * check.partial + last)
    return code

def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Checks an export of an Assentry log, offline.")
    parser.add_argument("export", type=Path)
    keys = parser.add_mutually_exclusive_group()
    for name, text in ("key", "the log's verifier key"), ("policy", "keys, witnesses and quorum"):
        keys.add_argument(f"--{name}", help=f"file with {text}, kept elsewhere")
    for name in ("against", "receipt"):
        parser.add_argument(f"--{name}", nargs="+", default=[], help="checkpoints or receipts kept elsewhere")
    parser.add_argument("--case", default="", help="judge this case only")
    for name in ("all", "json", "progress", "fresh"):
        parser.add_argument(f"--{name}", action="store_true")
    check = Check((options := parser.parse_args(argv)).export, options)
    try:
        check.run()
    except Exception as error:  # noqa: BLE001  a hostile export must neither pass nor end in a traceback
        check.say("CRASH", -1, f"the verifier failed: {type(error).__name__} {error}")
    return report(check)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
