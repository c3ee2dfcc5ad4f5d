"""A5: asks witnesses (C2SP tlog-witness) to cosign the log's checkpoints, and keeps their signatures."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from django.db import connection

from audit import queries
from audit.anchors import Anchor, AnchorFailed, Copy
from audit.notes import cosigned, read_vkey
from audit.outgoing import Answer, Unreachable, send
from audit.policies import Policy, Witness
from audit.tree import consistency


class ForkSeen(AnchorFailed):
    """A place outside saw a longer log than this one, or another history of the same length."""


class Cosigner(Anchor):
    """One witness that the policy names with an address."""

    kind = "witness"

    def __init__(self, witness: Witness) -> None:
        super().__init__(f"witness:{witness.name}")
        self.witness = witness
        self.key_name = read_vkey(witness.vkey, 4).name

    def keep(self, copy: Copy) -> None:
        """Have this checkpoint cosigned. Raises ForkSeen if the witness knows another history."""
        body = copy.note.partition("\n\n")[0]
        found = self._ask(copy, last_cosigned(self.key_name))
        if found.status == 409 and found.body.strip().isdigit():  # it remembers another size than we do
            seen = int(found.body[:20])
            if seen > copy.size:
                raise ForkSeen(f"{self.name} saw {seen} entries, this log has {copy.size}: it was restored or cut")
            found = self._ask(copy, seen)
        self._demand_good(found)
        line = cosigned(body + "\n", found.body.decode("utf-8", "replace"), self.witness.vkey)
        if line is None:
            raise AnchorFailed(f"{self.name} answered without a signature of its own")
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit.signature (size, signer, line) VALUES (%s, %s, %s)",
                [copy.size, self.key_name, line[1]],
            )

    def seen(self, copy: Copy) -> int:
        """How many entries the witness has cosigned, without asking for more. Raises AnchorFailed."""
        found = self._ask(copy, 0)
        if found.status == 409 and found.body.strip().isdigit():
            return int(found.body[:20])
        if found.good:
            return copy.size
        self._demand_good(found)
        return 0

    def _ask(self, copy: Copy, old: int) -> Answer:
        if old > copy.size:
            raise ForkSeen(f"{self.name} cosigned {old} entries, this log has {copy.size}: it was restored or cut")
        proof = consistency(queries.nodes(copy.size), old, copy.size) if 0 < old < copy.size else []
        steps = "".join(base64.b64encode(step).decode() + "\n" for step in proof)
        body, _, lines = copy.note.partition("\n\n")
        own = "".join(line + "\n" for line in lines.splitlines() if line.split(" ")[1:2] == [copy.origin])
        try:
            return send("POST", f"{self.witness.url}/add-checkpoint", f"old {old}\n{steps}\n{body}\n\n{own}".encode())
        except Unreachable as error:
            raise AnchorFailed(str(error)) from error

    def _demand_good(self, found: Answer) -> None:
        if found.good:
            return
        said = found.body.decode("utf-8", "replace").strip()[:200]
        if found.status in (409, 422):
            raise ForkSeen(f"{self.name} saw another history of this log: {said}")
        raise AnchorFailed(f"{self.name} answered {found.status}: {said}")


def cosigners(policy: Policy) -> list[Cosigner]:
    """The witnesses that can be asked."""
    return [Cosigner(one) for one in policy.witnesses.values() if one.url]


def last_cosigned(key_name: str) -> int:
    """The largest tree that this witness is known to have signed; 0 if none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(size), 0) FROM audit.signature WHERE signer = %s", [key_name])
        size: int = cursor.fetchone()[0]
    return size


def met(policy: Policy, signers: Sequence[str], name: str = "") -> bool:
    """Whether these witnesses (by key name) are the quorum, or the group `name`."""
    wanted = name or policy.quorum
    if wanted == "none":
        return True
    if wanted in policy.witnesses:
        return read_vkey(policy.witnesses[wanted].vkey, 4).name in signers
    needed, members = policy.groups[wanted]
    return sum(met(policy, signers, member) for member in members) >= needed
