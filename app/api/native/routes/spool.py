"""Listing: all ids of an account, in memory that does not grow and with a length known ahead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

from flask import current_app
from werkzeug.wsgi import FileWrapper

from app.api.negotiation import JSON, TEXT, XML_APPLICATION, XML_TEXT
from app.api.shared_budget import SharedBudget
from app.errors import RateLimited, Unavailable

PIECE: Final = 64 * 1024
ID_WIDTH: Final = 36
_CHUNK: Final = 2000
_IN_MEMORY: Final = 1024 * 1024
# A long list takes a thread seconds: the other threads are there for everybody else. So no account
# makes two at once.
_being_made: Final = SharedBudget(2)
MAX_UNREAD: Final = 32
_unread: Final = SharedBudget(MAX_UNREAD)


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


class Spool(FileWrapper):
    """A list that was set down, in pieces; closed once it is sent or given up."""

    def __init__(self, file: IO[bytes], leave: Callable[[], None]) -> None:
        super().__init__(file, PIECE)
        self._leave = leave

    def close(self) -> None:
        """Let go of the list, once; also where nobody asked for any of it."""
        super().close()
        leave, self._leave = self._leave, _nothing
        leave()


def spool(layout: Layout, count: int, ids: Iterable[UUID], account_id: int) -> Spool:
    """The whole list, set down where it waits for the client: in memory, a long one on disk.

    A client that reads slowly must hold up neither a database connection nor its snapshot,
    which would keep the vacuum from the busiest tables. Raises RateLimited where the account has
    as many long lists unread as it may, and Unavailable while others make too many at once.
    """
    if layout.length(count) <= _IN_MEMORY:
        return Spool(_set_down(BytesIO(), layout, ids), _nothing)
    if not _unread.take(account_id):
        raise RateLimited(
            f"{_unread.held(account_id)} long lists of this account have not been read yet; "
            f"all accounts together have room for {MAX_UNREAD} in a web process.",
            remedy="Read those lists, or close their connections; or ask for a page at a time, "
            "with `limit`.",
        )
    try:
        return Spool(_make(layout, ids, account_id), partial(_unread.give_back, account_id))
    except BaseException:
        _unread.give_back(account_id)
        raise


def _make(layout: Layout, ids: Iterable[UUID], account_id: int) -> IO[bytes]:
    if not _being_made.take(account_id):
        raise Unavailable("Too many long lists are being made at once; try again shortly.")
    try:
        folder = current_app.config["WAKECALL_SETTINGS"].temporary
        return _set_down(TemporaryFile(dir=folder), layout, ids)
    finally:
        _being_made.give_back(account_id)


def _set_down(file: IO[bytes], layout: Layout, ids: Iterable[UUID]) -> IO[bytes]:
    try:
        for piece in layout.pieces(ids):
            file.write(piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _nothing() -> None:
    """What is to be done where nothing is."""
