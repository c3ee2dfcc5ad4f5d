"""Checks an export of an Assentry log, offline, with nothing but Python's standard library (3.11 or newer).

python verify.py EXPORT [--key F | --policy F] [--against F ...] [--receipt F ...] [--case ID] [--all] [--json]
Exit codes: 0 valid, 1 tampered, 2 cannot judge (incomplete, unreadable, wrong usage, own crash); 1 wins over 2.
docs/verify.md explains the findings, docs/audit-log.md the formats. Begin to read at `Check.run`.
"""
# fmt: off
import argparse
import base64
import contextlib
import datetime as dt
import gc
import hashlib
import json
import re
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MMD, SKEW, AHEAD, FOREVER = 10, 65, 5, 10**18  # seconds: promised merge delay, lag behind others, ahead of the clock
TAMPERED = """ROOT TRUNCATED SIG TILE PARSE NONCANON DUP_ID CASE_CHAIN CASE_STATE VOCAB TIME_FUTURE TIME_BACKDATED
    COMMIT CONTENT_MISSING EVENT_MISSING MANIFEST ANCHOR_FORK ANCHOR_TRUNCATED PROJECTION DECISION_WITHOUT_EVENT
    EVENT_WITHOUT_DECISION RECEIPT_MISSING"""  # anything else found means: cannot judge
FILES = ["events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl", "policy"]
ENVELOPE = ["actor", "at", "batch", "case", "change", "commit", "data", "id", "log", "name", "request", "v", "writer"]
ROWS = {"case": (("case",), ("seq", "head", "state")), "attempt": (("case", "fence"), ("digest", "key", "begun")),
        "decision": (("event",), ("case", "verdict", "reviewer", "digest")),
        "revision": (("event",), ("case", "revision", "digest"))}  # what names a row; what its event must say too
VOCABULARY = """agent: action.proposed .withdrawn evidence.added question.answered run.started .finished .blocked
web router: action.routed .assigned decision.recorded .retracted question.closed run.started certificate.issued .revoked
    sample.drawn .graded canary.seeded .scored drift.raised incident.opened .closed
web: action.proposed .withdrawn .edited .deferred .tagged evidence.added question.answered run.forked
    .cancelled stop.placed .lifted message.posted attempt.settled registry.synced principal.registered .changed
    .retired action_type.registered .changed level.set policy.published queue.changed account.changed role.granted
    .revoked qualification.recorded delegation.granted .revoked token.created .changed .rotated .revoked
    auth.signed_in .refused .stepped_up audit.searched .exported content.opened privacy.erased hold.placed .lifted
    retention.pruned .changed privacy.keys_erased .master_changed
router: action.expired .escalated audit.verified level.lapsed
executor: attempt.leased .begun .finished .retried .in_doubt action.reversed
sequencer: log.created .key_added .key_retired .alarm .one_role .journey_profile"""  # a leading dot repeats the prefix
MAY, PREFIX = set(), ""
for roles, names in re.findall(r"^([a-z ]+):((?:.|\n )+)", VOCABULARY, re.MULTILINE):
    for word in names.split():
        PREFIX = word.partition(".")[0] or PREFIX
        MAY |= {(role, f"{PREFIX}.{word.partition('.')[2]}") for role in (*roles.split(), "one")}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII).fullmatch
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").fullmatch
ODD = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError, StopIteration)
def need(right: object, text: str) -> None:
    if not right:
        raise ValueError(text)
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
def point(raw: bytes) -> tuple[int, ...]:
    """A point of the curve (Ed25519, RFC 8032), in extended coordinates."""
    number = int.from_bytes(raw, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x * pow(2, (P - 1) // 4, P) % P if (x * x - square) % P else x
    need((x * x - square) % P == 0 and y < P and (x or not sign), "not a point of the curve")
    x = x if x & 1 == sign else P - x
    return x, y, 1, x * y % P
def add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    w, x, y, z = f - e, h - g, h + g, f + e
    return w * x % P, y * z % P, x * y % P, w * z % P
def times(n: int, a: tuple[int, ...]) -> tuple[int, ...]:
    return add(times(n >> 1, add(a, a)), a if n & 1 else (0, 1, 1, 0)) if n else (0, 1, 1, 0)
BASE = point(bytes.fromhex("58" + "66" * 31))
def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is right. Raises ValueError for what is no point."""
    key, r, s = point(public), point(signature[:32]), int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    left, right = times(s, BASE) if s < L else (0, 1, 0, 0), add(r, times(challenge, key))
    same = (left[0] * right[2] - right[0] * left[2]) % P == 0 == (left[1] * right[2] - right[1] * left[2]) % P
    return same and s < L and len(signature) == 64
class Tree:
    """The roots of all perfect subtrees, level by level; the root at any size follows from them."""
    def __init__(self) -> None:
        self.levels, self.size = [bytearray()], 0
    def build(self) -> None:
        self.size = len(self.levels[0]) // 32
        while len(row := self.levels[-1]) > 32:
            pairs = [hashlib.sha256(b"\1" + row[i : i + 64]).digest() for i in range(0, len(row) - 63, 64)]
            self.levels.append(bytearray(b"".join(pairs)))
    def root(self, size: int) -> bytes:
        found = b""
        while size:
            level = (size & -size).bit_length() - 1
            node = bytes(self.levels[level][32 * (size >> level) - 32 : 32 * (size >> level)])
            found, size = hashlib.sha256(b"\1" + node + found).digest() if found else node, size - (1 << level)
        return found or hashlib.sha256(b"").digest()
    def tiles(self, size: int) -> Iterator[tuple[str, int, int, bytes]]:
        """Name, first leaf, leaves under each hash, and hashes of every tile (C2SP tlog-tiles) of this size."""
        for level in range(-(-size.bit_length() // 8)):
            row = self.levels[8 * level] if 8 * level < len(self.levels) else b""
            for start in range(0, size >> 8 * level, 256):
                width = min(256, (size >> 8 * level) - start)
                *upper, last = (part.zfill(3) for part in f"{start // 256:,}".split(","))
                name = "/".join([f"tile/{level}", *(f"x{part}" for part in upper), last])
                name += f".p/{width}" * (width < 256)
                yield name, start << 8 * level, 1 << 8 * level, bytes(row[32 * start : 32 * (start + width)])
def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:  # to a root: RFC 6962, section 2.1.1
    need(0 <= index < size and (size > 1 or not path), "the proof does not fit the tree")
    if size == 1:
        return leaf
    k, rest, last = 1 << ((size - 1).bit_length() - 1), path[:-1], path[-1]
    pair = climb(leaf, index, k, rest) + last if index < k else last + climb(leaf, index - k, size - k, rest)
    return hashlib.sha256(b"\1" + pair).digest()
def unbase64(text: str, size: int | None = None) -> bytes:
    need(size in (None, len(raw := base64.b64decode(text, validate=True))), f"not {size} bytes")
    return raw
def url64(raw: bytes) -> str:
    return base64.b64encode(raw).translate(URL, b"=").decode()
URL, ZEROS = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"123456789", b"0" * 9)
class Key:
    """`name+hash+key`: algorithm 1 signs checkpoints and receipts, 4 cosigns checkpoints with a time."""
    def __init__(self, line: str, algorithm: int = 1) -> None:
        self.line, (self.name, tag, raw) = line, line.split("+", 2)
        self.algorithm, self.public = (blob := unbase64(raw, 33))[0], blob[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + blob).digest()[:4]
        need(self.id.hex() == tag and self.algorithm == algorithm, f"no right key: {self.name!r}")
class Note:
    """A text and the signature lines under it (C2SP signed-note): a checkpoint of three lines, or a receipt."""
    def __init__(self, text: str) -> None:
        body, gap, tail = text.partition("\n\n")
        self.body, self.words, self.lines = body + "\n", body.split("\n"), tail.split("\n")
        receipt = self.words[0] == "assentry-receipt/v1" and len(self.words) == 6
        self.origin, size, root = (self.words[1], "0", "") if receipt else self.words
        need(gap and re.fullmatch(r"0|[1-9]\d{0,17}", size, re.ASCII) and len(self.lines) < 200, "no note of ours")
        self.size, self.root = int(size), unbase64(root, 0 if receipt else 32)
    def times(self, key: Key) -> list[float]:
        """One entry for each signature by this key: 1 for a log's, the time in seconds for a witness's."""
        found, cosigns = list[float](), key.algorithm == 4
        for head, _, blob in (line.rpartition(" ") for line in self.lines):
            with contextlib.suppress(ValueError):
                raw = unbase64(blob) if head == f"\u2014 {key.name}" else b""
                time = int.from_bytes(raw[4:12], "big")
                text = f"cosignature/v1\ntime {time}\n{self.body}" if cosigns else self.body
                if raw[:4] == key.id and ed25519(key.public, text.encode(), raw[12 if cosigns else 4 :]):
                    found.append(min(time, 10**11) if cosigns else 1)
        return found
class Policy:
    """tlog-policy: log keys, witnesses, groups, quorum. Comments of ours add keys of receipts, and sizes of keys."""
    def __init__(self, text: str) -> None:
        self.logs, self.receipts = (keys := {"log": list[Key](), "#receipt": list[Key]()}).values()
        self.bounds: list[tuple[str, int, int]] = []  # verifier key, smallest and largest size that it signs
        self.witnesses: dict[str, Key] = {}
        self.groups, self.quorum = dict[str, tuple[int, list[str]]](), "none"
        for verb, *rest in filter(None, map(str.split, text.splitlines())):
            if verb in keys:
                keys[verb].append(Key(rest[0]))
            elif verb == "#sizes":
                self.bounds.append((rest[0], int(rest[1]), int(rest[2]) if rest[2:] else FOREVER))
            elif verb == "witness":
                self.witnesses[rest[0]] = Key(rest[1], 4)
            elif verb == "group":
                self.groups[rest[0]] = ({"any": 1, "all": len(rest) - 2}.get(rest[1]) or int(rest[1]), rest[2:])
            elif verb == "quorum":
                self.quorum = rest[0]
            else:
                need(verb.startswith("#"), f"no word of a policy: {verb[:30]!r}")
        need(self.logs, "the policy names no log key")
    def signed(self, note: Note) -> bool:  # by a key of this log; bounds only add up: an export can widen none
        return any(key.name == note.origin and note.times(key) and all(
            low <= note.size <= high for line, low, high in self.bounds if line == key.line) for key in self.logs)
    def met(self, signers: set[str]) -> bool:
        good = {"none", *signers}
        for name, (needed, members) in self.groups.items():  # each counts what stands above it, none itself
            good |= {name} if len(good & {*members}) >= needed else set()
        return self.quorum in good
def whole(text: str) -> int:
    need(len(text) < 18 and -(2**53) < int(text) < 2**53, "an integer beyond 53 bits")
    return int(text)
# A float or NaN is no integer, so `int` refuses it. Sixteen digits in a row are read with care, other lines fast.
def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    need(len(found := dict(pairs)) == len(pairs), "a key twice")
    return found
CAREFUL = json.JSONDecoder(parse_int=whole, parse_float=int, parse_constant=int, object_pairs_hook=unique)
FAST = json.JSONDecoder(parse_float=int, parse_constant=int)
def parse(raw: bytes) -> tuple[str, Any]:
    return (text := raw.decode()), (CAREFUL if b"0" * 16 in raw.translate(ZEROS) else FAST).decode(text)
ENCODER = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
def seconds(at: str) -> float:
    return dt.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp()
def moment(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
class Check:
    """One run over one export. Every finding goes through `say`."""
    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self.folder, self.options, self.tree = folder, options, Tree()
        self.found: dict[str, dict[str, Any]] = {}
        self.ids, self.firsts, self.pruned = dict[str, int](), dict[str, int](), dict[str, int]()  # where each stands
        self.cases: dict[str, tuple[int, str, Any, int]] = {}  # number, hash, state, index of the last event
        self.promised: dict[tuple[str, str], tuple[str, int, str]] = {}  # (event, field): digest, index, case
        self.erased, self.cut = set[tuple[str, str]](), set[str]()  # texts; cases of which events were pruned
        self.expected: dict[tuple[Any, ...], tuple[tuple[Any, ...], int]] = {}  # what rows must say, and index
        self.approved: dict[str, set[str]] = {}
        self.keyed: list[tuple[str, int, int]] = []  # keys that the log names, and their sizes
        self.cosigned: list[tuple[int, dict[str, list[float]]]] = []  # size, times of each witness that signed
        self.windows: list[tuple[int, str, str]] = []  # below this size a leaf lies between these times; largest first
        self.turn, self.signed, self.first_bad, self.floor, self.ceiling, self.latest = 0, 0, 0, "", "9", ""
        self.prunings: list[tuple[int, dict[str, Any], str]] = []  # index, data and the words for it
        self.manifest, self.notes, self.now, self.partial = dict[str, Any](), list[Note](), 0.0, False
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
                    yield make(CAREFUL.decode(line.decode()))
                except ODD as error:
                    self.say("PARSE", -1, f"{name} line {place + 1}: {type(error).__name__} {error}")
    def run(self) -> None:
        for path in (odd := [p for p in self.folder.glob("**/*") if not (p.is_file() or p.is_dir())]):
            self.say("MANIFEST", -1, f"{path.name} is no plain file, and is not read")
        for step in () if odd else (self.check_manifest, self.read_policy, self.read_notes, self.check_events,
                self.check_tree, self.check_anchors, self.check_content, self.check_business, self.check_receipts,
                self.check_age):
            try:
                step()
            except (*ODD, OSError) as error:
                unreadable = isinstance(error, OSError) or step == self.read_policy
                self.say(("PARSE", "UNREADABLE")[unreadable], -1, f"{step.__name__}: {type(error).__name__} {error}")
                if unreadable and step in (self.read_policy, self.check_events):
                    return
    def check_manifest(self) -> None:
        self.manifest = manifest = CAREFUL.decode((self.folder / "manifest.json").read_text("utf-8"))
        need(TIME(manifest["time"]) and manifest["version"] == 1, "version 1 and a time are promised")
        self.partial = bool(manifest.get("cases"))
        self.now = dt.datetime.now(dt.UTC).timestamp() if self.options.fresh else seconds(manifest["time"])
        for name, digest in (dict.fromkeys(FILES) | manifest["files"]).items():
            path = self.folder / name
            if ".." in Path(name).parts or Path(name).is_absolute() or not path.is_file():
                self.say("MANIFEST", -1, f"{name[:80]} belongs to the export and is not in it")
                continue
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    self.say("MANIFEST", -1, f"{name[:80]} is not the file that was exported")
    def read_policy(self) -> None:
        text = Path(self.options.policy or self.options.key or self.folder / "policy").read_text("utf-8")
        self.policy = Policy("".join(f"log {line}\n" for line in text.split()) if self.options.key else text)
    def read_notes(self) -> None:
        """Checkpoints, and what witnesses said of them: the newest and 200 others, or with --all each."""
        self.notes = sorted(self.rows("checkpoints.jsonl", Note), key=lambda note: note.size)
        bearing = [note for note in self.notes if len(note.lines) > 2]  # more than the log's own line
        for note in bearing[::-1][:: 1 if self.options.all else max(1, len(bearing) // 200)][::-1]:
            if seen := {name: at for name, key in self.policy.witnesses.items() if (at := note.times(key))}:
                self.cosigned.append((note.size, seen))
        floor = ""
        for size, looks in [*self.cosigned, (FOREVER, {"": [self.now or 9e9]})]:  # of each witness the first look
            firsts = [min(times) for times in looks.values()]
            self.windows.insert(0, (size, floor, moment(max(firsts) + AHEAD)))
            floor = moment(min(firsts) - MMD - SKEW)
    def check_events(self) -> None:
        total, leaves = self.manifest.get("events"), self.tree.levels[0]
        with (self.folder / "events.jsonl").open("rb") as file:
            for index, line in enumerate(file):
                leaves += self.check_line(index, line.rstrip(b"\n"))
                if self.options.progress and index % 20_000 == 0:
                    print(json.dumps({"done": index, "total": total}), file=sys.stderr, flush=True)
        self.tree.build()
        None if self.partial else self.check_pruned(max((note.size for note in self.notes), default=0))
        if total != self.tree.size:
            self.say("TRUNCATED", self.tree.size, f"the manifest promises {total} entries")
        if "log.one_role" not in self.firsts and (first := self.firsts.get("one", -1)) >= 0:
            self.say("VOCAB", first, "entries of one-role mode, and no log.one_role says that it was on")
    def check_line(self, index: int, leaf: bytes) -> bytes:
        digest = hashlib.sha256(b"\0" + leaf).digest()
        try:
            if leaf.startswith(b'{"pruned":'):
                self.pruned[url64(digest := unbase64(parse(leaf)[1]["pruned"], 32))] = index
            else:
                self.check_leaf(index, leaf, digest)
        except ODD as error:
            self.say("PARSE", index, f"the entry is no event: {type(error).__name__} {error}")
        return digest
    def check_pruned(self, covered: int) -> None:
        """Entries are gone lawfully if one below a signature names exactly these."""
        gone = [bytes(self.tree.levels[0][32 * index : 32 * index + 32]) for index in self.pruned.values()]
        named = len(gone), url64(hashlib.sha256(b"".join(gone)).digest())
        laws = [told for index, told, _ in self.prunings if index < covered and (told["gone"], told["digest"]) == named]
        if lost := [index for index in self.pruned.values() if not any(index < told["below"] for told in laws)]:
            self.say("EVENT_MISSING", lost[0], f"{len(gone)} entries are gone, and no entry says: exactly these")
    def check_leaf(self, index: int, leaf: bytes, digest: bytes) -> None:
        text, event = parse(leaf)
        if ENCODER.encode(event) != text or not (text.isascii() or unicodedata.is_normalized("NFC", text)):
            self.say("NONCANON", index, "the entry is not in canonical form")
        identity, at, chain, name, writer = event["id"], event["at"], event["case"], event["name"], event["writer"]
        case, seq = chain["id"], chain["seq"]
        right = isinstance(case, str) and type(seq) is int and seq > 0 and TIME(at) and UUID(identity)
        need(right and list(event) == ENVELOPE and event["v"] == 1 and len(leaf) < 65536, "another shape of envelope")
        if self.ids.setdefault(identity, index) != index:
            self.say("DUP_ID", index, f"the id of entry {self.ids[identity]} once more", case)
        if (writer, name) not in MAY:
            self.say("VOCAB", index, f"{name!s:.60} by {writer!s:.30} is not in the vocabulary", case)
        self.firsts.setdefault(writer if writer == "one" else name, index)
        before = self.cases.get(case, (0, "A" * 43, None, -1))
        if begins := seq > before[0] + 1 and (chain["prev"] in self.pruned or (self.partial and before[3] < 0)):
            self.cut.add(case)
        if (seq != before[0] + 1 or chain["prev"] != before[1]) and not begins:
            self.say("CASE_CHAIN", index, f"event {seq} of {case} does not follow event {before[0]}", case)
        state, change = ... if begins else before[2], event["change"]
        if change is not None and state not in (..., change["from"]):
            self.say("CASE_STATE", index, f"{case}: from {change['from']!r}, but it was {state!r}", case)
        self.cases[case] = (seq, url64(digest), state if change is None else change["to"], index)
        self.check_time(index, at, case)
        self.promised |= {(identity, field): (promise, index, case) for field, promise in event["commit"].items()}
        self.remember(name, event, identity, case, index)
    def remember(self, name: str, event: dict[str, Any], identity: str, case: str, index: int) -> None:
        data, digest = event["data"], event["data"].get("digest")
        if digest and "revision" in data:
            self.expected["revision", identity] = (case, data["revision"], digest), index
            if event["commit"].get("payload", digest) != digest:
                self.say("PROJECTION", index, f"{case}: the payload committed to is not that of the revision", case)
        if name == "decision.recorded":
            who = event["actor"]["ref"] if event["actor"]["kind"] == "human" else None
            self.expected["decision", identity] = (case, data["verdict"], who, digest), index
            if data["verdict"] == "approve":
                self.approved.setdefault(case, set()).add(digest)
        elif name == "attempt.leased":
            self.expected["attempt", case, data["fence"]] = (digest, data.get("key") or ..., False), index
        elif name == "attempt.begun":
            self.expected["attempt", case, data["fence"]] = (digest, data["key"], True), index
            if digest not in self.approved.get(case, ()) and case not in self.cut:
                self.say("PROJECTION", index, f"{case}: begun on bytes that nobody had approved", case)
        elif name == "retention.pruned":
            words = f"entries below {data['below']:d} were pruned on {event['at'][:10]} by event {identity}\n"
            self.prunings.append((index, data | {"gone": int(data["gone"])}, words))
        elif name == "privacy.erased":
            self.erased |= {(entry["event"], entry["field"]) for entry in data["entries"]}
        elif name in ("log.key_added", "log.key_retired"):
            self.keyed.append((data["vkey"], data["from_size"], data["to_size"] or FOREVER))
    def check_time(self, index: int, at: str, case: str) -> None:
        if at < self.latest and seconds(self.latest) - seconds(at) > SKEW:
            self.say("TIME_BACKDATED", index, f"{at} stands behind {self.latest}", case)
        self.latest = max(at, self.latest)
        while index >= self.turn and self.windows:
            self.turn, self.floor, self.ceiling = self.windows.pop()
        if at < self.floor:
            self.say("TIME_BACKDATED", index, f"{at}: a witness saw the tree before it, later than that", case)
        if at > self.ceiling:
            self.say("TIME_FUTURE", index, f"{at}: the export, or a witness that saw it, is earlier than that", case)
    def check_tree(self) -> None:
        self.policy.bounds += self.keyed
        if not self.notes:
            self.say("NO_CHECKPOINT", -1, "nothing is signed: the entries could be anybody's")
            return
        newest, good, self.signed = self.notes[-1], 0, self.notes[-1].size
        self.check_proofs(newest) if self.partial else self.check_tiles(min(newest.size, 2 * self.tree.size + 256))
        self.first_bad = self.found.get("TILE", {"index": 0})["index"]
        for note in self.notes if not self.partial else ():
            if note.size > self.tree.size:
                self.say("TRUNCATED", self.tree.size, f"{note.size} entries were signed, {self.tree.size} are here")
            elif self.tree.root(note.size) == note.root:
                good = note.size
            else:
                self.say("ROOT", max(self.first_bad, good), f"another root than the one signed at {note.size} entries")
        sizes, step = {size for size, _ in self.cosigned}, max(1, len(self.notes) // 100)
        for place, note in enumerate(self.notes[::-1]):  # the newest, the cosigned, a hundred others
            if (self.options.all or place % step == 0 or note.size in sizes) and not self.policy.signed(note):
                self.say("SIG", note.size - 1, f"the checkpoint at {note.size} is not signed by the log")
        if not self.policy.met(set()) and not any(self.policy.met(set(looks)) for _, looks in self.cosigned):
            self.say("COSIG", newest.size - 1, "no checkpoint has the witnesses that the policy asks for")
    def check_tiles(self, size: int) -> None:
        for name, first, each, mine in self.tree.tiles(size):
            path = self.folder / name
            if (told := path.read_bytes() if path.is_file() else b"") != mine:
                same = next((i for i in range(0, len(mine), 32) if told[i : i + 32] != mine[i : i + 32]), 0) // 32
                self.say("TILE", min(first + same * each, size - 1), f"{name} does not match the entries")
    def check_proofs(self, newest: Note) -> None:
        """A case export: each entry under one signed head. Inclusion, not completeness."""
        for place in range(self.tree.size):
            try:
                text = (self.folder / f"proofs/{place:06d}.tlog-proof").read_text("utf-8")
                kind, where, *path = text.partition("\n\n")[0].split("\n")
                leaf, steps = bytes(self.tree.levels[0][32 * place : 32 * place + 32]), [unbase64(p, 32) for p in path]
                root = climb(leaf, whole(where.removeprefix("index ")), newest.size, steps)
                need(kind == "c2sp.org/tlog-proof@v1" and root == newest.root, "it does not lead to the signed root")
            except (*ODD, OSError) as error:
                self.say("ROOT", place, f"the proof of entry {place}: {type(error).__name__} {error}")
    def check_anchors(self) -> None:
        for given in self.options.against:
            try:
                note = Note(Path(given).read_text("utf-8"))
                need(self.policy.signed(note), "not signed by the log")
                known = {mine.size: mine.root for mine in self.notes} if self.partial else {}
                if note.size > self.tree.size and not self.partial:
                    self.say("ANCHOR_TRUNCATED", self.tree.size, f"{given} saw {note.size} entries")
                elif known.get(note.size, note.root if self.partial else self.tree.root(note.size)) != note.root:
                    self.say("ANCHOR_FORK", self.first_bad, f"{given}: another history of {note.size} entries")
            except (*ODD, OSError) as error:
                self.say("ANCHOR_SIG", -1, f"{given}: {type(error).__name__} {error}")
    def check_content(self) -> None:
        told = {}
        for row in self.rows("content.jsonl"):
            told[slot := (row["event"], row["field"])] = state = row["state"]
            promise, index, case = self.promised.get(slot, ("", -1, ""))
            texts = (row.get("salt", ""), row.get("body", ""))
            plain = b"".join(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True) for text in texts)
            if (plain or state == "open" or not promise) and promise != url64(hashlib.sha256(plain).digest()):
                self.say("COMMIT", index, f"the text {slot[1]!s:.40} is not what was committed", case)
        for slot, (_, index, case) in self.promised.items():
            if told.get(slot) not in ("open", "withheld") and slot not in self.erased:
                self.say("CONTENT_MISSING", index, f"the text {slot[1]!s:.40} is gone, and no event says so", case)
    def check_business(self) -> None:
        self.expected |= {("case", case): (told[:3], told[3]) for case, told in self.cases.items()}
        for row in self.rows("business.jsonl"):
            kind, case, (names, columns) = row["kind"], row["case"], ROWS[row["kind"]]
            said, index = self.expected.pop((kind, *(row[name] for name in names)), ((), -1))
            if gone := kind == "case" and row["head"] in self.pruned and row["seq"] > max(said[:1], default=0):
                self.cut.add(case)
            if gone or (not said and case in self.cut):
                continue
            if not said and kind == "decision":
                self.say("DECISION_WITHOUT_EVENT", -1, f"a decision on {case} that no event records", case)
            elif not said or any(v not in (row[c], ...) for c, v in zip(columns, said, strict=True)):
                self.say("PROJECTION", index, f"{case}: a row ({kind}) says other than the events", case)
        rows = self.manifest.get("projections") or ()
        for key, (said, index) in self.expected.items() if rows else ():
            if key[0] == "decision":
                self.say("EVENT_WITHOUT_DECISION", index, f"{said[0]}: the row of this decision is gone", said[0])
            elif key[1].startswith("action:") and (key[0] == "case" or (key[0] == "attempt" and "reviews" in rows)):
                self.say("PROJECTION", index, f"{key[1]}: its row ({key[0]}) is gone", key[1])
    def check_receipts(self) -> None:
        """Files kept elsewhere, each with one receipt or more. What no known key signed accuses nobody."""
        for given in self.options.receipt:
            lines = (self.folder / "policy").read_text("utf-8").splitlines()
            keys = self.policy.receipts or [Key(line[9:]) for line in lines if line.startswith("#receipt ")]
            for text in filter(str.strip, re.split(r"(?m)^(?=assentry-receipt/v1$)", Path(given).read_text("utf-8"))):
                try:
                    receipt = Note(text)
                    need(any(receipt.times(key) for key in keys), "no known key of web or router signed this")
                    self.check_receipt(given, *receipt.words[1:5])
                except ODD as error:
                    self.say("RECEIPT_SIG", -1, f"{given}: {type(error).__name__} {error}")
    def check_receipt(self, given: str, origin: str, event: str, leaf: str, at: str) -> None:
        index = self.ids.get(event, -1)
        here = index >= 0 and self.tree.levels[0][32 * index : 32 * index + 32] == unbase64(leaf, 32)
        here = here or url64(unbase64(leaf)) in self.pruned
        if not here and (seconds(at) > self.now or origin != self.manifest["origin"] or (self.partial and index < 0)):
            self.say("RECEIPT_OTHER", index, f"{given}: of another log or case, or later than this export")
        elif not here:
            self.say("RECEIPT_MISSING", index, f"{given}: event {event} was promised and is not in the log")
    def check_age(self) -> None:
        if (oldest := self.manifest.get("oldest_unsequenced")) and self.now - seconds(oldest) > MMD:
            self.say("STALE", -1, f"an event of {oldest} still waits for its place: the sequencer stands still")
            if self.notes and self.tree.size > self.signed:
                self.say("UNCOVERED_TAIL", self.signed, f"{self.tree.size - self.signed} entries have no checkpoint")
        last = max((max(map(max, looks.values())) for _, looks in self.cosigned), default=0)
        if not self.policy.met(set()) and self.now - last > 3600:
            self.say("STALE", -1, "the newest cosignature is older than an hour")
def report(check: Check) -> int:
    size, signed, options = check.tree.size, min(check.signed, check.tree.size), check.options
    root, bad = check.tree.root(signed).hex(), [name for name in check.found if name in TAMPERED.split()]
    code, last = (1, "TAMPERED: " + " ".join(bad)) if bad else (2, "CANNOT JUDGE: " + " ".join(check.found))
    if not check.found:
        code, last = 0, "VALID" + ("" if options.key or options.policy else " (key taken from the export)")
    if options.json:
        print(json.dumps({"exit": code, "verdict": last, "size": signed, "entries": size, "root": root,
                          "findings": list(check.found.values())}))
        return code
    for finding in check.found.values():
        print("{name}  first at {index}, {count} in all: {text}".format(**finding).encode("unicode_escape").decode())
    print("".join(words for _, told, words in check.prunings if told["gone"] <= len(check.pruned)), end="")
    seen = max((at for at, looks in check.cosigned if check.policy.met(set(looks))), default=0)
    print(f"{size} entries, {signed} signed, {seen} seen by witnesses, {len(check.erased)} texts erased; root {root}")
    print("single cases: what is here is in the log; what is missing cannot be seen\n" * check.partial + last)
    return code
def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Checks an export of an Assentry log, offline.")
    parser.add_argument("export", type=Path)
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", help="file with the log's verifier keys, one a line, kept elsewhere")
    keys.add_argument("--policy", help="file with keys, witnesses and quorum, kept elsewhere")
    parser.add_argument("--against", nargs="+", default=[], help="checkpoints kept elsewhere")
    parser.add_argument("--receipt", nargs="+", default=[], help="receipts kept elsewhere")
    parser.add_argument("--case", default="", help="judge this case only")
    for name in ("all", "json", "progress", "fresh"):
        parser.add_argument(f"--{name}", action="store_true")
    check = Check((options := parser.parse_args(argv)).export, options)
    gc.disable()  # millions of small values, and no cycle among them
    try:
        check.run()
    except Exception as error:  # noqa: BLE001  a hostile export must neither pass nor end in a traceback
        check.say("CRASH", -1, f"the verifier failed: {type(error).__name__} {error}")
    return report(check)
if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
