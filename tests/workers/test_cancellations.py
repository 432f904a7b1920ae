"""A machine that was suspended: if one of its clocks stopped, another one shows it in time."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from app.store.connection import ReconnectingConnection
from app.store.settling import settle
from tests.factories import connect
from tests.store.test_settling import settlement_of
from tests.workers.harness import Harness
from tests.workers.test_lease_watch import one_leased
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import LeasedRun

GAP = 30.0


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def lease_watch(database: str, harness: Harness) -> Iterator[LeaseWatch]:
    made = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"), harness.dispatcher, clock=harness.clock
    )
    yield made
    made.close()


def accepted(connection: psycopg.Connection, harness: Harness) -> LeasedRun:
    leased = one_leased(connection, harness, due_in=0.2)
    harness.dispatcher.accept([leased])
    harness.step()
    return leased


def kept(harness: Harness, lease_watch: LeaseWatch) -> None:
    """A turn of the lease_watch, a moment later."""
    harness.step(0.26)
    lease_watch.run_once()
    harness.step()


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_gap_that_the_machine_s_clock_shows(
    connection: psycopg.Connection, harness: Harness, lease_watch: LeaseWatch, *, is_ours: bool
) -> None:
    leased = accepted(connection, harness)
    harness.set_by = GAP
    if not is_ours:
        # Deleted, and reclaimed and settled by others meanwhile.
        settle(connection, [settlement_of(leased.run)])

    harness.step(leased.run.remaining)
    assert harness.engine.calls == [], "its lease is from before the gap"
    kept(harness, lease_watch)
    kept(harness, lease_watch)

    assert len(harness.engine.calls) == (1 if is_ours else 0)
    assert (leased in harness.dispatcher.leased_runs) == is_ours


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_gap_that_only_the_database_s_clock_shows(
    connection: psycopg.Connection, harness: Harness, lease_watch: LeaseWatch, *, is_ours: bool
) -> None:
    leased = accepted(connection, harness)
    harness.dispatcher.update_cancellations(CancellationSnapshot(harness.clock.now, 500.0, {}))
    harness.dispatcher.update_cancellations(
        CancellationSnapshot(harness.clock.now, 500.0 - GAP, {})
    )
    harness.step()
    if not is_ours:
        settle(connection, [settlement_of(leased.run)])

    harness.step(leased.run.remaining)
    assert harness.engine.calls == [], "its lease is from before the gap"
    kept(harness, lease_watch)
    kept(harness, lease_watch)

    assert len(harness.engine.calls) == (1 if is_ours else 0)


def test_a_slow_answer_is_no_gap(harness: Harness) -> None:
    leased = harness.lease(0.5)
    harness.dispatcher.update_cancellations(
        CancellationSnapshot(harness.clock.now, 510.0, {}, took=10.0)
    )
    harness.dispatcher.update_cancellations(CancellationSnapshot(harness.clock.now, 500.0, {}))

    harness.step(0.45)
    harness.poll_cancellations()
    harness.step(0.05)

    assert len(harness.engine.calls) == 1
    assert leased.is_leased(harness.clock.now)


def test_clocks_that_drifted_apart_while_nothing_was_held_show_no_gap(harness: Harness) -> None:
    harness.dispatcher.update_cancellations(CancellationSnapshot(harness.clock.now, 500.0, {}))
    harness.step(86400.0)
    leased = harness.lease(0.05)

    harness.dispatcher.update_cancellations(CancellationSnapshot(harness.clock.now, 495.0, {}))
    harness.step()
    harness.step(0.05)

    assert len(harness.engine.calls) == 1
    assert leased.leased_at > harness.dispatcher.cancellations.doubted_at


def test_a_call_that_waits_for_its_name_does_not_begin_after_a_gap(harness: Harness) -> None:
    harness.lease(0.0)
    (_, _, may_begin) = harness.engine.calls[0]
    assert may_begin()

    harness.set_by = -GAP

    assert not may_begin()
