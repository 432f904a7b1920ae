"""How far back the queues are read, and that nothing stays behind for long."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from app.domain.timings.claiming import ENQUEUED_AT_ONCE, LOOKBACK, UNBOUNDED_S
from app.store.claims import claim
from app.store.connection import ReconnectingConnection
from app.store.queries import run
from tests.factories import add_account, book, connect, one
from tests.interleavings.case import raise_for
from tests.workers.scheduler_harness import Clock, SchedulerHarness, book_overdue
from workers.queue_lookback import LeftBehindSearch, Lookback

LOOKBACK_S = LOOKBACK.total_seconds()


@pytest.fixture
def harness(database: str) -> Iterator[SchedulerHarness]:
    made = SchedulerHarness(database)
    yield made
    made.reconnecting.close()


@pytest.fixture
def search(database: str, harness: SchedulerHarness) -> Iterator[LeftBehindSearch]:
    made = LeftBehindSearch(
        ReconnectingConnection(database, "left_behind"),
        due=harness.scheduler.due,
        inflight=harness.scheduler.inflight,
        clock=harness.clock,
    )
    yield made
    made.close()


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def account_id(connection: psycopg.Connection) -> int:
    return add_account(connection)


def hide(connection: psycopg.Connection, job_id: UUID) -> None:
    """As if the job had been in the queue for a minute, and had been passed over."""
    connection.execute(
        "UPDATE due SET enqueued_at = now() - interval '1 minute' WHERE job_id = %s", (job_id,)
    )


def test_it_reads_from_the_beginning_until_all_has_been_read_once() -> None:
    clock = Clock()
    queue = Lookback(clock)
    assert queue.seconds() == UNBOUNDED_S

    queue.exhausted(clock.now)
    assert queue.seconds() == LOOKBACK_S


def test_what_could_not_be_read_to_its_end_is_read_from_where_it_was_the_next_time() -> None:
    clock = Clock()
    queue = Lookback(clock)
    queue.exhausted(clock.now)
    clock.now += 40.0

    assert queue.seconds() == queue.seconds() == LOOKBACK_S + 40.0
    queue.exhausted(clock.now)
    assert queue.seconds() == LOOKBACK_S


def test_what_was_left_is_read_until_all_from_there_on_has_been_read() -> None:
    clock = Clock()
    queue = Lookback(clock)
    queue.exhausted(clock.now)
    queue.extend_to(100.0)

    assert queue.seconds() == queue.seconds() == LOOKBACK_S + 100.0
    queue.exhausted(clock.now)
    assert queue.seconds() == LOOKBACK_S


def test_a_firing_whose_time_had_passed_when_it_was_written_is_claimed_at_once(
    harness: SchedulerHarness, connection: psycopg.Connection, account_id: int
) -> None:
    harness.scheduler.tick()
    overdue = [book(connection, account_id, due_in=-seconds) for seconds in (5, 60, 3600)]
    later = book(connection, account_id, due_in=60)

    assert harness.scheduler.tick().claimed == 3

    connection.execute("UPDATE due SET next_at = now() - interval '1 day'")
    assert harness.scheduler.tick().claimed == 4
    # Nothing tells of it any more once it was claimed.
    claimed = "SELECT count(*) FROM due WHERE next_at IS NULL AND enqueued_at IS NULL"
    assert one(connection, claimed) == len([*overdue, later])


def test_a_claim_does_not_read_a_backlog_that_was_overdue_when_it_was_booked(
    connection: psycopg.Connection, account_id: int
) -> None:
    number = 2 * ENQUEUED_AT_ONCE
    book_overdue(connection, account_id, number)
    connection.execute("ANALYZE due")
    fetched = "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'due'"
    with connection.transaction():
        before = one(connection, fetched)
        # Not bounded to where all of them are further back, nor to where none is.
        claims = claim(connection, budget=10, ahead=0, lookback=3600, unreadable=raise_for)
        assert len(claims.runs) == 10
        assert one(connection, fetched) - before < ENQUEUED_AT_ONCE + 100


def test_a_firing_that_is_far_back_is_claimed_before_a_backlog_that_is_not(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_overdue(connection, account_id, ENQUEUED_AT_ONCE)
    late = add_account(connection, "late")
    book(connection, late, due_in=-7200)
    claims = claim(connection, budget=10, ahead=0, lookback=3600, unreadable=raise_for)
    assert late in {each.account_id for each in claims.runs}


def test_a_firing_that_waited_for_the_call_before_it_is_claimed_once_it_is_let_go(
    harness: SchedulerHarness, connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-3600)
    connection.execute("UPDATE due SET serial = true, held_at = next_at, next_at = NULL")
    assert harness.scheduler.tick().claimed == 0

    run(connection, "unblock", {"job_ids": [job_id]})

    assert harness.scheduler.tick().claimed == 1


def test_what_is_left_behind_is_found_by_the_search(
    harness: SchedulerHarness,
    search: LeftBehindSearch,
    connection: psycopg.Connection,
    account_id: int,
) -> None:
    harness.scheduler.tick()
    hide(connection, book(connection, account_id, due_in=-120))
    run_job = book(connection, account_id, due_in=-1)
    harness.scheduler.tick()
    connection.execute("UPDATE inflight SET look_at = now() - interval '1 minute'")
    to_notify = len(harness.notifier.all)

    harness.scheduler.tick()
    assert one(connection, "SELECT count(*) FROM inflight") == 1
    assert one(connection, "SELECT job_id FROM inflight") == run_job

    search.run_once()
    tick = harness.scheduler.tick()
    assert tick.claimed == 1
    assert len(harness.notifier.all) == to_notify + 2


def test_what_was_locked_all_the_while_is_found_once_it_is_not(
    harness: SchedulerHarness,
    search: LeftBehindSearch,
    connection: psycopg.Connection,
    database: str,
    account_id: int,
) -> None:
    hide(connection, book(connection, account_id, due_in=-120))
    with connect(database) as holder, holder.transaction():
        holder.execute("SELECT FROM due FOR UPDATE")
        assert harness.scheduler.tick().claimed == 0
        search.run_once()
        assert harness.scheduler.tick().claimed == 0
    assert harness.scheduler.tick().claimed == 0

    search.run_once()
    assert harness.scheduler.tick().claimed == 1


def test_what_is_ahead_or_was_written_a_moment_ago_is_not_left_behind(
    harness: SchedulerHarness,
    search: LeftBehindSearch,
    connection: psycopg.Connection,
    account_id: int,
) -> None:
    harness.scheduler.tick()
    book(connection, account_id, due_in=60)
    book(connection, account_id, due_in=-3600)

    search.run_once()

    assert harness.scheduler.due.seconds() == LOOKBACK_S
    assert harness.scheduler.inflight.seconds() == LOOKBACK_S


def test_while_the_database_is_slow_it_is_searched_rarely_but_searched(
    search: LeftBehindSearch, harness: SchedulerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.run_once()
    assert search.interval == 1.0

    found = search._database.use

    def slow() -> object:
        harness.clock.now += 0.2
        return found()

    monkeypatch.setattr(search._database, "use", slow)
    search.run_once()
    assert search.interval == pytest.approx(10.0)

    def broken() -> object:
        raise psycopg.OperationalError("away")

    monkeypatch.setattr(search._database, "use", broken)
    with pytest.raises(psycopg.OperationalError):
        search.run_once()
    assert search.interval == 30.0


def test_the_backlog_of_a_suspended_account_does_not_hide_what_is_behind_it(
    harness: SchedulerHarness,
    connection: psycopg.Connection,
    account_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("workers.scheduler.CLAIM_BUDGET", 3)
    monkeypatch.setattr("workers.scheduler.MIN_CLAIM", 1)
    for _ in range(7):
        hide(connection, book(connection, account_id, due_in=-3600))
    connection.execute("UPDATE account SET suspended_at = now()")
    hide(connection, book(connection, add_account(connection, "other"), due_in=-120))

    assert [harness.scheduler.tick().claimed for _ in range(4)] == [0, 0, 1, 0]
