"""Classification of database errors: PostgreSQL is away, or one statement is busy or refused."""

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
"""Wakecall's own SQLSTATE: the statement would make an account exceed its quota."""

AWAY: Final = "The database cannot be reached. Try again shortly."

ACCOUNT_GONE: Final = "The account of this request was deleted meanwhile."

_AWAY_CLASSES: Final = ("08", "28", "57P")
"""Connection exceptions, failed log-ins, and a server that shuts down or starts up."""

_AWAY: Final = frozenset({"25006", "25P03", "3D000", "53100", "53300"})
"""A read-only server, such as a former primary; a session ended because it was idle in a
transaction; a missing database; a full disk; too many connections."""

_BUSY_CLASSES: Final = ("40", "53", "55", "58")
"""A transaction rolled back because of another one, for example after a deadlock; insufficient
resources for one statement; an object in use; a failed read or write of one file."""


_FOREIGN_KEY_VIOLATION: Final = "23503"
_OF_ACCOUNT: Final = "account_id_fkey"

_NOT_MIGRATED: Final = frozenset({"42P01", "42703", "42704", "42883"})
"""A table, a column, a type or a function does not exist: statements are tested with the schema
of this release, so the database has that of another one."""


class RoomLacking(Exception):
    """No usage slot of the account has room for `needed`; the statement changed nothing."""

    def __init__(self, needed: Use) -> None:
        super().__init__()
        self.needed = needed


class Kind(Enum):
    """What the caller can do after an error."""

    AWAY = auto()
    """No statement can succeed on this connection: connect again, and wait."""
    BUSY = auto()
    """This statement may succeed later; other statements may succeed now."""
    REFUSED = auto()
    """This statement fails each time: its data are invalid, or there is a defect."""


def kind_of(error: BaseException) -> Kind:
    """Return the kind of a psycopg error, bare or wrapped by SQLAlchemy; REFUSED for any other."""
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
    """Return whether no statement can succeed on this connection."""
    return kind_of(error) is Kind.AWAY


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of an error; None if the error did not come from PostgreSQL."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def room_lacking(error: BaseException) -> RoomLacking | None:
    """Return RoomLacking with the needed amounts if the SQLSTATE is 53W01; None otherwise."""
    if sqlstate(error) != ROOM_LACKING:
        return None
    cause = error.orig if isinstance(error, DBAPIError) else error
    detail = cause.diag.message_detail if isinstance(cause, psycopg.Error) else None
    return RoomLacking(Use(*map(int, (detail or "").split())))


def unavailable(error: BaseException) -> Unavailable | None:
    """Return the error to send to the client; None if a later attempt would fail as well."""
    if isinstance(error, PoolTimeout):
        return Unavailable("All database connections of this server are in use. Try again shortly.")
    if sqlstate(error) in _NOT_MIGRATED:
        return Unavailable(
            "The database does not have the tables of this release: it is yet to be migrated. "
            "Try again shortly."
        )
    if _is_without_account(error):
        return Unavailable(ACCOUNT_GONE)
    kind = kind_of(error)
    if kind is Kind.AWAY:
        return Unavailable(AWAY)
    return Unavailable(_busy(sqlstate(error))) if kind is Kind.BUSY else None


def _is_without_account(error: BaseException) -> bool:
    """Whether a row was to be stored for an account that was deleted since the request began."""
    if sqlstate(error) != _FOREIGN_KEY_VIOLATION:
        return False
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
    return (name or "").endswith(_OF_ACCOUNT)


def _without_code(error: BaseException) -> Kind:
    """Return the kind of an error of the driver: a lost connection, or an aborted pipeline."""
    if isinstance(error, psycopg.errors.PipelineAborted):
        return Kind.BUSY
    lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return Kind.AWAY if lost else Kind.REFUSED


def _busy(code: str | None) -> str:
    if code == LOCK_NOT_AVAILABLE:
        return (
            "A row that this request changes is locked by another request, or by the service "
            "itself, for longer than this request may wait. Try again shortly."
        )
    if code == QUERY_CANCELED:
        return (
            "The database cancelled this request because it took too long. "
            "Try again shortly, or request fewer items at once."
        )
    return "This request conflicted with another one in the database. Try again shortly."
