"""Cursor: a position in a list of runs, as text that a client hands back to get the next page."""

from __future__ import annotations

import base64
import binascii
import re
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.domain.run import Position
from app.errors import InvalidMember

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED: Final = struct.Struct(">q16s")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,4}")
# Attempts are counted in PostgreSQL's smallint.
_MAX_NUMBER: Final = 32_767


def write(position: Position) -> str:
    """The cursor of a position."""
    since = (position.due_at - _EPOCH) // timedelta(microseconds=1)
    packed = _PACKED.pack(since, position.id.bytes)
    return base64.urlsafe_b64encode(packed).decode("ascii")


def read(text: str) -> Position:
    """The position of a cursor; raises InvalidMember."""
    try:
        since, run_id = _PACKED.unpack(base64.b64decode(text, altchars=b"-_", validate=True))
        return Position(due_at=_EPOCH + timedelta(microseconds=since), id=UUID(bytes=run_id))
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise _refusal() from None


def attempt_number(text: str | None) -> int:
    """The number that a cursor in a list of attempts is: all that follow have lower ones.

    Without a cursor it is higher than any. Raises InvalidMember.
    """
    if text is None:
        return _MAX_NUMBER + 1
    if not _NUMBER.fullmatch(text) or int(text) > _MAX_NUMBER:
        raise _refusal()
    return int(text)


def _refusal() -> InvalidMember:
    return InvalidMember(
        "cursor",
        "This is not a cursor that an answer gave.",
        remedy="Take it as the answer before gave it, or leave it out to begin anew.",
    )
