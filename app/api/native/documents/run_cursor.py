"""Run cursor: the position in a list of runs or attempts after which the next page begins."""

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
# The number of an attempt is a smallint in PostgreSQL.
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


def read_attempt_number(text: str | None) -> int:
    """The attempt number of a cursor: the attempts after it have lower numbers.

    Without a cursor it is higher than any attempt's number. Raises InvalidMember.
    """
    if text is None:
        return _MAX_NUMBER + 1
    if not _NUMBER.fullmatch(text) or int(text) > _MAX_NUMBER:
        raise _refusal()
    return int(text)


def _refusal() -> InvalidMember:
    return InvalidMember(
        "cursor",
        "Invalid cursor.",
        remedy="Use the cursor of the previous response unchanged, or omit it to start at the "
        "first page.",
    )
