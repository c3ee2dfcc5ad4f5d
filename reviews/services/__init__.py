"""The verbs of the desk: the only writers. One verb, one transaction, keyword-only."""

from reviews.services.base import By, actor
from reviews.services.deciding import decide, retract
from reviews.services.finishing import finish, reap, record_probe, settle
from reviews.services.leasing import Lease, begin, lease, renew
from reviews.services.proposing import Proposed, propose
from reviews.services.routing import route_due

__all__ = [
    "By",
    "Lease",
    "Proposed",
    "actor",
    "begin",
    "decide",
    "finish",
    "lease",
    "propose",
    "reap",
    "record_probe",
    "renew",
    "retract",
    "route_due",
    "settle",
]
