"""Why somebody decided so: the erasable texts that decisions committed to."""

from __future__ import annotations

import json
from collections.abc import Collection
from uuid import UUID

from audit.models import Content


def rationales(events: Collection[UUID]) -> dict[UUID, str]:
    """The rationale of each event that has a readable one; erased and sealed ones are left out."""
    rows = Content.objects.filter(event_id__in=list(events), field="rationale", scheme=0)
    return {event: _words(body) for event, body in rows.values_list("event_id", "body")}


def _words(body: bytes | memoryview) -> str:
    """The canonical JSON of [field, value]."""
    return str(json.loads(bytes(body))[1])
