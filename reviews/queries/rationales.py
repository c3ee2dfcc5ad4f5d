"""Why somebody decided so: the erasable texts that decisions committed to."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from audit import seal
from audit.models import Content


def rationales(events: Collection[UUID]) -> dict[UUID, str]:
    """The rationale of each event that has one which can still be read."""
    rows = Content.objects.filter(event_id__in=list(events), field="rationale")
    texts = {row.event_id: seal.value(seal.Lying(bytes(row.salt), row.scheme, bytes(row.body))) for row in rows}
    return {event: text for event, text in texts.items() if text is not None}
