"""A worker that holds runs of an account which is suspended begins none of their calls."""

from __future__ import annotations

import pytest

from app.delivery import outcome
from app.domain.circuit_breaker import BlockReason
from tests.workers.stage import OK, Capped, Stage
from workers.dispatch.leased_run import LeasedRun

ONE = frozenset({1})


@pytest.fixture
def stage() -> Stage:
    return Stage()


def set_aside(stage: Stage) -> list[tuple[LeasedRun, BlockReason]]:
    parkings = stage.channels.parked
    found = [(leased, parking.block_reason) for leased, parking in parkings]
    stage.report_parked([leased for leased, _ in found], {leased.run.id for leased, _ in found})
    parkings.clear()
    stage.step()
    return found


def test_a_run_that_waits_for_its_time_is_set_aside_then(stage: Stage) -> None:
    leased, other = stage.lease(0.05), stage.lease(0.05, account_id=2)
    stage.poll_cancellations(suspended=ONE)
    stage.step(0.06)
    stage.poll_cancellations(suspended=ONE)

    assert len(stage.engine.calls) == 1
    assert set_aside(stage) == [(leased, BlockReason.SUSPENDED)]
    assert stage.dispatcher.leased_runs == {other}
    assert not stage.channels.settlements


def test_a_call_that_waits_for_its_name_to_be_resolved_does_not_begin(stage: Stage) -> None:
    leased = stage.lease(0.0)
    ((_, done, may_begin),) = stage.engine.calls
    stage.poll_cancellations(suspended=ONE)

    assert not may_begin()
    done(outcome.unanswered("withdrawn", "", dns=None, total=0.0))
    stage.step()
    assert set_aside(stage) == [(leased, BlockReason.SUSPENDED)]


def test_a_call_that_is_under_way_is_settled(stage: Stage) -> None:
    leased = stage.lease(0.0)
    stage.poll_cancellations(suspended=ONE)
    stage.engine.answer(OK)

    assert [each for each, _ in stage.channels.settlements] == [leased]
    assert set_aside(stage) == []


def test_a_run_that_waits_for_its_destination_is_set_aside_at_its_turn() -> None:
    stage = Capped()
    stage.lease_many(4)
    (waiting,) = stage.lease_many(1)
    destination = stage.destination()
    stage.poll_cancellations(suspended=ONE)
    stage.engine.answer(OK)
    stage.step()

    assert set_aside(stage) == [(waiting, BlockReason.SUSPENDED)]
    assert len(stage.engine.calls) == 3
    stage.answer_all(OK)
    assert destination.parking == 0
    # Its places are free: as many calls as before may be under way once it is resumed.
    stage.poll_cancellations()
    stage.lease_many(5)
    assert len(stage.engine.calls) == 4


def test_it_goes_on_with_the_first_word_that_says_so(stage: Stage) -> None:
    stage.poll_cancellations(suspended=ONE)
    stage.poll_cancellations()
    stage.lease(0.0)

    assert len(stage.engine.calls) == 1
