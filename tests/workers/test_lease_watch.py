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
from tests.workers.stage import SECRET, Stage
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import LeasedRun, lease


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def one_held(connection: psycopg.Connection, stage: Stage, *, due_in: float) -> LeasedRun:
    """A run that is taken, and that the dispatcher has still to accept."""
    book(connection, add_account(connection), due_in=due_in)
    (run,) = claim_and_take(connection)
    return lease(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)


def test_leases_that_lapsed_while_the_database_was_away_are_renewed_before_calls_go_on(
    database: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        leased = one_held(connection, stage, due_in=0.2)
    stage.dispatcher.accept([leased])
    stage.step(leased.run.remaining)
    stage.step(LEASE.total_seconds())
    update = stage.dispatcher.update_cancellations

    def heard_at_once(snapshot: CancellationSnapshot) -> None:
        """The loop's thread may go on before the lease watch's does."""
        update(snapshot)
        stage.step()

    monkeypatch.setattr(stage.dispatcher, "update_cancellations", heard_at_once)
    lease_watch = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"),
        stage.dispatcher,
        clock=stage.clock,
    )
    lease_watch.run_once()
    lease_watch.close()
    assert len(stage.engine.calls) == 1


@pytest.fixture
def lease_watch(database: str, stage: Stage) -> Iterator[LeaseWatch]:
    made = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"),
        stage.dispatcher,
        clock=stage.clock,
    )
    yield made
    made.close()


def test_a_run_withdrawn_by_a_word_is_named_by_none_after_it(
    database: str, stage: Stage, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        leased = one_held(connection, stage, due_in=-1)
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")

        # While its take is being answered it is not known to be this worker's.
        stage.dispatcher.leased_runs.add(
            lease(leased.run._replace(id=uuid4()), (), asked=0.0, answered=0.0)
        )
        lease_watch.run_once()
        assert set(poll_cancellations(connection)[0]) == {leased.run.id}
        stage.dispatcher.accept([leased])
        lease_watch.run_once()
        assert poll_cancellations(connection)[0] == {}

        stage.step()
        assert stage.engine.calls == []
        assert stage.settled() is RunState.CANCELLED


def test_a_run_withdrawn_while_no_word_came_is_known_by_its_extended_lease(
    database: str, stage: Stage, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        leased = one_held(connection, stage, due_in=0.25)
        stage.dispatcher.accept([leased])
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp() - interval '1 h'")
        stage.clock.now += LEASE.total_seconds()

        lease_watch.run_once()
        stage.step(leased.run.remaining)

        assert stage.engine.calls == []
        assert stage.settled() is RunState.CANCELLED


def test_a_run_that_was_aborted_and_sent_again_is_called(
    database: str, stage: Stage, lease_watch: LeaseWatch
) -> None:
    with connect(database) as connection:
        run = one_held(connection, stage, due_in=-1).run
        connection.execute(
            "INSERT INTO aborted (run_id, token) VALUES (%s, %s)", (run.id, run.token)
        )
        # History keeps the token, a redelivery goes on above it, and the take raises it once more.
        connection.execute("UPDATE inflight SET token = token + 2")
        again = run._replace(token=run.token + 2)
        stage.dispatcher.accept(
            [lease(again, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)]
        )

        lease_watch.run_once()
        stage.step()

        assert len(stage.engine.calls) == 1
