"""Ended runs: what the scheduler cannot settle is tried again, each time after a longer pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
import structlog

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
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    with structlog.testing.capture_logs() as logs:
        ended.settle(connection, check(connection, limit=9, leases_count=True).ended)
    assert [each["event"] for each in logs] == ["run.cannot_be_settled"]
    return int(one(connection, PAUSE))


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
    ended = EndedRuns()
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

    assert pause_after(cancelled, EndedRuns()) == 1


def test_failures_of_few_runs_are_remembered(
    cancelled: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ended_runs, "MAX_FAILED", 1)
    ended = EndedRuns()
    with refused(cancelled):
        pause_after(cancelled, ended)
        cancelled.execute("UPDATE inflight SET id = gen_random_uuid()")
        assert pause_after(cancelled, ended) == 1
        assert len(ended._failures) == 1
