"""The desk's rows: fields, constraints, indexes. Verbs live in `services`.

What a row may become is held by the triggers in `sql/`; what a process may
try, by `grants`. Money is in minor units, times are UTC.
"""

from reviews.models.actions import (
    Action,
    Evidence,
    EvidenceBody,
    Message,
    MessageBody,
    Revision,
    RevisionBody,
    SearchText,
)
from reviews.models.attempts import Attempt, Circuit, Heartbeat
from reviews.models.checks import Canary, Tag
from reviews.models.items import DeskItem, Item, PendingCube, PendingDelta, QueueStamp
from reviews.models.notices import Notice, Posting
from reviews.models.people import ActionType, Authority, Level, Principal, Queue, Reach, User, new_pseudonym
from reviews.models.precedents import BindingPrecedent, Precedent, PrecedentDue, PrecedentSearch, PrecedentText
from reviews.models.rules import PolicyDraft, PolicyVersion, Stop
from reviews.models.saved import DefaultView, SavedView
from reviews.models.staff import Absence, Handover, Invitation, PassedOn, Qualification
from reviews.models.talk import Follow, Mention, ProvisionalVerdict
from reviews.models.votes import Decision, Retraction
from reviews.models.words import NAME

__all__ = [
    "NAME",
    "Absence",
    "Action",
    "ActionType",
    "Attempt",
    "Authority",
    "BindingPrecedent",
    "Canary",
    "Circuit",
    "Decision",
    "DefaultView",
    "DeskItem",
    "Evidence",
    "EvidenceBody",
    "Follow",
    "Handover",
    "Heartbeat",
    "Invitation",
    "Item",
    "Level",
    "Mention",
    "Message",
    "MessageBody",
    "Notice",
    "PassedOn",
    "PendingCube",
    "PendingDelta",
    "PolicyDraft",
    "PolicyVersion",
    "Posting",
    "Precedent",
    "PrecedentDue",
    "PrecedentSearch",
    "PrecedentText",
    "Principal",
    "ProvisionalVerdict",
    "Qualification",
    "Queue",
    "QueueStamp",
    "Reach",
    "Retraction",
    "Revision",
    "RevisionBody",
    "SavedView",
    "SearchText",
    "Stop",
    "Tag",
    "User",
    "new_pseudonym",
]
