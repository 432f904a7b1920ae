"""Key cache: one round trip for a booking, and no job that two would not have allowed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from app.domain import key as keys
from app.domain.account import Account, CachedCaller, Caller
from app.domain.job import Booking
from app.domain.native.trigger import Cron
from app.domain.one_time import At
from app.domain.trigger import Trigger, next_after
from app.errors import InvalidMember, Unauthenticated, Unavailable
from app.service import accounts, jobs
from app.service.context import Context
from app.service.key_cache import KeyCache
from app.store import accounts as store
from tests.factories import one

TRANSACTION = text("SELECT pg_current_xact_id()::text")
YEARLY = Cron(expression="0 0 12 1 1 ?")
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def booking(trigger: Trigger = YEARLY, *, enabled: bool = True) -> Booking:
    return Booking(url="https://example.com/", trigger=trigger, data=b"\0", enabled=enabled)


def some_key(number: int = 0) -> keys.KeyText:
    read = keys.read(keys.compose(bytes([number]) * 64))
    assert read is not None
    return read


@pytest.fixture
def key(context: Context) -> str:
    return accounts.create(context, "demo")


@pytest.fixture
def cached(context: Context, key: str) -> CachedCaller:
    accounts.authenticate(context, key, account=None)
    found = accounts.authenticate_cached(context, key, account=None)
    assert isinstance(found, CachedCaller)
    return found


def test_who_has_not_been_looked_up_is_looked_up(context: Context, key: str) -> None:
    assert isinstance(accounts.authenticate_cached(context, key, account="demo"), Caller)
    assert isinstance(accounts.authenticate_cached(context, key, account="demo"), CachedCaller)
    with pytest.raises(Unauthenticated):
        accounts.authenticate_cached(context, key, account="other")
    with pytest.raises(Unauthenticated):
        accounts.authenticate_cached(context, key[:-1], account=None)


def test_a_booking_asks_nothing_before_it_books(
    context: Context, cached: CachedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: Any) -> None:
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(store, "find_key", asked)
        made = [jobs.create(context, cached, booking(enabled=enabled)) for enabled in (True, False)]
    caller = accounts.verify(context, cached)
    assert [jobs.get(context, caller, each.id) for each in made] == made
    assert made[0].next_at == next_after(YEARLY, caller.now)
    assert made[1].next_at is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE api_key SET revoked_at = clock_timestamp()",
        "UPDATE api_key SET digest = sha256('other')",
        "DELETE FROM api_key",
    ],
)
def test_a_key_that_is_not_valid_any_more_books_nothing(
    context: Context, cached: CachedCaller, connection: psycopg.Connection, change: str
) -> None:
    connection.execute(change)
    with pytest.raises(Unauthenticated):
        jobs.create(context, cached, booking())
    assert one(connection, "SELECT count(*) FROM job") == 0


@pytest.mark.parametrize("behind", [timedelta(days=-800), timedelta(days=800)])
@pytest.mark.parametrize("enabled", [True, False])
def test_a_booking_with_a_wrong_cached_clock_reads_the_clock(
    context: Context, cached: CachedCaller, behind: timedelta, *, enabled: bool
) -> None:
    wrong = CachedCaller(
        account=cached.account,
        key_id=cached.key_id,
        digest=cached.digest,
        since=cached.since - behind,
    )
    made = jobs.create(context, wrong, booking(enabled=enabled))
    assert made.next_at == (next_after(YEARLY, cached.since) if enabled else None)
    assert jobs.get(context, accounts.verify(context, cached), made.id) == made


def test_a_time_between_the_cached_and_the_real_clock_is_past(
    context: Context, cached: CachedCaller
) -> None:
    stale = CachedCaller(
        account=cached.account,
        key_id=cached.key_id,
        digest=cached.digest,
        since=cached.since - timedelta(hours=1),
    )
    for enabled in (True, False):
        with pytest.raises(InvalidMember, match="not in the future"):
            jobs.create(context, stale, booking(At(instant=cached.since), enabled=enabled))


def test_what_is_known_is_bounded_and_forgotten() -> None:
    known = KeyCache(most=2)
    account = Account(id=1, name="demo")
    for number in range(3):
        known.put(some_key(number), account, NOW + timedelta(seconds=number))
    assert known.get(some_key(0)) is None
    for number in (1, 2):
        found = known.get(some_key(number))
        assert found is not None
        assert (found.key_id, found.since) == (some_key(number).id, NOW + timedelta(seconds=2))
    other = keys.KeyText(id=some_key(1).id, digest=b"x" * 32)
    assert known.get(other) is None
    known.forget(some_key(1).id)
    assert known.get(some_key(1)) is None


def test_a_clock_that_was_set_back_is_known_from_the_next_key_that_is_looked_up() -> None:
    known = KeyCache()
    account = Account(id=1, name="demo")
    for number, now in enumerate((NOW, NOW - timedelta(days=1))):
        known.put(some_key(number), account, now)
    found = known.get(some_key(0))
    assert found is not None
    assert found.since == NOW - timedelta(days=1)


def test_while_one_key_is_looked_up_again_those_of_other_accounts_stay_known(
    context: Context, cached: CachedCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = accounts.create(context, "other")
    accounts.authenticate(context, other, account=None)
    read = keys.read(other)
    assert read is not None
    known: list[CachedCaller | None] = []
    find_key = store.find_key

    def find(*arguments: Any) -> Any:
        known.append(context.key_cache.get(read))
        return find_key(*arguments)

    monkeypatch.setattr(store, "find_key", find)
    # As for each refused booking, and for those of a key with one Dapr app that no header names.
    accounts.verify(context, cached)
    assert [each is not None for each in known] == [True]


def test_dead_connections_are_logged_once_and_replaced(
    context: Context, cached: CachedCaller, connection: psycopg.Connection
) -> None:
    # Two lie in the pool, of which only one is found dead.
    with context.database.session(), context.database.session():
        pass
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    with pytest.raises(Unavailable):
        jobs.create(context, cached, booking())
    with context.database.session() as used:
        assert one(used, "SELECT 1") == 1
        jobs.create(context, cached, booking())


def test_a_statement_that_failed_leaves_no_connection_without_transactions(
    context: Context,
) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), context.database.session() as used:
        used.execute("SELECT 1 / 0")
    with context.database.transaction() as lent:
        before = lent.execute(TRANSACTION).scalar_one()
        assert lent.execute(TRANSACTION).scalar_one() == before
