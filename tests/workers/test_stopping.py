"""A worker that is being stopped: runs that it does not call, or finish, are parked at once."""

from __future__ import annotations

import pytest

from app.delivery import outcome
from app.domain.circuit_breaker import BlockReason
from tests.workers.harness import OK, URL, Capped, Harness
from workers.dispatch.leased_run import LeasedRun


@pytest.fixture
def harness() -> Harness:
    return Harness()


def parked_runs(harness: Harness) -> list[tuple[LeasedRun, BlockReason]]:
    return [(leased, parking.block_reason) for leased, parking in harness.channels.parked]


def test_runs_that_wait_for_their_time_are_parked_at_once(harness: Harness) -> None:
    waiting = [harness.lease(0.2), harness.lease(0.05)]

    harness.dispatcher.stop()
    assert sorted(parked_runs(harness), key=lambda each: each[0].fire_at) == [
        (leased, BlockReason.STOPPING) for leased in reversed(waiting)
    ]
    assert {parking.park_for for _, parking in harness.channels.parked} == {0.0}
    harness.step(0.3)
    assert harness.engine.calls == []
    assert len(parked_runs(harness)) == 2


def test_a_call_that_is_under_way_goes_on_and_is_settled(harness: Harness) -> None:
    leased = harness.lease(0.0)

    harness.dispatcher.stop()
    harness.engine.answer(OK)
    harness.step()

    assert [each for each, _ in harness.channels.settlements] == [leased]
    assert parked_runs(harness) == []


def test_what_comes_while_it_stops_is_parked(harness: Harness) -> None:
    harness.dispatcher.stop()

    late = harness.lease(-1.0)
    soon = harness.lease(0.1)

    assert parked_runs(harness) == [(late, BlockReason.STOPPING), (soon, BlockReason.STOPPING)]
    assert harness.engine.calls == []


def test_a_call_that_waits_for_its_name_to_be_resolved_does_not_begin(harness: Harness) -> None:
    leased = harness.lease(0.0)
    ((_, done, may_begin),) = harness.engine.calls
    harness.dispatcher.stop()

    assert not may_begin()
    done(outcome.unanswered("withdrawn", "", dns=None, total=0.0))
    harness.step()
    assert parked_runs(harness) == [(leased, BlockReason.STOPPING)]


def test_a_call_that_is_broken_off_is_parked_and_counts_for_nothing(harness: Harness) -> None:
    leased = harness.lease(0.0)
    harness.dispatcher.stop()

    harness.engine.answer(outcome.unanswered("aborted", "The sender was stopped."))

    ((each, parking),) = harness.channels.parked
    assert (each, parking.block_reason, parking.called) == (leased, BlockReason.STOPPING, False)
    assert not harness.channels.settlements


def test_what_waits_for_its_destination_or_its_slot_is_parked_once() -> None:
    harness = Capped()
    calling = harness.lease_many(4)
    waiting = harness.lease_many(3)

    harness.dispatcher.stop()
    harness.answer_all(OK)
    harness.step(2.0)

    assert {leased for leased, _ in parked_runs(harness)} == set(waiting)
    assert len(parked_runs(harness)) == 3
    assert [leased for leased, _ in harness.channels.settlements] == calling
    assert harness.urls() == []
    assert harness.destination(URL).in_flight == 0


def test_a_run_that_waits_for_its_payload_is_parked_and_its_places_are_free() -> None:
    harness = Capped()
    leased = harness.lease(0.0, size=5000, data=None)
    harness.dispatcher.stop()
    assert parked_runs(harness) == [(leased, BlockReason.STOPPING)]

    harness.dispatcher.on_payloads([leased], harness.clock.now, {leased.run.id: b"x" * 5000})
    harness.step()

    assert harness.engine.calls == []
    assert len(parked_runs(harness)) == 1


def test_what_is_withdrawn_ends_as_cancelled(harness: Harness) -> None:
    leased = harness.lease(0.2)
    harness.poll_cancellations(leased)

    harness.dispatcher.stop()

    assert harness.settled() == "cancelled"
    assert parked_runs(harness) == []


def test_a_run_that_is_settled_while_the_loop_has_ended_keeps_no_other_from_being_parked(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled, *calling = [harness.lease(0.0) for _ in range(3)]

    def set_meanwhile(leased: LeasedRun, name: str, value: object) -> None:
        object.__setattr__(leased, name, value)
        harness.dispatcher.forget(settled)  # as the settler's thread does

    monkeypatch.setattr(LeasedRun, "__setattr__", set_meanwhile)
    harness.dispatcher.close()

    assert {leased for leased, _ in parked_runs(harness)} == set(calling)
