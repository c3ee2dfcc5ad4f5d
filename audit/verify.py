#!/usr/bin/env python3
"""Checks an export of an Assentry log, offline, with nothing but Python's standard library.

    python verify.py EXPORT [--key FILE | --policy FILE] [--against CHECKPOINT ...] [--case ID]
                     [--receipt FILE ...] [--all] [--json] [--progress] [--fresh]

Exit codes: 0 valid, 1 tampered, 2 cannot judge (incomplete, unreadable, wrong usage, own crash); 1 wins over 2.
Every finding prints its name, the first bad index, how often it occurs, and a sentence. docs/audit-log.md
describes the formats: RFC 6962 tree; C2SP signed notes, checkpoints, tiles, cosignatures and policy.
"""

import argparse
import base64
import datetime
import hashlib
import json
import re
import sys
import unicodedata
from pathlib import Path

MMD, SKEW, AHEAD = 10, 65, 5  # seconds: promised merge delay; a leaf behind the latest before it; ahead of a clock
TAMPERED = """ROOT TRUNCATED SIG TILE PARSE NONCANON DUP_ID CASE_CHAIN CASE_STATE VOCAB TIME_FUTURE TIME_BACKDATED COMMIT
CONTENT_MISSING MANIFEST ANCHOR_FORK ANCHOR_TRUNCATED PROJECTION DECISION_WITHOUT_EVENT EVENT_WITHOUT_DECISION
RECEIPT_MISSING""".split()
OPEN = "NO_CHECKPOINT UNCOVERED_TAIL COSIG ANCHOR_SIG STALE UNREADABLE USAGE CRASH".split()
ENVELOPE = "actor at batch case change commit data id log name request v writer".split()
VOCABULARY = {
    "agent": """action.proposed action.withdrawn evidence.added question.answered run.started run.finished
        run.blocked""",
    "web": """action.proposed action.withdrawn evidence.added question.answered action.routed decision.recorded
        decision.retracted question.closed run.started run.forked run.cancelled certificate.issued certificate.revoked
        sample.drawn sample.graded canary.seeded canary.scored drift.raised incident.opened incident.closed stop.placed
        stop.lifted action.edited action.deferred action.assigned message.posted attempt.settled registry.synced
        principal.registered principal.changed principal.retired action_type.registered action_type.changed level.set
        policy.published queue.changed account.changed role.granted role.revoked qualification.recorded
        delegation.granted delegation.revoked token.created token.changed token.rotated token.revoked auth.signed_in
        auth.refused auth.stepped_up audit.searched audit.exported content.opened privacy.erased hold.placed hold.lifted
        retention.pruned""",
    "router": """action.routed decision.recorded decision.retracted question.closed action.expired action.escalated
        audit.verified level.lapsed run.started certificate.issued certificate.revoked sample.drawn sample.graded
        canary.seeded canary.scored drift.raised incident.opened incident.closed""",
    "executor": """attempt.leased attempt.begun attempt.finished attempt.retried attempt.in_doubt action.reversed""",
    "sequencer": """log.created log.key_added log.key_retired log.alarm log.one_role log.journey_profile""",
}
MAY = {(role, name) for role, names in VOCABULARY.items() for name in names.split()}
KNOWN = {name for _, name in MAY}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
ZERO = base64.urlsafe_b64encode(bytes(32)).rstrip(b"=").decode()


class Bad(Exception):
    """Something in the export is not what its format says."""


# --- Ed25519 (RFC 8032), verification only ------------------------------------------------------------------

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def recover(y: int, sign: int) -> int:
    """The x that belongs to y on the curve."""
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (x == 0 and sign):
        raise Bad("not a point of the curve")
    return P - x if x & 1 != sign else x


def point(raw: bytes) -> tuple:
    number = int.from_bytes(raw, "little")
    y = number & ((1 << 255) - 1)
    x = recover(y, number >> 255)
    return x, y, 1, x * y % P


def add(a: tuple, b: tuple) -> tuple:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P


def times(n: int, a: tuple) -> tuple:
    total = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, a)
        a, n = add(a, a), n >> 1
    return total


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover(BASE_Y, 0), BASE_Y, 1, recover(BASE_Y, 0) * BASE_Y % P)


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        if len(public) != 32 or len(signature) != 64:
            return False
        key, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    except Bad:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(challenge, key))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P
    return s < L and same


# --- the tree (RFC 6962) ------------------------------------------------------------------------------------


class Tree:
    """Every perfect subtree's root, by level; the root at any size follows from them."""

    def __init__(self) -> None:
        self.levels, self.size = [bytearray()], 0

    def append(self, leaf: bytes) -> None:
        level, node, low = 0, leaf, self.size
        self.levels[0] += leaf
        while low & 1:
            row = self.levels[level]
            node = hashlib.sha256(b"\1" + row[-64:]).digest()
            level, low = level + 1, low >> 1
            if level == len(self.levels):
                self.levels.append(bytearray())
            self.levels[level] += node
        self.size += 1

    def root(self, size: int) -> bytes:
        if size == 0:
            return hashlib.sha256(b"").digest()
        found, stop = b"", size
        while stop:
            level = (stop & -stop).bit_length() - 1
            place = (stop >> level) - 1
            node = bytes(self.levels[level][32 * place : 32 * place + 32])
            found = hashlib.sha256(b"\1" + node + found).digest() if found else node
            stop -= 1 << level
        return found

    def tile(self, level: int, number: int, width: int) -> bytes:
        row = self.levels[8 * level] if 8 * level < len(self.levels) else b""
        return bytes(row[8192 * number : 8192 * number + 32 * width])


def climb(leaf: bytes, index: int, size: int, path: list) -> bytes:
    """The root that an inclusion path (RFC 9162, section 2.1.3.2) leads to."""
    place, last, found = index, size - 1, leaf
    for step in path:
        if last == 0:
            raise Bad("the proof is too long")
        if place & 1 or place == last:
            found = hashlib.sha256(b"\1" + step + found).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + step).digest()
        place, last = place >> 1, last >> 1
    if last or not 0 <= index < size:
        raise Bad("the proof does not fit the tree")
    return found


# --- notes and policy (C2SP) --------------------------------------------------------------------------------


def unbase64(text: str, size: int = 0) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError) as error:
        raise Bad("not base64") from error
    if size and len(raw) != size:
        raise Bad(f"{len(raw)} bytes instead of {size}")
    return raw


def unurl(text: object) -> bytes:
    if not isinstance(text, str) or not text.isascii():
        raise Bad("not base64url")
    return unbase64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


class Key:
    """`name+hash+key`: algorithm 1 signs checkpoints, 4 cosigns them with a time."""

    def __init__(self, line: str) -> None:
        self.name, tag, raw = (line.split("+", 2) + ["", ""])[:3]
        blob = unbase64(raw, 33)
        self.algorithm, self.public = blob[0], blob[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + blob).digest()[:4]
        if self.id.hex() != tag or self.algorithm not in (1, 4):
            raise Bad(f"the key of {self.name!r} does not match its own hash")


class Note:
    """A checkpoint with its signature lines."""

    def __init__(self, text: object) -> None:
        if not isinstance(text, str):
            raise Bad("a checkpoint is text")
        body, gap, tail = text.partition("\n\n")
        lines = body.split("\n")
        if not gap or len(lines) != 3 or not re.fullmatch(r"0|[1-9]\d{0,17}", lines[1], re.ASCII):
            raise Bad("not a checkpoint")
        self.origin, self.size, self.root = lines[0], int(lines[1]), unbase64(lines[2], 32)
        self.body, self.lines = body + "\n", [line for line in tail.split("\n") if line]

    def signed(self, key: Key) -> int:
        """1 (a log's key) or the time in seconds (a witness's) if the key signed this, else 0."""
        for line in self.lines:
            head, _, blob = line.rpartition(" ")
            if head != f"\u2014 {key.name}":
                continue
            try:
                raw = unbase64(blob)
            except Bad:
                continue
            if raw[:4] != key.id:
                continue
            if key.algorithm == 1 and ed25519(key.public, self.body.encode(), raw[4:]):
                return 1
            moment = int.from_bytes(raw[4:12], "big")
            text = f"cosignature/v1\ntime {moment}\n{self.body}"
            if key.algorithm == 4 and ed25519(key.public, text.encode(), raw[12:]):
                return moment
        return 0


class Policy:
    """tlog-policy: log keys, witnesses, groups, and how many must have cosigned."""

    def __init__(self, text: str) -> None:
        self.logs, self.witnesses, self.groups, self.quorum = [], {}, {}, "none"
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            try:
                self._line(words[0], words[1:])
            except (IndexError, ValueError) as error:
                raise Bad(f"the policy line {line[:80]!r} cannot be read") from error
        if not self.logs:
            raise Bad("the policy names no log key")

    def _line(self, verb: str, rest: list) -> None:
        if verb == "log":
            self.logs.append(Key(rest[0]))
        elif verb == "witness":
            self.witnesses[rest[0]] = Key(rest[1])
        elif verb == "group":
            members = rest[2:]
            self.groups[rest[0]] = ({"any": 1, "all": len(members)}.get(rest[1]) or int(rest[1]), members)
        elif verb == "quorum":
            self.quorum = rest[0]
        else:
            raise ValueError(verb)

    def met(self, signers: set, name: str = "", depth: int = 0) -> bool:
        name = name or self.quorum
        if name in ("none", *signers):
            return True
        needed, members = self.groups.get(name, (1, []))
        return depth < 9 and sum(self.met(signers, member, depth + 1) for member in members) >= needed


# --- the checks ---------------------------------------------------------------------------------------------


def loads(raw: bytes) -> object:
    def whole(text: str) -> int:
        number = int(text) if len(text) < 18 else 2**53
        if not -(2**53) < number < 2**53:
            raise Bad("an integer beyond 53 bits")
        return number

    def never(text: str) -> None:
        raise Bad(f"{text[:20]} is no integer")

    return json.loads(raw, parse_int=whole, parse_float=never, parse_constant=never)


ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def lines_of(path: Path):
    with path.open("rb") as file:
        for line in file:
            yield line.rstrip(b"\n")


def seconds(at: str) -> float:
    return datetime.datetime.fromisoformat(at[:-1] + "+00:00").timestamp()


class Check:
    """One run over one export."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options, self.found = folder, options, {}
        self.tree, self.ids, self.cases, self.leaves, self.notes, self.times = Tree(), {}, {}, {}, [], []
        self.promised, self.erased, self.decisions, self.attempts, self.revisions = {}, set(), {}, set(), {}
        self.approved, self.writers, self.latest, self.index, self.signed = {}, set(), "", -1, 0
        self.manifest, self.now, self.partial = {}, 0.0, False

    def say(self, name: str, index: int, text: str, case: str = "") -> None:
        if self.options.case and case and case != self.options.case:
            return
        entry = self.found.setdefault(name, {"name": name, "index": index, "count": 0, "text": text})
        entry["count"] += 1
        if 0 <= index < entry["index"] or entry["index"] < 0 <= index:
            entry["index"], entry["text"] = index, text

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def run(self) -> None:
        for step in (self.check_manifest, self.read_policy, self.read_notes, self.check_events, self.check_tree,
                     self.check_anchors, self.check_content, self.check_business, self.check_receipts, self.check_age):
            try:
                step()
            except Bad as error:
                self.say("PARSE", -1, f"{step.__name__}: {error}")
            except (OSError, UnicodeDecodeError) as error:
                self.say("UNREADABLE", -1, f"{getattr(error, 'filename', '') or step.__name__}: {error}")
                if step in (self.read_policy, self.check_events):
                    return
            except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                self.say("PARSE", -1, f"{step.__name__}: not of the promised form ({type(error).__name__}: {error})")

    def check_manifest(self) -> None:
        manifest = loads(self.read("manifest.json"))
        if not isinstance(manifest, dict) or not TIME(str(manifest.get("time"))) or manifest.get("version") != 1:
            raise Bad("manifest.json: version 1 and a time are promised")
        self.manifest, self.partial = manifest, bool(manifest.get("cases"))
        self.now = datetime.datetime.now().timestamp() if self.options.fresh else seconds(manifest["time"])
        files = manifest.get("files", {})
        for name in sorted({"events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl"} - set(files)):
            self.say("MANIFEST", -1, f"{name} is not listed")
        for name, digest in files.items():
            path = self.folder / name
            if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
                self.say("MANIFEST", -1, f"{name[:80]} is listed and is not in the export")
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                self.say("MANIFEST", -1, f"{name[:80]} is not the file that was exported")

    def read_policy(self) -> None:
        given = self.options.policy or self.options.key
        text = Path(given).read_text("utf-8") if given else self.read("policy").decode()
        self.policy = Policy(f"log {text.strip()}" if self.options.key else text)

    def read_notes(self) -> None:
        for place, line in enumerate(lines_of(self.folder / "checkpoints.jsonl")):
            try:
                note = Note(loads(line))
            except (Bad, ValueError, RecursionError) as error:
                self.say("PARSE", -1, f"checkpoints.jsonl line {place + 1}: {error}")
                continue
            if note.origin not in {key.name for key in self.policy.logs}:
                self.say("SIG", -1, f"the checkpoint at {note.size} is of another log, {note.origin[:80]!r}")
            self.notes.append(note)
        self.notes.sort(key=lambda note: note.size)
        for note in self.notes:
            moments = [moment for key in self.policy.witnesses.values() if (moment := note.signed(key))]
            if moments:
                self.times.append((note.size, min(moments), max(moments)))

    def check_events(self) -> None:
        total = max(int(self.manifest.get("size", 0)), 1)
        for index, leaf in enumerate(lines_of(self.folder / "events.jsonl")):
            self.index = index
            digest = hashlib.sha256(b"\0" + leaf).digest()
            self.tree.append(digest)
            try:
                self.check_leaf(index, leaf, digest)
            except (Bad, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
                self.say("PARSE", index, f"the entry is no event: {type(error).__name__} {str(error)[:120]}")
            if self.options.progress and index % 20000 == 0:
                print(json.dumps({"done": index, "total": total}), file=sys.stderr, flush=True)
        if self.manifest.get("events", self.tree.size) != self.tree.size:
            self.say("TRUNCATED", self.tree.size, f"the manifest promises {self.manifest['events']} entries")
        if ("one", "") in self.writers and "log.one_role" not in self.leaves:
            self.say("VOCAB", self.leaves["one"], "one-role entries without log.one_role")

    def check_leaf(self, index: int, leaf: bytes, digest: bytes) -> None:
        event = loads(leaf)
        text = leaf.decode()
        if ENCODER.encode(event) != text or not (text.isascii() or unicodedata.is_normalized("NFC", text)) \
                or "\\u0000" in text or len(leaf) > 65535:
            self.say("NONCANON", index, "the entry is not in canonical form")
        if list(event) != ENVELOPE or event["v"] != 1 or not TIME(event["at"]) or not UUID(event["id"]):
            raise Bad("the envelope has another shape")
        chain, name, writer, at, identity = event["case"], event["name"], event["writer"], event["at"], event["id"]
        case, seq = chain["id"], chain["seq"]
        if not isinstance(case, str) or not isinstance(seq, int) or seq < 1:
            raise Bad("the case has another shape")
        if self.ids.setdefault(identity, index) != index:
            self.say("DUP_ID", index, f"the id of entry {self.ids[identity]} again", case)
        if (writer, name) not in MAY:
            if writer == "one" and name in KNOWN:
                self.writers.add(("one", ""))
                self.leaves.setdefault("one", index)
            else:
                self.say("VOCAB", index, f"{str(name)[:60]!r} by {str(writer)[:30]!r} is not in the vocabulary", case)
        before = self.cases.get(case, (0, ZERO, None))
        if not self.partial or case in self.cases or seq == 1:
            if seq != before[0] + 1 or chain["prev"] != before[1]:
                self.say("CASE_CHAIN", index, f"event {seq} of {case[:80]} does not follow event {before[0]}", case)
        state, change = before[2], event["change"]
        if change is not None:
            if change["from"] != state and not (self.partial and case not in self.cases):
                self.say("CASE_STATE", index, f"{case[:80]}: from {change['from']!r}, but it was {state!r}", case)
            state = change["to"]
        self.cases[case] = (seq, base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), state, index)
        self.check_time(index, at, case)
        for field, promise in event["commit"].items():
            self.promised[identity, field] = (promise, index, case)
        self.remember(name, event, identity, case, index)

    def remember(self, name: str, event: dict, identity: str, case: str, index: int) -> None:
        data = event["data"]
        if name == "decision.recorded":
            actor = event["actor"]["ref"]
            self.decisions[identity] = (case, data["verdict"], actor, data["digest"], index)
            if data["verdict"] == "approve":
                self.approved.setdefault(case, set()).add(data["digest"])
        elif name == "attempt.begun":
            self.attempts.add((case, data["fence"], data["digest"]))
            if data["digest"] not in self.approved.get(case, ()) and not self.partial:
                self.say("PROJECTION", index, f"{case[:80]}: begun on bytes that nobody had approved", case)
        elif name == "privacy.erased":
            self.erased |= {(entry["event"], entry["field"]) for entry in data["entries"]}
        elif name == "log.one_role":
            self.leaves[name] = index
        if "revision" in data and "digest" in data:
            self.revisions[identity] = (case, data["revision"], data["digest"], index)

    def check_time(self, index: int, at: str, case: str) -> None:
        if at >= self.latest:
            self.latest = at
        elif seconds(self.latest) - seconds(at) > SKEW:
            self.say("TIME_BACKDATED", index, f"{at} stands behind {self.latest}", case)
        if self.now and seconds(at) > self.now + AHEAD:
            self.say("TIME_FUTURE", index, f"{at} is after the export", case)
        for size, first, last in self.times:
            if index >= size and seconds(at) < first - MMD - SKEW:
                self.say("TIME_BACKDATED", index, f"{at} is older than a witness saw the tree before it", case)
            elif index < size and seconds(at) > last + AHEAD:
                self.say("TIME_FUTURE", index, f"{at} is later than a witness saw the tree with it", case)

    def check_tree(self) -> None:
        if not self.notes:
            self.say("NO_CHECKPOINT", -1, "nothing signed: the entries could be anybody's")
            return
        if self.partial:
            self.check_proofs()
            return
        good = 0
        for note in self.notes:
            if note.size > self.tree.size:
                self.say("TRUNCATED", self.tree.size, f"{note.size} entries were signed, {self.tree.size} are here")
            elif self.tree.root(note.size) == note.root:
                good = note.size
            else:
                self.say("ROOT", self.differs(good), f"another root than the one signed at {note.size} entries")
        for note in self.sample():
            if not any(note.signed(key) for key in self.policy.logs):
                self.say("SIG", note.size - 1, f"the checkpoint at {note.size} is not signed by the log")
        newest = self.notes[-1]
        self.signed = newest.size
        if not self.policy.met({name for name, key in self.policy.witnesses.items() if newest.signed(key)}):
            self.say("COSIG", newest.size - 1, "the newest checkpoint lacks the witnesses that the policy asks for")
        self.check_tiles(min(newest.size, self.tree.size))
        if self.tree.size > newest.size and self.now - seconds(str(self.manifest.get("oldest_unsequenced"))) > MMD:
            self.say("UNCOVERED_TAIL", newest.size, f"{self.tree.size - newest.size} entries are under no checkpoint")

    def sample(self) -> list:
        if self.options.all:
            return self.notes
        step = max(1, len(self.notes) // 100)
        cosigned = {size for size, _, _ in self.times}
        return [*self.notes[::step], *(n for n in self.notes if n.size in cosigned), self.notes[-1]]

    def differs(self, good: int) -> int:
        """The first entry that differs from its tile, or the first one after the last good checkpoint."""
        for number in range(good // 256, self.tree.size // 256 + 1):
            for path in sorted(self.folder.glob(tile_name(0, number) + "*")):
                path = max(path.glob("*"), key=lambda p: int(p.name)) if path.is_dir() else path
                told, mine = path.read_bytes(), self.tree.tile(0, number, 256)
                for place in range(0, min(len(told), len(mine)), 32):
                    if told[place : place + 32] != mine[place : place + 32]:
                        return number * 256 + place // 32
        return good

    def check_tiles(self, size: int) -> None:
        level, count = 0, size
        while count:
            for number in range(-(-count // 256)):
                width = min(256, count - 256 * number)
                name = tile_name(level, number) + ("" if width == 256 else f".p/{width}")
                told = self.read(name) if (self.folder / name).is_file() else b""
                if told != self.tree.tile(level, number, width):
                    self.say("TILE", min(number * 256 ** (level + 1), size - 1), f"{name} does not match the entries")
            level, count = level + 1, count // 256

    def check_proofs(self) -> None:
        """A case export: each entry under a signed head. Inclusion, not completeness."""
        for place in range(self.tree.size):
            try:
                head, gap, checkpoint = self.read(f"proofs/{place:06d}.tlog-proof").decode().partition("\n\n")
                first, where, *path = head.split("\n")
                note, index = Note(checkpoint), int(where.removeprefix("index "))
                leaf = bytes(self.tree.levels[0][32 * place : 32 * place + 32])
                if first != "c2sp.org/tlog-proof@v1" or not gap:
                    raise Bad("not a proof")
                if climb(leaf, index, note.size, [unbase64(step, 32) for step in path]) != note.root:
                    self.say("ROOT", place, f"entry {place} is not the leaf {index} that was signed")
                if note.body != self.notes[-1].body:
                    self.say("ROOT", place, f"the proof of entry {place} ends at another checkpoint")
            except (Bad, ValueError, OSError) as error:
                self.say("ROOT", place, f"entry {place} has no proof: {error}")
        if not any(self.notes[-1].signed(key) for key in self.policy.logs):
            self.say("SIG", self.notes[-1].size - 1, "the checkpoint is not signed by the log")

    def check_anchors(self) -> None:
        for given in self.options.against:
            try:
                note = Note(Path(given).read_text("utf-8"))
            except (Bad, OSError, UnicodeDecodeError) as error:
                self.say("ANCHOR_SIG", -1, f"{given}: {error}")
                continue
            if not any(note.signed(key) for key in self.policy.logs):
                self.say("ANCHOR_SIG", -1, f"{given} is not signed by the log")
            elif self.partial:
                same = [n for n in self.notes if n.size == note.size and n.root != note.root]
                if same:
                    self.say("ANCHOR_FORK", -1, f"{given}: another root at {note.size} entries")
            elif note.size > self.tree.size:
                self.say("ANCHOR_TRUNCATED", self.tree.size, f"{given} saw {note.size} entries")
            elif self.tree.root(note.size) != note.root:
                self.say("ANCHOR_FORK", self.differs(0), f"{given}: another history at {note.size} entries")

    def check_content(self) -> None:
        told = {}
        for line in lines_of(self.folder / "content.jsonl"):
            text = loads(line)
            slot = (text["event"], text["field"])
            told[slot] = text["state"]
            promise, index, case = self.promised.get(slot, ("", -1, ""))
            if text["state"] == "open":
                mine = hashlib.sha256(unurl(text["salt"]) + unurl(text["body"])).digest()
                if base64.urlsafe_b64encode(mine).rstrip(b"=").decode() != promise:
                    self.say("COMMIT", index, f"the text {slot[1][:40]!r} is not what was committed", case)
        for slot, (_, index, case) in self.promised.items():
            state = told.get(slot, "missing")
            if state not in ("open", "withheld") and slot not in self.erased:
                self.say("CONTENT_MISSING", index, f"the text {slot[1]!r} is gone, and no event says so", case)

    def check_business(self) -> None:
        seen, cases = set(), set()
        for line in lines_of(self.folder / "business.jsonl"):
            row = loads(line)
            kind, case, identity = row["kind"], row["case"], row.get("event")
            if kind == "case":
                cases.add(case)
                seq, head, state, index = self.cases.get(case, (0, ZERO, None, -1))
                if (row["seq"], row["head"]) != (seq, head) or row.get("state") not in (None, state):
                    self.say("PROJECTION", index, f"{case[:80]}: the row is not where its last event left it", case)
            elif kind == "decision":
                seen.add(identity)
                mine = self.decisions.get(identity)
                if mine is None:
                    self.say("DECISION_WITHOUT_EVENT", -1, f"a decision on {case[:80]} that no event records", case)
                elif mine[:4] != (case, row["verdict"], row["reviewer"], row["digest"]):
                    self.say("PROJECTION", mine[4], f"{case[:80]}: a decision says other than its event", case)
            elif kind == "revision":
                mine = self.revisions.get(identity)
                promise = self.promised.get((identity, "payload"), (row["digest"],))[0]
                if mine is None or mine[:3] != (case, row["revision"], row["digest"]) or promise != row["digest"]:
                    self.say("PROJECTION", mine[3] if mine else -1, f"{case[:80]}: a revision without its event", case)
            elif kind == "attempt" and row.get("begun"):
                if (case, row["fence"], row["digest"]) not in self.attempts:
                    self.say("PROJECTION", -1, f"{case[:80]}: an attempt without its event", case)
        for identity, decision in self.decisions.items():
            if identity not in seen:
                self.say("EVENT_WITHOUT_DECISION", decision[4], f"{decision[0][:80]}: its row is gone", decision[0])
        for case in self.cases.keys() - cases:
            if case.startswith("action:"):
                self.say("PROJECTION", self.cases[case][3], f"{case[:80]}: its row is gone", case)

    def check_receipts(self) -> None:
        for given in self.options.receipt:
            receipt = loads(Path(given).read_bytes())
            index = self.ids.get(receipt["event"], -1)
            mine = self.tree.tile(0, index // 256, 256)[index % 256 * 32 :][:32] if index >= 0 else b""
            if mine != unurl(receipt["leaf_hash"]):
                self.say("RECEIPT_MISSING", index, f"{given}: this event was promised, and is not in the log")

    def check_age(self) -> None:
        oldest = self.manifest.get("oldest_unsequenced")
        if oldest and self.now - seconds(oldest) > MMD:
            self.say("STALE", -1, f"an event of {oldest} still waits for its place: the sequencer stands still")
        if self.policy.witnesses and self.now - max((last for _, _, last in self.times), default=0) > 3600:
            self.say("STALE", -1, "the newest cosignature is older than an hour")


def tile_name(level: int, number: int) -> str:
    digits = f"{number:03d}"
    parts = re.findall("...", digits.zfill(-(-len(digits) // 3) * 3))
    return f"tile/{level}/" + "/".join(["x" + part for part in parts[:-1]] + parts[-1:])


def verdict(check: Check) -> tuple:
    names = [name for name in check.found if name in TAMPERED]
    if names:
        return 1, "TAMPERED: " + " ".join(names)
    if check.found:
        return 2, "CANNOT JUDGE: " + " ".join(check.found)
    own = "" if check.options.key or check.options.policy else " (key taken from the export)"
    return 0, "VALID" + own


def report(check: Check, code: int, last: str) -> None:
    if check.options.json:
        print(json.dumps({"exit": code, "verdict": last, "findings": list(check.found.values()), "size": check.signed,
                          "entries": check.tree.size, "root": check.tree.root(min(check.signed, check.tree.size)).hex()}))
        return
    for finding in check.found.values():
        print(f"{finding['name']}  first at {finding['index']}, {finding['count']}x: {finding['text']}")
    tail = check.tree.size - check.signed
    print(f"{check.tree.size} entries, {len(check.notes)} checkpoints, {len(check.erased)} texts erased"
          + (f"; the last {tail} wait for the next checkpoint" if check.signed and tail > 0 else "")
          + ("; single cases: what is here is in the log, what is missing cannot be seen" if check.partial else ""))
    print(last)


def main(argv: list) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("export", type=Path)
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", help="file with the log's verifier key, kept elsewhere")
    keys.add_argument("--policy", help="file with keys, witnesses and quorum, kept elsewhere")
    parser.add_argument("--against", nargs="+", default=[], help="checkpoints kept elsewhere")
    parser.add_argument("--receipt", nargs="+", default=[], help="receipts kept elsewhere")
    parser.add_argument("--case", default="", help="judge this case only")
    for flag in ("all", "json", "progress", "fresh"):
        parser.add_argument(f"--{flag}", action="store_true")
    options = parser.parse_args(argv)
    check = Check(options.export, options)
    try:
        check.run()
    except Exception as error:  # a hostile export must not look like a finding, nor end in a traceback
        check.say("CRASH", check.index, f"the verifier failed: {type(error).__name__} {error}")
    code, last = verdict(check)
    report(check, code, last)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
