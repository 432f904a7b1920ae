"""Bookings of a Dapr app from the caches: one round trip, and no job that three would not allow."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.api.dapr import bookings, documents
from app.domain.account import CachedCaller, Caller
from app.domain.dapr.refusal import Refusal
from app.domain.job import Booking
from app.errors import AccountSuspended, Conflict, InvalidMember, NotFound, Unauthenticated
from app.service import accounts, keys
from app.service.context import Context
from app.service.dapr import apps
from app.service.dapr import jobs as service
from app.service.dapr.jobs import Judge
from app.store import accounts as account_store
from app.store import endpoints
from tests.factories import one

APP = "job-service"
SECOND = timedelta(seconds=1)


def job(name: str = "test", body: bytes = b'{"dueTime":"1h"}') -> Judge:
    document = documents.read(body)

    def judge(now: datetime) -> tuple[Booking, datetime]:
        return bookings.make_booking(APP, name, document, now)

    return judge


@pytest.fixture
def owner(context: Context, caller: Caller) -> Caller:
    apps.put(context, caller.account, APP, url="http://127.0.0.1:6200", token=None)
    return caller


@pytest.fixture(params=["key", "listener"])
def cached(context: Context, owner: Caller, request: pytest.FixtureRequest) -> CachedCaller:
    """A caller that this process knows, and the clock as well."""
    if request.param == "listener":
        accounts.listener_cached(context, "demo", app=APP)
        found = accounts.listener_cached(context, "demo", app=APP)
    else:
        key = keys.create(context, "demo", label="", app=APP)
        accounts.authenticate(context, key, account=None)
        found = accounts.authenticate_cached(context, key, account=None)
    assert isinstance(found, CachedCaller)
    service.book(context, found, job("first"))
    assert context.clock_estimate.now() is not None
    return found


def booked(connection: psycopg.Connection) -> int:
    return int(one(connection, "SELECT count(*) FROM job WHERE name <> 'first'"))


def test_a_booking_asks_nothing_before_it_books(
    context: Context, owner: Caller, cached: CachedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        for module, name in (
            (account_store, "find_key"),
            (account_store, "account_with_clock"),
            (endpoints, "exists"),
        ):
            patched.setattr(module, name, asked)
        service.book(context, cached, job())
    assert service.get(context, owner, APP, "test").booking.name == "test"


def test_a_relative_time_counts_from_the_database_s_clock(
    context: Context, cached: CachedCaller, connection: psycopg.Connection
) -> None:
    before = one(connection, "SELECT clock_timestamp()")
    service.book(context, cached, job())
    after = one(connection, "SELECT clock_timestamp()")
    due = one(connection, "SELECT next_at FROM due JOIN job ON id = job_id WHERE name = 'test'")
    assert before - SECOND / 20 <= due - 3600 * SECOND <= after


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ("UPDATE account SET suspended_at = clock_timestamp()", AccountSuspended),
        ("DELETE FROM endpoint", InvalidMember),
    ],
)
def test_what_is_not_so_any_more_is_noticed(
    context: Context,
    cached: CachedCaller,
    connection: psycopg.Connection,
    change: Any,
    error: type[Exception],
) -> None:
    connection.execute(change)
    with pytest.raises(error):
        service.book(context, cached, job())
    assert booked(connection) == 0


KEY_ENDS = (
    "UPDATE api_key SET revoked_at = clock_timestamp()",
    "UPDATE api_key SET expires_at = clock_timestamp()",
    "UPDATE api_key SET digest = sha256('other')",
)


@pytest.mark.parametrize("change", range(len(KEY_ENDS)))
def test_a_caller_that_is_gone_books_nothing(
    context: Context, cached: CachedCaller, connection: psycopg.Connection, change: int
) -> None:
    expected: type[Exception] = Unauthenticated
    if cached.key_id:
        connection.execute(KEY_ENDS[change])
    else:
        # As if the account were deleted: nothing is stored for its id, and its name is unknown.
        connection.execute("UPDATE account SET name = 'other', suspended_at = clock_timestamp()")
        expected = NotFound
    with pytest.raises(expected):
        service.book(context, cached, job())
    assert booked(connection) == 0


@pytest.mark.parametrize("wrong", [-2 * SECOND, 2 * SECOND, timedelta(days=400)])
def test_an_estimate_that_is_wrong_is_replaced(
    context: Context, cached: CachedCaller, connection: psycopg.Connection, wrong: timedelta
) -> None:
    context.clock_estimate.forget()
    context.clock_estimate.note(one(connection, "SELECT clock_timestamp()") + wrong)
    before = one(connection, "SELECT clock_timestamp()")
    service.book(context, cached, job())
    due = one(connection, "SELECT next_at FROM due JOIN job ON id = job_id WHERE name = 'test'")
    assert before <= due - 3600 * SECOND <= one(connection, "SELECT clock_timestamp()")
    estimate = context.clock_estimate.now()
    assert estimate is not None
    assert abs(estimate - one(connection, "SELECT clock_timestamp()")) < SECOND


def test_a_name_that_is_taken_is_replaced_only_if_that_is_wanted(
    context: Context, owner: Caller, cached: CachedCaller
) -> None:
    service.book(context, cached, job())
    with pytest.raises(Conflict):
        service.book(context, cached, job(body=b'{"dueTime":"2h"}'))
    service.book(context, cached, job(body=b'{"dueTime":"3h"}'), overwrite=True)
    written = service.get(context, owner, APP, "test").booking.written
    assert written is not None
    assert written["dueTime"] == "3h"


def test_what_cannot_be_scheduled_is_refused(
    context: Context, cached: CachedCaller, connection: psycopg.Connection
) -> None:
    with pytest.raises(Refusal):
        service.book(context, cached, job(body=b'{"dueTime":"tomorrow"}'))
    assert booked(connection) == 0
