"""A worker that is being stopped: what it does not begin, or finish, is given back at once."""

from __future__ import annotations

import pytest

from app.delivery import outcome
from app.domain.circuit_breaker import Cause
from tests.workers.stage import OK, URL, Capped, Stage
from workers.dispatch.leased_run import Held


@pytest.fixture
def stage() -> Stage:
    return Stage()


def given_back(stage: Stage) -> list[tuple[Held, Cause]]:
    return [(held, release.cause) for held, release in stage.courier.destinations.releases]


def test_runs_that_wait_for_their_time_are_given_back_at_once(stage: Stage) -> None:
    waiting = [stage.hold(0.2), stage.hold(0.05)]

    stage.courier.stop()
    assert sorted(given_back(stage), key=lambda each: each[0].fire_at) == [
        (held, Cause.STOPPING) for held in reversed(waiting)
    ]
    assert {release.park_for for _, release in stage.courier.destinations.releases} == {0.0}
    stage.step(0.3)
    assert stage.engine.calls == []
    assert len(given_back(stage)) == 2


def test_a_call_that_is_under_way_goes_on_and_is_settled(stage: Stage) -> None:
    held = stage.hold(0.0)

    stage.courier.stop()
    stage.engine.answer(OK)
    stage.step()

    assert [each for each, _ in stage.courier.outcomes] == [held]
    assert given_back(stage) == []


def test_what_comes_while_it_stops_is_given_back(stage: Stage) -> None:
    stage.courier.stop()

    late = stage.hold(-1.0)
    soon = stage.hold(0.1)

    assert given_back(stage) == [(late, Cause.STOPPING), (soon, Cause.STOPPING)]
    assert stage.engine.calls == []


def test_a_call_that_waits_for_its_name_to_be_resolved_does_not_begin(stage: Stage) -> None:
    held = stage.hold(0.0)
    ((_, done, may_begin),) = stage.engine.calls
    stage.courier.stop()

    assert not may_begin()
    done(outcome.unanswered("withdrawn", "", dns=None, total=0.0))
    stage.step()
    assert given_back(stage) == [(held, Cause.STOPPING)]


def test_a_call_that_is_broken_off_is_given_back_and_counts_for_nothing(stage: Stage) -> None:
    held = stage.hold(0.0)
    stage.courier.stop()

    stage.engine.answer(outcome.unanswered("aborted", "The sender was stopped."))

    ((each, release),) = stage.courier.destinations.releases
    assert (each, release.cause, release.called) == (held, Cause.STOPPING, False)
    assert not stage.courier.outcomes


def test_what_waits_for_its_destination_or_its_slot_is_given_back_once() -> None:
    stage = Capped()
    calling = stage.hold_many(4)
    waiting = stage.hold_many(3)

    stage.courier.stop()
    stage.answer_all(OK)
    stage.step(2.0)

    assert {held for held, _ in given_back(stage)} == set(waiting)
    assert len(given_back(stage)) == 3
    assert [held for held, _ in stage.courier.outcomes] == calling
    assert stage.urls() == []
    assert stage.place(URL).in_flight == 0


def test_a_run_that_waits_for_its_payload_is_given_back_and_its_places_are_free() -> None:
    stage = Capped()
    held = stage.hold(0.0, size=5000, data=None)
    stage.courier.stop()
    assert given_back(stage) == [(held, Cause.STOPPING)]

    stage.courier.loaded([held], stage.clock.now, {held.run.id: b"x" * 5000})
    stage.step()

    assert stage.engine.calls == []
    assert len(given_back(stage)) == 1


def test_what_is_withdrawn_ends_as_cancelled(stage: Stage) -> None:
    held = stage.hold(0.2)
    stage.poll_cancellations(held)

    stage.courier.stop()

    assert stage.settled() == "cancelled"
    assert given_back(stage) == []
