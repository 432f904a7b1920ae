"""Firing limits as schedulers apply them: quiet accounts cost nothing, busy ones share a count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.domain.limits import UNLIMITED, Limits
from app.domain.timings.claiming import (
    CLAIM_BUDGET,
    CLAIMED_AT_ONCE,
    FAIR_CLAIM_S,
    POSTPONING_BUDGET,
)
from app.store.connection import ReconnectingConnection
from app.uptime import read_uptime
from tests.factories import add_account, book, call_by_hand, connect, one
from tests.workers.scheduler_harness import Notifier, book_overdue
from workers.firing_limits import KnownFirings
from workers.notifier import ON_TIME
from workers.scheduler import Scheduler

RATE = 40


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@contextmanager
def scheduler(
    database: str, limits: Limits, clock: Callable[[], float] = read_uptime
) -> Iterator[tuple[Scheduler, Notifier]]:
    notifier, reconnecting = Notifier(), ReconnectingConnection(database, "scheduler")
    try:
        yield Scheduler(reconnecting, notifier, "test", limits=limits, clock=clock), notifier
    finally:
        reconnecting.close()


def limited(rate: int | None = RATE) -> Limits:
    return replace(UNLIMITED, firings_per_second=rate)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_two_schedulers_together_begin_no_more_than_the_account_may(
    database: str, connection: psycopg.Connection
) -> None:
    """Each claims whenever it can; what both begin in some seconds is what one may."""
    account = add_account(connection)
    for n in range(RATE * 6):
        book(connection, account, due_in=-n / 1000)
    with (
        scheduler(database, limited()) as (one_scheduler, one_notifier),
        scheduler(database, limited()) as (other, other_notifier),
    ):
        began = monotonic()
        while monotonic() - began < 2.0:
            one_scheduler.tick()
            other.tick()
        took = monotonic() - began

    to_notify = [run_id for run_id, _ in (*one_notifier.all, *other_notifier.all)]
    assert len(to_notify) == len(set(to_notify))
    assert RATE * took * 0.5 <= len(to_notify) <= RATE * (took + 1) * 1.25 + 5
    dues = "SELECT max(due_at) FROM inflight WHERE account_id = %s"
    left = "SELECT min(owed_at) FROM due WHERE next_at = owed_till AND account_id = %s"
    assert one(connection, dues, account) < one(connection, left, account), "the earliest first"


def test_claims_are_short_while_firings_are_postponed_and_neighbours_get_through(
    database: str, connection: psycopg.Connection
) -> None:
    hog, neighbour = add_account(connection, "hog"), add_account(connection, "neighbour")
    book_overdue(connection, hog, CLAIM_BUDGET + 2 * POSTPONING_BUDGET)
    clock = Clock()
    with scheduler(database, limited(), clock) as (ticking, notifier):
        ticking.tick()
        begun, first = len(notifier.all), postponed(connection)
        assert begun + first == CLAIMED_AT_ONCE
        book(connection, neighbour, due_in=-0.1)
        clock.now += FAIR_CLAIM_S

        ticking.tick()

        assert 0 < postponed(connection) - first <= POSTPONING_BUDGET
        mine = "SELECT id FROM inflight WHERE account_id = %s"
        assert one(connection, mine, neighbour) in {
            run_id for run_id, _ in notifier.notified[ON_TIME]
        }


def test_looks_are_short_while_runs_asked_for_by_hand_are_postponed(
    database: str, connection: psycopg.Connection
) -> None:
    hog = add_account(connection, "hog")
    call_by_hand(connection, hog, CLAIM_BUDGET + 2 * POSTPONING_BUDGET)
    with scheduler(database, limited()) as (ticking, _):
        ticking.tick()
        first = waiting(connection)
        assert first == CLAIM_BUDGET - RATE

        ticking.tick()

        assert 0 < waiting(connection) - first <= POSTPONING_BUDGET


def waiting(connection: psycopg.Connection) -> int:
    found: int = one(connection, "SELECT count(*) FROM inflight WHERE reason LIKE 'postponed%%'")
    return found


def postponed(connection: psycopg.Connection) -> int:
    found: int = one(connection, "SELECT count(*) FROM due WHERE next_at = owed_till")
    return found


def test_a_quiet_account_is_counted_in_memory_only(
    database: str, connection: psycopg.Connection
) -> None:
    account = add_account(connection)
    with scheduler(database, limited(1000)) as (ticking, notifier):
        for _ in range(5):
            book(connection, account, due_in=-0.1)
            ticking.tick()

    assert len(notifier.all) == 5
    assert one(connection, "SELECT count(*) FROM firing_pace") == 0


def test_an_account_that_was_busy_within_the_last_second_is_counted_for_all(
    connection: psycopg.Connection,
) -> None:
    clock = Clock()
    known = KnownFirings(limited(80), clock=clock)
    assert known.limits(connection).of == {}
    known.count({7: 5})
    assert known.limits(connection).of == {}
    known.count({7: 1})
    assert known.limits(connection).of.keys() == {7}
    clock.now = 1.0
    assert known.limits(connection).of.keys() == {7}
    clock.now = 2.0
    assert known.limits(connection).of == {}


def test_a_limit_of_its_own_is_known_within_seconds(connection: psycopg.Connection) -> None:
    account = add_account(connection)
    clock = Clock()
    known = KnownFirings(limited(80), clock=clock)
    assert known.limits(connection).of == {}
    own = Jsonb({"firingsPerSecond": 3})
    connection.execute("UPDATE account SET limits = %s WHERE id = %s", (own, account))
    clock.now = 5.0
    allowed = known.limits(connection).allowed(account)
    assert allowed.per_second == 3
    connection.execute("UPDATE account SET limits = NULL")
    clock.now = 10.0
    assert known.limits(connection).of == {}


def test_without_limits_nothing_is_counted(connection: psycopg.Connection) -> None:
    known = KnownFirings(UNLIMITED)
    known.count({7: 1_000_000})
    limits = known.limits(connection)
    assert limits.of == {}
    assert not limits.is_counted(7, 1_000_000)
