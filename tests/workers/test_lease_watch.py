"""The lease watch: renewals and polls for cancellations, against a real database."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest

from app.domain.run import RunState
from app.domain.timings.leases import LEASE
from app.store.connection import ReconnectingConnection
from app.store.takes import poll_cancellations
from tests.factories import add_account, book, claim_and_take, connect
from tests.workers.harness import SECRET, Harness
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import LeasedRun, lease


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def one_leased(connection: psycopg.Connection, harness: Harness, *, due_in: float) -> LeasedRun:
    """A run that is taken, and that the dispatcher has still to accept."""
    book(connection, add_account(connection), due_in=due_in)
    (run,) = claim_and_take(connection)
    return lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)


def test_leases_that_lapsed_while_the_database_was_away_are_renewed_before_calls_go_on(
    database: str, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        leased = one_leased(connection, harness, due_in=0.2)
    harness.dispatcher.accept([leased])
    harness.step(leased.run.remaining)
    harness.step(LEASE.total_seconds())
    update = harness.dispatcher.update_cancellations

    def heard_at_once(snapshot: CancellationSnapshot) -> None:
        """The loop's thread may go on before the lease watch's does."""
        update(snapshot)
        harness.step()

    monkeypatch.setattr(harness.dispatcher, "update_cancellations", heard_at_once)
    lease_watch = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"),
        harness.dispatcher,
        clock=harness.clock,
    )
    lease_watch.run_once()
    lease_watch.close()
    assert len(harness.engine.calls) == 1


@pytest.fixture
def lease_watch(database: str, harness: Harness) -> Iterator[LeaseWatch]:
    made = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"),
        harness.dispatcher,
        clock=harness.clock,
    )
    yield made
    made.close()


def test_a_run_withdrawn_by_a_poll_is_named_by_no_later_poll(
    database: str, harness: Harness, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        leased = one_leased(connection, harness, due_in=-1)
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")

        # While its take is being answered it is not known to be this worker's.
        harness.dispatcher.leased_runs.add(
            lease(leased.run._replace(id=uuid4()), (), sent_at=0.0, answered=0.0)
        )
        lease_watch.run_once()
        assert set(poll_cancellations(connection)[0]) == {leased.run.id}
        harness.dispatcher.accept([leased])
        lease_watch.run_once()
        assert poll_cancellations(connection)[0] == {}

        harness.step()
        assert harness.engine.calls == []
        assert harness.settled() is RunState.CANCELLED


def test_a_run_withdrawn_while_no_poll_succeeded_is_found_by_the_lease_renewal(
    database: str, harness: Harness, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        leased = one_leased(connection, harness, due_in=0.25)
        harness.dispatcher.accept([leased])
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp() - interval '1 h'")
        harness.clock.now += LEASE.total_seconds()

        lease_watch.run_once()
        harness.step(leased.run.remaining)

        assert harness.engine.calls == []
        assert harness.settled() is RunState.CANCELLED


def test_a_run_that_was_aborted_and_sent_again_is_called(
    database: str, harness: Harness, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        run = one_leased(connection, harness, due_in=-1).run
        connection.execute(
            "INSERT INTO aborted (run_id, token) VALUES (%s, %s)", (run.id, run.token)
        )
        # History keeps the token, a redelivery goes on above it, and the take raises it once more.
        connection.execute("UPDATE inflight SET token = token + 2")
        again = run._replace(token=run.token + 2)
        harness.dispatcher.accept(
            [lease(again, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)]
        )

        lease_watch.run_once()
        harness.step()

        assert len(harness.engine.calls) == 1
