"""Spool: the whole list of an account's job ids, stored where it waits for a slow client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

from werkzeug.wsgi import FileWrapper

from app.api.context import current_context
from app.api.native.documents.job_list import Layout
from app.api.shared_budget import SharedBudget
from app.errors import RateLimited, Unavailable

PIECE: Final = 64 * 1024
"""Bytes that are sent at a time."""

MAX_UNREAD: Final = 32
"""Long lists on disk, of all accounts together, that clients have not read to the end."""

_MAX_IN_MEMORY: Final = 1024 * 1024
# A long list keeps a thread busy for seconds, and the other threads must stay free for other
# accounts. So no account has two written at once.
_being_written: Final = SharedBudget(2)
_unread: Final = SharedBudget(MAX_UNREAD)


class Spool(FileWrapper):
    """A stored list, sent in pieces; closed once it is sent or the client has gone."""

    def __init__(self, file: IO[bytes], release: Callable[[], None]) -> None:
        super().__init__(file, PIECE)
        self._release = release

    def close(self) -> None:
        """Delete the list and release its place, once; also where none of it was sent."""
        super().close()
        release, self._release = self._release, _do_nothing
        release()


def spool(layout: Layout, count: int, ids: Iterable[UUID], account_id: int) -> Spool:
    """The whole list, stored until the client has read it: in memory, or on disk if it is long.

    A client that reads slowly must not keep a database connection, nor a snapshot, which would keep
    the vacuum from the busiest tables. Raises RateLimited where the account has as many unread long
    lists as it may have, and Unavailable while too many long lists are being written.
    """
    if layout.length(count) <= _MAX_IN_MEMORY:
        return Spool(_store(BytesIO(), layout, ids), _do_nothing)
    if not _unread.acquire(account_id):
        raise RateLimited(
            f"This account has {_unread.held(account_id)} long lists that have not been read to "
            f"the end; a web process stores at most {MAX_UNREAD} for all accounts.",
            remedy="Read those lists or close their connections, or request one page at a time "
            "with `limit`.",
        )
    try:
        return Spool(_store_on_disk(layout, ids, account_id), partial(_unread.release, account_id))
    except BaseException:
        _unread.release(account_id)
        raise


def _store_on_disk(layout: Layout, ids: Iterable[UUID], account_id: int) -> IO[bytes]:
    if not _being_written.acquire(account_id):
        raise Unavailable("Too many long lists are being written; try again shortly.")
    try:
        folder = current_context().settings.temporary
        return _store(TemporaryFile(dir=folder), layout, ids)
    finally:
        _being_written.release(account_id)


def _store(file: IO[bytes], layout: Layout, ids: Iterable[UUID]) -> IO[bytes]:
    try:
        for piece in layout.pieces(ids):
            file.write(piece)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _do_nothing() -> None:
    """The release of a list that takes no place of its account."""
