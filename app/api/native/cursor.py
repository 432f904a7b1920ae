"""Cursor: the place in a list of runs where the next page begins, in a form to be handed back."""

from __future__ import annotations

import base64
import binascii
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.run import Place
from app.errors import InvalidMember

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED: Final = struct.Struct(">q16s")


def write(place: Place) -> str:
    """The cursor of a place."""
    since = (place.due_at - _EPOCH) // timedelta(microseconds=1)
    packed = _PACKED.pack(since, place.id.bytes)
    return base64.urlsafe_b64encode(packed).decode("ascii")


def read(text: str) -> Place:
    """The place of a cursor; raises InvalidMember."""
    try:
        since, run_id = _PACKED.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
        return Place(due_at=_EPOCH + timedelta(microseconds=since), id=UUID(bytes=run_id))
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise InvalidMember(
            "cursor",
            "This is no cursor that was handed out.",
            remedy="Take it as the answer before gave it, or leave it out to begin anew.",
        ) from None
