"""A worker that is being stopped: what it does not begin, or finish, is given back at once."""

from __future__ import annotations

import pytest

from app.delivery import outcome
from app.domain.circuit_breaker import BlockReason
from tests.workers.stage import OK, URL, Capped, Stage
from workers.dispatch.leased_run import LeasedRun


@pytest.fixture
def stage() -> Stage:
    return Stage()


def parked_runs(stage: Stage) -> list[tuple[LeasedRun, BlockReason]]:
    return [(leased, parking.block_reason) for leased, parking in stage.channels.parked]


def test_runs_that_wait_for_their_time_are_parked_at_once(stage: Stage) -> None:
    waiting = [stage.lease(0.2), stage.lease(0.05)]

    stage.dispatcher.stop()
    assert sorted(parked_runs(stage), key=lambda each: each[0].fire_at) == [
        (leased, BlockReason.STOPPING) for leased in reversed(waiting)
    ]
    assert {parking.park_for for _, parking in stage.channels.parked} == {0.0}
    stage.step(0.3)
    assert stage.engine.calls == []
    assert len(parked_runs(stage)) == 2


def test_a_call_that_is_under_way_goes_on_and_is_settled(stage: Stage) -> None:
    leased = stage.lease(0.0)

    stage.dispatcher.stop()
    stage.engine.answer(OK)
    stage.step()

    assert [each for each, _ in stage.channels.settlements] == [leased]
    assert parked_runs(stage) == []


def test_what_comes_while_it_stops_is_parked(stage: Stage) -> None:
    stage.dispatcher.stop()

    late = stage.lease(-1.0)
    soon = stage.lease(0.1)

    assert parked_runs(stage) == [(late, BlockReason.STOPPING), (soon, BlockReason.STOPPING)]
    assert stage.engine.calls == []


def test_a_call_that_waits_for_its_name_to_be_resolved_does_not_begin(stage: Stage) -> None:
    leased = stage.lease(0.0)
    ((_, done, may_begin),) = stage.engine.calls
    stage.dispatcher.stop()

    assert not may_begin()
    done(outcome.unanswered("withdrawn", "", dns=None, total=0.0))
    stage.step()
    assert parked_runs(stage) == [(leased, BlockReason.STOPPING)]


def test_a_call_that_is_broken_off_is_parked_and_counts_for_nothing(stage: Stage) -> None:
    leased = stage.lease(0.0)
    stage.dispatcher.stop()

    stage.engine.answer(outcome.unanswered("aborted", "The sender was stopped."))

    ((each, parking),) = stage.channels.parked
    assert (each, parking.block_reason, parking.called) == (leased, BlockReason.STOPPING, False)
    assert not stage.channels.settlements


def test_what_waits_for_its_destination_or_its_slot_is_parked_once() -> None:
    stage = Capped()
    calling = stage.lease_many(4)
    waiting = stage.lease_many(3)

    stage.dispatcher.stop()
    stage.answer_all(OK)
    stage.step(2.0)

    assert {leased for leased, _ in parked_runs(stage)} == set(waiting)
    assert len(parked_runs(stage)) == 3
    assert [leased for leased, _ in stage.channels.settlements] == calling
    assert stage.urls() == []
    assert stage.destination(URL).in_flight == 0


def test_a_run_that_waits_for_its_payload_is_parked_and_its_places_are_free() -> None:
    stage = Capped()
    leased = stage.lease(0.0, size=5000, data=None)
    stage.dispatcher.stop()
    assert parked_runs(stage) == [(leased, BlockReason.STOPPING)]

    stage.dispatcher.on_payloads([leased], stage.clock.now, {leased.run.id: b"x" * 5000})
    stage.step()

    assert stage.engine.calls == []
    assert len(parked_runs(stage)) == 1


def test_what_is_withdrawn_ends_as_cancelled(stage: Stage) -> None:
    leased = stage.lease(0.2)
    stage.poll_cancellations(leased)

    stage.dispatcher.stop()

    assert stage.settled() == "cancelled"
    assert parked_runs(stage) == []
