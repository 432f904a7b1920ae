"""The dispatcher: never early, never past its lease, never after a cancellation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.run import Reply, RunState
from tests.workers.stage import SECRET, Stage, taken
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.leased_run import lease


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def test_a_call_begins_at_its_time_and_not_before(stage: Stage) -> None:
    stage.lease(0.05)

    stage.step(0.0499)
    assert stage.engine.calls == []
    stage.step(0.0001)
    assert len(stage.engine.calls) == 1


def test_the_host_of_a_run_further_ahead_is_looked_up_meanwhile(stage: Stage) -> None:
    stage.lease(0.05)
    assert stage.engine.prepared == []
    stage.lease(0.3)
    assert stage.engine.prepared == ["http://receiver.test/cb"]


def test_without_a_word_a_run_waits(stage: Stage) -> None:
    stage.lease(0.3)

    stage.step(2.0)
    assert stage.engine.calls == []
    stage.poll_cancellations()

    assert len(stage.engine.calls) == 1


def test_a_take_is_a_word_on_its_runs_for_a_moment(stage: Stage) -> None:
    stage.lease(0.05)
    stage.step(0.09)
    assert stage.engine.calls == []

    stage.lease(0.0)
    assert stage.engine.calls == []  # behind the other, which a word has to let go first
    stage.poll_cancellations()

    assert len(stage.engine.calls) == 2


def test_a_word_grows_stale(stage: Stage) -> None:
    stage.lease(0.3)
    stage.step(0.21)
    stage.poll_cancellations()

    stage.step(0.0899)
    assert stage.engine.calls == []
    stage.step(0.0002)
    assert stage.engine.calls == []
    stage.poll_cancellations()

    assert len(stage.engine.calls) == 1


@pytest.mark.parametrize("order", ["poll, take", "take, poll"])
def test_what_a_word_tells_of_the_clock_brings_a_time_closer(stage: Stage, order: str) -> None:
    epoch = taken(0.0).due_at.timestamp()
    closer = stage.clock.now + 0.28 - epoch
    for step in order.split(", "):
        if step == "poll":
            stage.poll_cancellations(offset=closer)
        else:
            leased = stage.lease(0.3, took=0.05)
    stage.step(0.245)  # the last moments in which it can be set
    stage.poll_cancellations()
    stage.step(0.0349)
    assert stage.engine.calls == []
    stage.step(0.0002)

    assert len(stage.engine.calls) == 1
    assert leased.lateness(stage.clock.now) < 0.001


@pytest.mark.parametrize("order", ["poll, take", "take, poll"])
def test_no_call_is_early_by_what_was_known_before_the_database_s_clock_was_set(
    stage: Stage, order: str
) -> None:
    epoch = taken(0.0).due_at.timestamp()
    another_clock = stage.clock.now + 0.3 - 3600.0 - epoch
    for step in order.split(", "):
        if step == "poll":
            stage.poll_cancellations(offset=another_clock)
        else:
            stage.lease(0.3, took=0.05)
    stage.step(0.245)
    stage.poll_cancellations()
    stage.step(0.05)
    assert stage.engine.calls == []
    stage.step(0.006)

    assert len(stage.engine.calls) == 1


def test_a_withdrawn_run_is_not_sent_but_settled_as_cancelled(stage: Stage) -> None:
    leased = stage.lease(0.3)
    stage.step(0.25)

    stage.poll_cancellations(leased)
    stage.step(0.05)

    assert stage.engine.calls == []
    assert stage.settled() is RunState.CANCELLED


def test_a_word_that_came_before_the_take_was_told_of_counts(stage: Stage) -> None:
    run = taken(0.05)
    leased = lease(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)
    stage.poll_cancellations(leased)

    stage.dispatcher.accept([leased])
    stage.step(0.05)

    assert stage.engine.calls == []
    assert stage.settled() is RunState.CANCELLED


def test_a_call_under_way_goes_on_when_its_run_is_withdrawn(stage: Stage) -> None:
    leased = stage.lease(0.0)
    for _ in range(2):
        stage.poll_cancellations(leased)
    stage.engine.answer(Reply(status=204))

    assert stage.settled() is RunState.SUCCEEDED
    assert not stage.channels.settlements


def test_a_worker_that_slept_past_its_lease_begins_no_call(stage: Stage) -> None:
    leased = stage.lease(0.05)

    stage.step(6.0)

    assert stage.engine.calls == []
    assert leased not in stage.dispatcher.leased_runs


def test_an_extended_lease_carries_the_call(stage: Stage) -> None:
    leased = stage.lease(0.05)
    leased.extend(stage.clock.now + 3.0)

    stage.step(6.0)
    stage.poll_cancellations()

    assert len(stage.engine.calls) == 1


def test_a_slow_look_up_is_followed_by_the_same_judgement(stage: Stage) -> None:
    leased = stage.lease(0.0)
    _, _, may_begin = stage.engine.calls[0]
    assert may_begin() is True

    stage.clock.now += 0.09
    assert may_begin() is False
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    stage.step()
    assert not stage.channels.settlements
    stage.poll_cancellations()

    assert len(stage.engine.calls) == 1
    _, _, may_begin = stage.engine.calls[0]
    assert may_begin() is True
    leased.withdrawn = True
    assert may_begin() is False


def test_a_call_goes_on_to_another_address_by_the_same_judgement_and_began_before(
    stage: Stage,
) -> None:
    leased = stage.lease(0.0)
    began = leased.begun_at
    (may_go_on,) = stage.engine.may_go_on
    stage.step(0.05)
    assert may_go_on() is True
    assert leased.begun_at == began

    stage.poll_cancellations(leased)
    assert may_go_on() is False
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="it was deleted"))
    stage.step()
    assert stage.settled() is RunState.CANCELLED


def test_what_is_punctual_goes_before_what_is_overdue(stage: Stage) -> None:
    crowded = Stage(concurrency=1)
    crowded.lease(0.0)
    crowded.lease(-60.0, url="http://overdue.test/")
    crowded.lease(0.0, url="http://punctual.test/")

    crowded.engine.answer(Reply(status=204))
    crowded.step()

    assert [call.url for call, _, _ in crowded.engine.calls] == ["http://punctual.test/"]
    crowded.loop.close()


@pytest.mark.parametrize("late", [0.0, -60.0])
def test_receivers_that_never_answer_leave_slots_to_other_accounts(late: float) -> None:
    crowded = Stage(concurrency=20)
    for number in range(40):
        crowded.lease(late, account_id=1, url=f"http://silent-{number}.test/")
    assert len(crowded.engine.calls) < 20

    crowded.lease(0.0, account_id=2, url="http://neighbour.test/")

    assert crowded.engine.calls[-1][0].url == "http://neighbour.test/"
    crowded.loop.close()


def test_a_slot_that_is_free_again_goes_to_the_account_that_waits_for_it() -> None:
    crowded = Stage(concurrency=20)
    for number in range(40):
        crowded.lease(-60.0, url=f"http://slow-{number}.test/")
    begun = len(crowded.engine.calls)

    for _ in range(40):
        crowded.engine.answer(Reply(status=204))
        crowded.step()
        assert len(crowded.engine.calls) == min(begun, 40 - len(crowded.channels.settlements))

    assert len(crowded.channels.settlements) == 40
    crowded.loop.close()


def test_a_worker_with_enough_late_runs_wants_no_more_overdue_ones(stage: Stage) -> None:
    crowded = Stage(concurrency=1)
    crowded.lease(0.0)
    assert crowded.dispatcher.saturated is True
    assert stage.dispatcher.saturated is False
    crowded.loop.close()
