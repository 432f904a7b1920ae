"""Listing: all ids of an account, in memory that does not grow and with a length known ahead."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

from app.api.negotiation import JSON, TEXT, XML_APPLICATION, XML_TEXT
from app.errors import Unavailable

PIECE: Final = 64 * 1024
ID_WIDTH: Final = 36
_CHUNK: Final = 2000
_IN_MEMORY: Final = 1024 * 1024
# A long list takes a thread seconds: the other threads are there for everybody else.
_long_lists: Final = threading.BoundedSemaphore(2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What stands before, between and after the ids, and instead of them where there are none."""

    opening: bytes
    separator: bytes
    closing: bytes
    empty: bytes

    def length(self, count: int) -> int:
        """Bytes that `count` ids take."""
        if count == 0:
            return len(self.empty)
        between = len(self.separator) * (count - 1)
        return len(self.opening) + ID_WIDTH * count + between + len(self.closing)

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


def spool(layout: Layout, count: int, ids: Iterable[UUID]) -> IO[bytes]:
    """The whole list, set down where it waits for the client: in memory, a long one on disk.

    A client that reads slowly must hold up neither a database connection nor its snapshot,
    which would keep the vacuum from the busiest tables. Raises Unavailable while as many long
    lists are being made as may be at once.
    """
    if layout.length(count) <= _IN_MEMORY:
        return _set_down(BytesIO(), layout, ids)
    if not _long_lists.acquire(blocking=False):
        raise Unavailable("Too many long lists are being made at once; try again shortly.")
    try:
        return _set_down(TemporaryFile(), layout, ids)
    finally:
        _long_lists.release()


def _set_down(file: IO[bytes], layout: Layout, ids: Iterable[UUID]) -> IO[bytes]:
    for piece in layout.pieces(ids):
        file.write(piece)
    file.seek(0)
    return file
