"""Job list: the ids of an account's jobs in each format, and the cursors of their pages."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final
from uuid import UUID

from app.api import pages
from app.api.negotiation import JSON, TEXT, XML_APPLICATION, XML_TEXT
from app.errors import InvalidMember

ID_LENGTH: Final = 36
"""Characters of an id as it is written."""

_CHUNK: Final = 2000
"""Ids that are written at a time."""

_ID_BYTES: Final = 16
_SEAL_BYTES: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What is written before, between and after the ids, and in place of an empty list."""

    opening: bytes
    separator: bytes
    closing: bytes
    empty: bytes

    def length(self, count: int) -> int:
        """The length of a list of `count` ids, in bytes."""
        if count == 0:
            return len(self.empty)
        between = len(self.separator) * (count - 1)
        return len(self.opening) + ID_LENGTH * count + between + len(self.closing)

    def pieces(self, ids: Iterable[UUID]) -> Iterator[bytes]:
        """The list in pieces of bounded size."""
        arriving, before, closing = iter(ids), self.opening, self.empty
        while piece := self.separator.join(str(each).encode() for each in islice(arriving, _CHUNK)):
            yield before + piece
            before, closing = self.separator, self.closing
        yield closing


_XML: Final = Layout(
    opening=b"<jobs>\n  <id>",
    separator=b"</id>\n  <id>",
    closing=b"</id>\n</jobs>",
    empty=b"<jobs>\n</jobs>",
)
LAYOUTS: Final = {
    TEXT: Layout(opening=b"", separator=b",", closing=b"", empty=b""),
    JSON: Layout(opening=b'["', separator=b'","', closing=b'"]', empty=b"[]"),
    XML_TEXT: _XML,
    XML_APPLICATION: _XML,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class JobList:
    """The jobs of an account that a request lists."""

    account_id: int
    tags: tuple[str, ...] = ()
    """Only jobs that have all of these tags."""

    limit: int | None = None
    """The length of a page; None for the whole list."""

    after: UUID | None = None
    """The job after which the page begins."""


def write_cursor(wanted: JobList, job_id: UUID) -> str:
    """The cursor of the page of this list that begins after one of its jobs."""
    packed = job_id.bytes + _seal(wanted, job_id)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode("ascii")


def read_cursor(wanted: JobList, cursor: str) -> UUID:
    """The job after which a cursor's page of this list begins; raises InvalidMember."""
    try:
        packed = base64.b64decode(f"{cursor}{'=' * (-len(cursor) % 4)}", b"-_", validate=True)
    except (binascii.Error, ValueError):
        packed = b""
    if len(packed) == _ID_BYTES + _SEAL_BYTES:
        job_id = UUID(bytes=packed[:_ID_BYTES])
        # Comparing what is encoded again leaves each position only one cursor.
        if hmac.compare_digest(cursor.encode(), write_cursor(wanted, job_id).encode()):
            return job_id
    raise InvalidMember(
        pages.CURSOR,
        "Invalid cursor for this list.",
        remedy="Follow the Link of the previous response unchanged, with the same tags and "
        "account, or omit the cursor to start at the first page.",
    )


def _seal(wanted: JobList, job_id: UUID) -> bytes:
    """A checksum that binds a cursor to its account and tags.

    It needs no secret: a forged cursor leads to a position in the same account's list.
    """
    parts = (str(wanted.account_id), *sorted(wanted.tags), str(job_id))
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).digest()[:_SEAL_BYTES]
