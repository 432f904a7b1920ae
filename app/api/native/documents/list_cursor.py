"""List cursor: the position after which the next page of a list begins, bound to that list."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from app.api import pages
from app.domain import run_counts
from app.domain.job_filter import JobPosition, JobSort
from app.domain.run_counts import Span
from app.domain.upcoming import Expected
from app.errors import InvalidMember

Scope = Sequence[str]
"""What identifies a list: its account, its path and its filters."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SEAL_BYTES: Final = 12


def write(scope: Scope, *parts: str) -> str:
    """The cursor of the position with these parts, which do not contain the character NUL."""
    packed = "\0".join(parts).encode()
    return base64.urlsafe_b64encode(packed + _seal(scope, packed)).rstrip(b"=").decode("ascii")


def read(scope: Scope, cursor: str, count: int) -> list[str]:
    """The `count` parts of a cursor of this list; raises InvalidMember."""
    try:
        packed = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", b"-_", validate=True)
        parts = packed[:-_SEAL_BYTES].decode().split("\0")
    except (binascii.Error, ValueError):
        raise refusal() from None
    # Comparing what is encoded again leaves each position only one cursor.
    genuine = hmac.compare_digest(cursor.encode(), write(scope, *parts).encode())
    if not genuine or len(parts) != count:
        raise refusal()
    return parts


def write_expected(scope: Scope, expected: Expected) -> str:
    """The cursor of a position in a list of firings."""
    return write(scope, _microseconds(expected.at), str(expected.job_id))


def read_expected(scope: Scope, cursor: str) -> Expected:
    """The position of a cursor that `write_expected` made; raises InvalidMember."""
    since, job_id = read(scope, cursor, 2)
    try:
        return Expected(at=_instant(since), job_id=UUID(job_id))
    except (ValueError, OverflowError):
        raise refusal() from None


def write_span(scope: Scope, span: Span) -> str:
    """The cursor of the part of a list of buckets that is left."""
    return write(scope, _microseconds(span.begins), _microseconds(span.ends))


def read_span(scope: Scope, cursor: str, step: timedelta) -> Span:
    """The span of a cursor that `write_span` made; raises InvalidMember."""
    begins, ends = read(scope, cursor, 2)
    try:
        return run_counts.span(_instant(begins), _instant(ends), step)
    except (ValueError, OverflowError, InvalidMember):
        raise refusal() from None


def write_job(scope: Scope, position: JobPosition) -> str:
    """The cursor of a position in a sorted list of jobs."""
    match position.key:
        case datetime() as at:
            return write_expected(scope, Expected(at=at, job_id=position.id))
        case str() as name:
            return write(scope, name, str(position.id))
        case None:
            return write(scope, str(position.id))


def read_job(scope: Scope, cursor: str, sort: JobSort) -> JobPosition:
    """The position of a cursor that `write_job` made; raises InvalidMember."""
    if sort is JobSort.NEXT:
        expected = read_expected(scope, cursor)
        return JobPosition(key=expected.at, id=expected.job_id)
    *name, job_id = read(scope, cursor, 2 if sort is JobSort.NAME else 1)
    try:
        return JobPosition(key=name[0] if name else None, id=UUID(job_id))
    except ValueError:
        raise refusal() from None


def refusal() -> InvalidMember:
    """The error for a cursor that does not belong to the list."""
    return InvalidMember(
        pages.CURSOR,
        "Invalid cursor for this list.",
        remedy="Follow the Link of the previous response unchanged, with the same filters and "
        "account, or omit the cursor to start at the first page.",
    )


def _microseconds(instant: datetime) -> str:
    return str((instant - _EPOCH) // timedelta(microseconds=1))


def _instant(microseconds: str) -> datetime:
    """The inverse of `_microseconds`; raises ValueError and OverflowError."""
    return _EPOCH + timedelta(microseconds=int(microseconds))


def _seal(scope: Scope, packed: bytes) -> bytes:
    """A checksum that binds a cursor to its list.

    It needs no secret: a forged cursor leads to a position in the same account's list.
    """
    named = "\0".join(scope).encode("utf-8", "surrogatepass")
    return hashlib.sha256(named + b"\0" + packed).digest()[:_SEAL_BYTES]
