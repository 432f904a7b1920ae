"""A worker that holds runs of an account which is suspended begins none of their calls."""

from __future__ import annotations

import pytest

from app.delivery import outcome
from app.domain.circuit_breaker import BlockReason
from tests.workers.harness import OK, Capped, Harness
from workers.dispatch.leased_run import LeasedRun

ONE = frozenset({1})


@pytest.fixture
def harness() -> Harness:
    return Harness()


def suspended_runs(harness: Harness) -> list[tuple[LeasedRun, BlockReason]]:
    parkings = harness.channels.parked
    found = [(leased, parking.block_reason) for leased, parking in parkings]
    harness.report_parked([leased for leased, _ in found], {leased.run.id for leased, _ in found})
    parkings.clear()
    harness.step()
    return found


def test_a_run_that_waits_for_its_time_is_set_aside_then(harness: Harness) -> None:
    leased, other = harness.lease(0.05), harness.lease(0.05, account_id=2)
    harness.poll_cancellations(suspended=ONE)
    harness.step(0.06)
    harness.poll_cancellations(suspended=ONE)

    assert len(harness.engine.calls) == 1
    assert suspended_runs(harness) == [(leased, BlockReason.SUSPENDED)]
    assert harness.dispatcher.leased_runs == {other}
    assert not harness.channels.settlements


def test_a_call_that_waits_for_its_name_to_be_resolved_does_not_begin(harness: Harness) -> None:
    leased = harness.lease(0.0)
    ((_, done, may_begin),) = harness.engine.calls
    harness.poll_cancellations(suspended=ONE)

    assert not may_begin()
    done(outcome.unanswered("withdrawn", "", dns=None, total=0.0))
    harness.step()
    assert suspended_runs(harness) == [(leased, BlockReason.SUSPENDED)]


def test_a_call_that_is_under_way_is_settled(harness: Harness) -> None:
    leased = harness.lease(0.0)
    harness.poll_cancellations(suspended=ONE)
    harness.engine.answer(OK)

    assert [each for each, _ in harness.channels.settlements] == [leased]
    assert suspended_runs(harness) == []


def test_a_run_that_waits_for_its_destination_is_set_aside_at_its_turn() -> None:
    harness = Capped()
    harness.lease_many(4)
    (waiting,) = harness.lease_many(1)
    destination = harness.destination()
    harness.poll_cancellations(suspended=ONE)
    harness.engine.answer(OK)
    harness.step()

    assert suspended_runs(harness) == [(waiting, BlockReason.SUSPENDED)]
    assert len(harness.engine.calls) == 3
    harness.answer_all(OK)
    assert destination.parking == 0
    # Its places are free: as many calls as before may be under way once it is resumed.
    harness.poll_cancellations()
    harness.lease_many(5)
    assert len(harness.engine.calls) == 4


def test_a_resumed_account_is_called_after_the_first_poll_that_says_so(harness: Harness) -> None:
    harness.poll_cancellations(suspended=ONE)
    harness.poll_cancellations()
    harness.lease(0.0)

    assert len(harness.engine.calls) == 1
