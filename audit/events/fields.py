"""Field types of the event models: what a leaf may hold, and how it is written there."""

from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

from audit.canonical import b64, stamp

Digest = Annotated[bytes, Field(min_length=32, max_length=32), PlainSerializer(b64, return_type=str, when_used="json")]
"""32 bytes, written in base64url. Only salted digests belong into a leaf."""

Moment = Annotated[AwareDatetime, PlainSerializer(stamp, return_type=str, when_used="json")]
"""An aware time, written in UTC with microseconds and Z."""

Code = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""An id, code, version or name out of a closed list. Never anything a person typed."""

PerMille = Annotated[int, Field(ge=0, le=1000)]
Count = Annotated[int, Field(ge=0, lt=2**53)]
Plain = dict[str, Any]
"""A small JSON object; `audit.canonical` refuses floats and other strangers in it."""


class EventData(BaseModel):
    """The part of a leaf that differs from event to event."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Erasable(EventData):
    """Names one committed text: the event that committed it, and the field."""

    event: Code
    field: Code
