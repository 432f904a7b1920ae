"""Spool: the whole list of an account's job ids, stored where it waits for a slow client."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final
from uuid import UUID

from werkzeug.wsgi import FileWrapper

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
        """Delete the list and release its place, once; also if nothing was sent."""
        super().close()
        release, self._release = self._release, _do_nothing
        release()


def spool(
    layout: Layout, count: int, ids: Iterable[UUID], account_id: int, *, folder: Path | None
) -> Spool:
    """Store the whole list until the client has read it: in memory, or in `folder` if it is long.

    Without a `folder`, the system's folder for temporary files is used. A client that reads slowly
    must not occupy a database connection, nor a snapshot, which would keep VACUUM from the busiest
    tables. Raises RateLimited if the account has as many unread long lists as it may have, and
    Unavailable while too many long lists are being written.
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
        file = _store_on_disk(layout, ids, account_id, folder)
        return Spool(file, partial(_unread.release, account_id))
    except BaseException:
        _unread.release(account_id)
        raise


def _store_on_disk(
    layout: Layout, ids: Iterable[UUID], account_id: int, folder: Path | None
) -> IO[bytes]:
    if not _being_written.acquire(account_id):
        raise Unavailable("Too many long lists are being written; try again shortly.")
    try:
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
    """Release a list in memory, which does not count."""
