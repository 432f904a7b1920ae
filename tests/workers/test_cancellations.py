"""A machine that stood still: what its own clock does not tell, another one does before a call."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.store.connection import ReconnectingConnection
from app.store.settling import settle
from tests.factories import connect
from tests.store.test_settling import came
from tests.workers.stage import Stage
from tests.workers.test_lease_watch import one_held
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import LeasedRun

GAP = 30.0


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def lease_watch(database: str, stage: Stage) -> Iterator[LeaseWatch]:
    made = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"), stage.dispatcher, clock=stage.clock
    )
    yield made
    made.close()


def accepted(connection: psycopg.Connection, stage: Stage) -> LeasedRun:
    leased = one_held(connection, stage, due_in=0.2)
    stage.dispatcher.accept([leased])
    stage.step()
    return leased


def kept(stage: Stage, lease_watch: LeaseWatch) -> None:
    """A turn of the lease_watch, a moment later."""
    stage.step(0.26)
    lease_watch.run_once()
    stage.step()


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_gap_that_the_machine_s_clock_shows(
    connection: psycopg.Connection, stage: Stage, lease_watch: LeaseWatch, *, is_ours: bool
) -> None:
    leased = accepted(connection, stage)
    stage.set_by = GAP
    if not is_ours:
        # Deleted, and reclaimed and settled by others meanwhile.
        settle(connection, [came(leased.run)])

    stage.step(leased.run.remaining)
    assert stage.engine.calls == [], "its lease is from before the gap"
    kept(stage, lease_watch)
    kept(stage, lease_watch)

    assert len(stage.engine.calls) == (1 if is_ours else 0)
    assert (leased in stage.dispatcher.leased_runs) == is_ours


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_gap_that_only_the_database_s_clock_shows(
    connection: psycopg.Connection, stage: Stage, lease_watch: LeaseWatch, *, is_ours: bool
) -> None:
    leased = accepted(connection, stage)
    stage.dispatcher.update_cancellations(CancellationSnapshot(stage.clock.now, 500.0, {}))
    stage.dispatcher.update_cancellations(CancellationSnapshot(stage.clock.now, 500.0 - GAP, {}))
    stage.step()
    if not is_ours:
        settle(connection, [came(leased.run)])

    stage.step(leased.run.remaining)
    assert stage.engine.calls == [], "its lease is from before the gap"
    kept(stage, lease_watch)
    kept(stage, lease_watch)

    assert len(stage.engine.calls) == (1 if is_ours else 0)


def test_a_slow_answer_is_no_gap(stage: Stage) -> None:
    leased = stage.lease(0.5)
    stage.dispatcher.update_cancellations(
        CancellationSnapshot(stage.clock.now, 510.0, {}, took=10.0)
    )
    stage.dispatcher.update_cancellations(CancellationSnapshot(stage.clock.now, 500.0, {}))

    stage.step(0.45)
    stage.poll_cancellations()
    stage.step(0.05)

    assert len(stage.engine.calls) == 1
    assert leased.is_leased(stage.clock.now)


def test_clocks_that_drifted_apart_while_nothing_was_held_show_no_gap(stage: Stage) -> None:
    stage.dispatcher.update_cancellations(CancellationSnapshot(stage.clock.now, 500.0, {}))
    stage.step(86400.0)
    leased = stage.lease(0.05)

    stage.dispatcher.update_cancellations(CancellationSnapshot(stage.clock.now, 495.0, {}))
    stage.step()
    stage.step(0.05)

    assert len(stage.engine.calls) == 1
    assert leased.leased_at > stage.dispatcher.cancellations.doubted_at


def test_a_call_that_waits_for_its_name_does_not_begin_after_a_gap(stage: Stage) -> None:
    stage.lease(0.0)
    (_, _, may_begin) = stage.engine.calls[0]
    assert may_begin()

    stage.set_by = -GAP

    assert not may_begin()
