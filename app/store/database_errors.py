"""Database errors told apart: PostgreSQL is away, or one statement is busy, or refused."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.usage import Use
from app.errors import Unavailable

LOCK_NOT_AVAILABLE: Final = "55P03"
QUERY_CANCELED: Final = "57014"

ROOM_LACKING: Final = "53W01"
"""Our own: the statement would have an account exceed its quota."""

_AWAY_CLASSES: Final = ("08", "28", "57P")
"""Connection exceptions, failed log-ins, and a server that shuts down or starts up."""

_AWAY: Final = frozenset({"25006", "25P03", "3D000", "53100", "53300"})
"""A server that only reads, as one does that was primary before; a session that was ended as it was
idle; no such database; a full disk; too many connections."""

_BUSY_CLASSES: Final = ("40", "53", "55", "58")
"""Transactions rolled back for others' sake, as after a deadlock; resources that one statement
lacked; objects in use; a failed read or write of one file."""


class RoomLacking(Exception):
    """The account has no slot with room for what is `needed`; nothing of it was done."""

    def __init__(self, needed: Use) -> None:
        super().__init__()
        self.needed = needed


class Kind(Enum):
    """What an error says of what is to be done."""

    AWAY = auto()
    """Nothing can be done on this connection: connect again, and wait."""
    BUSY = auto()
    """This statement failed now and may succeed later; others may succeed at once."""
    REFUSED = auto()
    """This statement fails whenever it is tried: its data, or a defect."""


def kind_of(error: BaseException) -> Kind:
    """The kind of an error of psycopg, or of SQLAlchemy around one; REFUSED for all others."""
    if isinstance(error, DBAPIError):
        lost = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
        if error.connection_invalidated or not isinstance(error.orig, psycopg.Error):
            return Kind.AWAY if lost else Kind.REFUSED
        error = error.orig
    code = sqlstate(error)
    if code is None:
        return _without_code(error)
    if code in _AWAY or code.startswith(_AWAY_CLASSES):
        return Kind.AWAY
    if code == QUERY_CANCELED or code.startswith(_BUSY_CLASSES):
        return Kind.BUSY
    return Kind.REFUSED


def is_away(error: BaseException) -> bool:
    """Whether nothing can be done on this connection."""
    return kind_of(error) is Kind.AWAY


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code of the error; None where it did not come from PostgreSQL."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def room_lacking(error: BaseException) -> RoomLacking | None:
    """What an account has no room for, where that is what PostgreSQL says."""
    if sqlstate(error) != ROOM_LACKING:
        return None
    cause = error.orig if isinstance(error, DBAPIError) else error
    detail = cause.diag.message_detail if isinstance(cause, psycopg.Error) else None
    return RoomLacking(Use(*map(int, (detail or "").split())))


def unavailable(error: BaseException) -> Unavailable | None:
    """What a client is told of it; None for an error that waiting does not mend."""
    if isinstance(error, PoolTimeout):
        return Unavailable("Every database connection is in use; try again shortly.")
    kind = kind_of(error)
    if kind is Kind.AWAY:
        return Unavailable("The database cannot be reached; try again shortly.")
    return Unavailable(_busy(sqlstate(error))) if kind is Kind.BUSY else None


def _without_code(error: BaseException) -> Kind:
    """Of the driver itself: it lost the connection, or a statement before this one failed."""
    if isinstance(error, psycopg.errors.PipelineAborted):
        return Kind.BUSY
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return Kind.AWAY if lost else Kind.REFUSED


def _busy(code: str | None) -> str:
    if code == LOCK_NOT_AVAILABLE:
        return (
            "What this request needs is locked by another request, or by the service itself, for "
            "longer than it can wait. The database is not away; try again shortly."
        )
    if code == QUERY_CANCELED:
        return (
            "The database took longer for this request than it may, and gave it up. "
            "Try again shortly, or ask for less at once."
        )
    return "This request collided with another one in the database; try again shortly."
