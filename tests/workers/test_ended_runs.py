"""Ended runs: what the scheduler cannot settle is tried again, each time after a longer pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import structlog

from app.domain.counters import RUN, Counters
from app.store.rescue import check
from tests.factories import add_account, book, claim_all, connect, one
from workers import ended_runs
from workers.ended_runs import EndedRuns

PAUSE = "SELECT round(extract(epoch FROM look_at - clock_timestamp())) FROM inflight"
REFUSED = "ALTER TABLE run ADD CONSTRAINT never CHECK (state <> 'cancelled')"
SLOW = """
CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION wait()
"""


@pytest.fixture
def cancelled(database: str) -> Iterator[psycopg.Connection]:
    """A connection to a database with a run that was cancelled, which the scheduler has to end."""
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=-1)
        claim_all(connection)
        connection.execute(
            "UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted'"
        )
        yield connection


def pause_after(connection: psycopg.Connection, ended: EndedRuns) -> int:
    """Check the run as the scheduler does; how many seconds later it is checked again."""
    level_of_failure(connection, ended)
    return int(one(connection, PAUSE))


def level_of_failure(connection: psycopg.Connection, ended: EndedRuns) -> str:
    """Check the run as the scheduler does; the level at which its failure is logged."""
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    with structlog.testing.capture_logs() as logs:
        ended.settle(connection, check(connection, limit=9, leases_count=True).ended)
    [line] = logs
    assert line["event"] == "run.cannot_be_settled"
    return str(line["log_level"])


@contextmanager
def refused(connection: psycopg.Connection) -> Iterator[None]:
    connection.execute(REFUSED)
    try:
        yield
    finally:
        connection.execute("ALTER TABLE run DROP CONSTRAINT never")


def test_a_run_that_fails_again_and_again_takes_less_and_less_time(
    cancelled: psycopg.Connection,
) -> None:
    ended = EndedRuns(Counters())
    with refused(cancelled):
        assert [pause_after(cancelled, ended) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]

    cancelled.execute("UPDATE inflight SET look_at = clock_timestamp()")
    ended.settle(cancelled, check(cancelled, limit=9, leases_count=True).ended)

    assert one(cancelled, "SELECT state FROM run") == "cancelled"
    assert ended._failures == {}


def test_a_database_that_was_slow_for_a_moment_delays_an_end_for_a_second(
    cancelled: psycopg.Connection,
) -> None:
    cancelled.execute(SLOW)
    ended = EndedRuns(Counters())

    assert pause_after(cancelled, ended) == 1


def test_a_slow_statement_is_a_warning_until_it_is_slow_again(
    cancelled: psycopg.Connection,
) -> None:
    cancelled.execute(SLOW)
    ended = EndedRuns(Counters())

    assert [level_of_failure(cancelled, ended) for _ in range(2)] == ["warning", "error"]


def test_a_refused_statement_is_an_error_the_first_time(cancelled: psycopg.Connection) -> None:
    with refused(cancelled):
        assert level_of_failure(cancelled, EndedRuns(Counters())) == "error"


def test_what_was_settled_is_counted_though_the_others_cannot_be_deferred(
    cancelled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defer(*_: object) -> None:
        raise psycopg.errors.LockNotAvailable

    monkeypatch.setattr(ended_runs, "defer", defer)
    counted = Counters()
    book(cancelled, one(cancelled, "SELECT id FROM account"), due_in=-1)
    claim_all(cancelled)
    cancelled.execute(
        "UPDATE inflight SET cancelled_at = clock_timestamp(), look_at = clock_timestamp(),"
        " reason = CASE WHEN reason IS NULL THEN 'other' ELSE reason END"
    )
    cancelled.execute("ALTER TABLE run ADD CONSTRAINT never CHECK (reason <> 'other')")
    try:
        found = check(cancelled, limit=9, leases_count=True).ended
        with structlog.testing.capture_logs() as logs:
            EndedRuns(counted).settle(cancelled, found)
    finally:
        cancelled.execute("ALTER TABLE run DROP CONSTRAINT never")

    assert counted == {(RUN, "cancelled"): 1}
    assert [each["event"] for each in logs] == ["run.cannot_be_settled", "database.busy"]


def test_failures_of_few_runs_are_remembered(
    cancelled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_runs, "MAX_FAILED", 1)
    ended = EndedRuns(Counters())
    with refused(cancelled):
        pause_after(cancelled, ended)
        cancelled.execute("UPDATE inflight SET id = gen_random_uuid()")
        assert pause_after(cancelled, ended) == 1
        assert len(ended._failures) == 1
