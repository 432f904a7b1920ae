"""The dispatcher: never early, never past its lease, never after a cancellation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.run import Reply, RunState
from tests.workers.harness import SECRET, Harness, taken
from workers.dispatch.calls import WITHDRAWN
from workers.dispatch.leased_run import lease


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def test_a_call_begins_at_its_time_and_not_before(harness: Harness) -> None:
    harness.lease(0.05)

    harness.step(0.0499)
    assert harness.engine.calls == []
    harness.step(0.0001)
    assert len(harness.engine.calls) == 1


def test_the_host_of_a_run_further_ahead_is_looked_up_meanwhile(harness: Harness) -> None:
    harness.lease(0.05)
    assert harness.engine.prepared == []
    harness.lease(0.3)
    assert harness.engine.prepared == ["http://receiver.test/cb"]


def test_a_run_waits_for_a_poll_for_cancellations(harness: Harness) -> None:
    harness.lease(0.3)

    harness.step(2.0)
    assert harness.engine.calls == []
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 1


def test_a_take_counts_as_a_poll_for_its_runs_for_a_moment(harness: Harness) -> None:
    harness.lease(0.05)
    harness.step(0.09)
    assert harness.engine.calls == []

    harness.lease(0.0)
    assert harness.engine.calls == []  # behind the other, which a word has to let go first
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 2


def test_a_poll_for_cancellations_expires(harness: Harness) -> None:
    harness.lease(0.3)
    harness.step(0.21)
    harness.poll_cancellations()

    harness.step(0.0899)
    assert harness.engine.calls == []
    harness.step(0.0002)
    assert harness.engine.calls == []
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 1


@pytest.mark.parametrize("order", ["poll, take", "take, poll"])
def test_a_poll_with_a_better_offset_of_the_clock_moves_the_timer(
    harness: Harness, order: str
) -> None:
    epoch = taken(0.0).due_at.timestamp()
    closer = harness.clock.now + 0.28 - epoch
    for step in order.split(", "):
        if step == "poll":
            harness.poll_cancellations(offset=closer)
        else:
            leased = harness.lease(0.3, took=0.05)
    harness.step(0.245)  # the last moments in which it can be set
    harness.poll_cancellations()
    harness.step(0.0349)
    assert harness.engine.calls == []
    harness.step(0.0002)

    assert len(harness.engine.calls) == 1
    assert leased.lateness(harness.clock.now) < 0.001


@pytest.mark.parametrize("order", ["poll, take", "take, poll"])
def test_no_call_is_early_by_what_was_known_before_the_database_s_clock_was_set(
    harness: Harness, order: str
) -> None:
    epoch = taken(0.0).due_at.timestamp()
    another_clock = harness.clock.now + 0.3 - 3600.0 - epoch
    for step in order.split(", "):
        if step == "poll":
            harness.poll_cancellations(offset=another_clock)
        else:
            harness.lease(0.3, took=0.05)
    harness.step(0.245)
    harness.poll_cancellations()
    harness.step(0.05)
    assert harness.engine.calls == []
    harness.step(0.006)

    assert len(harness.engine.calls) == 1


def test_a_withdrawn_run_is_not_sent_but_settled_as_cancelled(harness: Harness) -> None:
    leased = harness.lease(0.3)
    harness.step(0.25)

    harness.poll_cancellations(leased)
    harness.step(0.05)

    assert harness.engine.calls == []
    assert harness.settled() is RunState.CANCELLED


def test_a_poll_before_the_take_was_reported_counts(harness: Harness) -> None:
    run = taken(0.05)
    leased = lease(run, (SECRET,), sent_at=harness.clock.now, answered=harness.clock.now)
    harness.poll_cancellations(leased)

    harness.dispatcher.accept([leased])
    harness.step(0.05)

    assert harness.engine.calls == []
    assert harness.settled() is RunState.CANCELLED


def test_a_call_under_way_goes_on_when_its_run_is_withdrawn(harness: Harness) -> None:
    leased = harness.lease(0.0)
    for _ in range(2):
        harness.poll_cancellations(leased)
    harness.engine.answer(Reply(status=204))

    assert harness.settled() is RunState.SUCCEEDED
    assert not harness.channels.settlements


def test_a_worker_that_slept_past_its_lease_begins_no_call(harness: Harness) -> None:
    leased = harness.lease(0.05)

    harness.step(6.0)

    assert harness.engine.calls == []
    assert leased not in harness.dispatcher.leased_runs


def test_an_extended_lease_carries_the_call(harness: Harness) -> None:
    leased = harness.lease(0.05)
    leased.extend(harness.clock.now + 3.0)

    harness.step(6.0)
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 1


def test_a_slow_look_up_is_followed_by_the_same_judgement(harness: Harness) -> None:
    leased = harness.lease(0.0)
    _, _, may_begin = harness.engine.calls[0]
    assert may_begin() is True

    harness.clock.now += 0.09
    assert may_begin() is False
    harness.engine.answer(Reply(error=WITHDRAWN, error_detail="the cancellations were stale"))
    harness.step()
    assert not harness.channels.settlements
    harness.poll_cancellations()

    assert len(harness.engine.calls) == 1
    _, _, may_begin = harness.engine.calls[0]
    assert may_begin() is True
    leased.withdrawn = True
    assert may_begin() is False


def test_a_call_goes_on_to_another_address_by_the_same_judgement_and_began_before(
    harness: Harness,
) -> None:
    leased = harness.lease(0.0)
    began = leased.begun_at
    (may_go_on,) = harness.engine.may_go_on
    harness.step(0.05)
    assert may_go_on() is True
    assert leased.begun_at == began

    harness.poll_cancellations(leased)
    assert may_go_on() is False
    harness.engine.answer(Reply(error=WITHDRAWN, error_detail="it was deleted"))
    harness.step()
    assert harness.settled() is RunState.CANCELLED


def test_runs_that_are_on_time_go_before_overdue_ones(harness: Harness) -> None:
    crowded = Harness(concurrency=1)
    crowded.lease(0.0)
    crowded.lease(-60.0, url="http://overdue.test/")
    crowded.lease(0.0, url="http://punctual.test/")

    crowded.engine.answer(Reply(status=204))
    crowded.step()

    assert [call.url for call, _, _ in crowded.engine.calls] == ["http://punctual.test/"]
    crowded.loop.close()


@pytest.mark.parametrize("late", [0.0, -60.0])
def test_receivers_that_never_answer_leave_slots_to_other_accounts(late: float) -> None:
    crowded = Harness(concurrency=20)
    for number in range(40):
        crowded.lease(late, account_id=1, url=f"http://silent-{number}.test/")
    assert len(crowded.engine.calls) < 20

    crowded.lease(0.0, account_id=2, url="http://neighbour.test/")

    assert crowded.engine.calls[-1][0].url == "http://neighbour.test/"
    crowded.loop.close()


def test_a_slot_that_is_free_again_goes_to_the_account_that_waits_for_it() -> None:
    crowded = Harness(concurrency=20)
    for number in range(40):
        crowded.lease(-60.0, url=f"http://slow-{number}.test/")
    begun = len(crowded.engine.calls)

    for _ in range(40):
        crowded.engine.answer(Reply(status=204))
        crowded.step()
        assert len(crowded.engine.calls) == min(begun, 40 - len(crowded.channels.settlements))

    assert len(crowded.channels.settlements) == 40
    crowded.loop.close()


def test_a_worker_with_enough_late_runs_wants_no_more_overdue_ones(harness: Harness) -> None:
    crowded = Harness(concurrency=1)
    crowded.lease(0.0)
    assert crowded.dispatcher.saturated is True
    assert harness.dispatcher.saturated is False
    crowded.loop.close()
