"""Database errors: which show a lost connection, and which concern one statement."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.store.database_errors import Kind, is_away, kind_of, unavailable


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        (Kind.AWAY, "08000 08006 57P01 57P02 57P03 53300 53100 25006 25P03 3D000 28P01"),
        (Kind.BUSY, "55P03 57014 40P01 40001 53200 55006 58030"),
        (Kind.REFUSED, "54000 54001 22001 22003 23505 23514 42501 42P01 0A000 XX001"),
    ],
)
def test_errors_are_distinguished_by_their_code(kind: Kind, codes: str) -> None:
    for code in codes.split():
        error = errors.lookup(code)("it failed")
        assert (code, kind_of(error)) == (code, kind)
        wrapped = DBAPIError.instance("SELECT", {}, error, psycopg.Error)
        assert wrapped is not None
        assert (code, kind_of(wrapped)) == (code, kind)


def test_the_driver_s_own_errors_have_no_code() -> None:
    assert is_away(psycopg.OperationalError("server closed the connection unexpectedly"))
    assert is_away(psycopg.InterfaceError("the connection is closed"))
    assert kind_of(errors.PipelineAborted("pipeline aborted")) is Kind.BUSY
    assert kind_of(psycopg.DataError("text fields cannot contain NUL")) is Kind.REFUSED
    assert kind_of(ValueError("no error of a database")) is Kind.REFUSED
    assert is_away(OperationalError("SELECT", {}, Exception("connection refused")))
    assert is_away(InterfaceError("SELECT", {}, Exception("closed")))
    assert is_away(IntegrityError("x", {}, Exception("x"), connection_invalidated=True))
    assert kind_of(IntegrityError("x", {}, Exception("x"))) is Kind.REFUSED


def test_a_client_gets_the_reason_and_only_transient_errors_have_retry_after() -> None:
    details = {
        PoolTimeout("QueuePool limit"): "in use",
        psycopg.OperationalError("gone"): "cannot be reached",
        errors.LockNotAvailable("x"): "locked by another request",
        errors.QueryCanceled("x"): "took too long",
        errors.DeadlockDetected("x"): "conflicted with another",
        errors.UndefinedColumn("x"): "yet to be migrated",
        errors.UndefinedFunction("x"): "yet to be migrated",
    }
    for error, part in details.items():
        found = unavailable(error)
        assert found is not None
        assert part in found.message
    assert unavailable(errors.UniqueViolation("x")) is None
    assert unavailable(errors.ForeignKeyViolation("of a table, not of an account")) is None
    assert unavailable(KeyError("x")) is None
