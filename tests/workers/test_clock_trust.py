"""The database's clock leaps: what maintenance drops and keeps until the clock is trusted."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
import structlog

from app.domain.run import RunState
from app.store import partitions, trusted_clock
from app.store.connection import ReconnectingConnection
from app.store.settling import settle
from tests import stepped_clock
from tests.factories import book, claim_and_take, connect, one
from tests.store.test_settling import settlement_of
from tests.workers.clock_harness import HOUR, YEAR, Clock, ClockHarness
from workers.clock_watch import ClockWatch
from workers.maintenance import Maintenance


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def harness(database: str, connection: psycopg.Connection) -> Iterator[ClockHarness]:
    made = ClockHarness(database, connection)
    yield made
    made.reconnecting.close()


class Kept:
    """What expires: an answer, a secret, and history of today."""

    def __init__(self, harness: ClockHarness) -> None:
        self.harness = harness
        connection = harness.connection
        connection.execute(
            "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed)"
            " VALUES (%s, 'k', sha256(''), 201, '[]', '', false)",
            (harness.account,),
        )
        connection.execute(
            "INSERT INTO signing_secret (account_id, sealed, expires_at)"
            " VALUES (%s, 's', clock_timestamp() + interval '1 d')",
            (harness.account,),
        )
        partitions.make_ahead(connection, one(connection, "SELECT now()").date())
        book(connection, harness.account, due_in=-1)
        (run,) = claim_and_take(connection)
        settle(connection, [settlement_of(run, RunState.FAILED, 500)])

    @property
    def left(self) -> list[int]:
        counted = [
            one(self.harness.connection, f"SELECT count(*) FROM {table}")
            for table in ("kept_answer", "signing_secret", "run", "attempt", "superseded")
        ]
        return [int(each) for each in counted]


@pytest.fixture
def kept(harness: ClockHarness) -> Kept:
    return Kept(harness)


def maintained(harness: ClockHarness, *, clock: Clock | None = None) -> Maintenance:
    """A turn of all steps, in a scheduler that has just been started unless it has a clock."""
    clock_watch = ClockWatch() if clock is None else harness.clock_watch
    made = Maintenance(
        ReconnectingConnection(harness.database, "maintenance"),
        retention_days=30,
        clock_watch=clock_watch,
    )
    made.run_once()
    made.close()
    return made


def test_nothing_is_dropped_by_a_clock_that_leapt_a_while_ago(
    harness: ClockHarness, kept: Kept
) -> None:
    maintained(harness)
    assert kept.left == [1] * 5

    harness.set(YEAR)
    with structlog.testing.capture_logs() as logs:
        maintained(harness)
        # Also in a scheduler that was started since, and a while later.
        harness.wait(3500)
        maintained(harness, clock=harness.clock)

    assert kept.left == [1] * 5
    assert "maintenance.clock_not_trusted" in {each["event"] for each in logs}
    assert harness.clock_watch.steps_back == []


def test_a_clock_that_leapt_for_good_is_trusted_after_an_hour(
    harness: ClockHarness, kept: Kept
) -> None:
    maintained(harness)
    harness.set(YEAR)
    harness.scheduler.tick()
    harness.wait(trusted_clock.STEADY_S + 1)

    maintained(harness, clock=harness.clock)

    assert kept.left[:4] == [0] * 4


def test_an_hour_ahead_an_answer_and_a_secret_are_there_still(
    harness: ClockHarness, kept: Kept
) -> None:
    maintained(harness)
    harness.connection.execute("UPDATE kept_answer SET kept_at = kept_at - interval '23.5 h'")
    harness.connection.execute("UPDATE signing_secret SET expires_at = now() + interval '0.5 h'")

    harness.set(HOUR)
    maintained(harness)

    assert kept.left == [1] * 5


def test_a_clock_that_was_set_back_while_no_scheduler_was_there_is_noticed(
    harness: ClockHarness,
) -> None:
    harness.set(YEAR)
    maintained(harness)
    harness.set(0.0)

    made = maintained(harness, clock=harness.clock)

    assert harness.clock_watch.steps_back == [pytest.approx(YEAR, abs=60)]
    made.run_once()
    assert len(harness.clock_watch.steps_back) == 1
