"""The verbs of the desk: the only writers. One verb, one transaction, keyword-only."""

from reviews.services.absences import begin_absences
from reviews.services.again import propose_again, reverse
from reviews.services.asking import answer, ask, comment
from reviews.services.attachments import attach, attach_by_run
from reviews.services.base import By, actor
from reviews.services.batch import BatchResult, batch_decide
from reviews.services.batch_undo import retract_batch
from reviews.services.binding import bind_precedent, release_precedent
from reviews.services.bulk import assign_many, claim_many, defer_many, escalate_many
from reviews.services.canaries import Seed, seed_canary
from reviews.services.deciding import decide, retract
from reviews.services.editing import EditResult, edit
from reviews.services.finishing import finish, reap, record_probe, settle
from reviews.services.holding import assign, claim, defer, escalate, release_claim
from reviews.services.keeping import (
    expire_due,
    flip_breached,
    route_due,
    wake_deferred,
    withdraw,
)
from reviews.services.leasing import Lease, begin, lease, renew
from reviews.services.notices import end_notices, put_off_notices, take_notices, tell_digests, tell_near
from reviews.services.pacing import shown_at, stamp_shown
from reviews.services.precedents import tend_precedents
from reviews.services.proposing import Proposed, propose
from reviews.services.reading import open_secrets
from reviews.services.syncing import PrincipalSpec, Synced, sync_types
from reviews.services.tags import tag
from reviews.services.talk import follow, mark_read, say_first

__all__ = [
    "BatchResult",
    "By",
    "EditResult",
    "Lease",
    "PrincipalSpec",
    "Proposed",
    "Seed",
    "Synced",
    "actor",
    "answer",
    "ask",
    "assign",
    "assign_many",
    "attach",
    "attach_by_run",
    "batch_decide",
    "begin",
    "begin_absences",
    "bind_precedent",
    "claim",
    "claim_many",
    "comment",
    "decide",
    "defer",
    "defer_many",
    "edit",
    "end_notices",
    "escalate",
    "escalate_many",
    "expire_due",
    "finish",
    "flip_breached",
    "follow",
    "lease",
    "mark_read",
    "open_secrets",
    "propose",
    "propose_again",
    "put_off_notices",
    "reap",
    "record_probe",
    "release_claim",
    "release_precedent",
    "renew",
    "retract",
    "retract_batch",
    "reverse",
    "route_due",
    "say_first",
    "seed_canary",
    "settle",
    "shown_at",
    "stamp_shown",
    "sync_types",
    "tag",
    "take_notices",
    "tell_digests",
    "tell_near",
    "tend_precedents",
    "wake_deferred",
    "withdraw",
]
