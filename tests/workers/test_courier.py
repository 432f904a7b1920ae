"""The courier: never early, never past its lease, never against the last word."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.domain.run import Reply, RunState
from tests.workers.stage import Stage
from workers.calls import WITHDRAWN


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def test_a_call_begins_at_its_time_and_not_before(stage: Stage) -> None:
    stage.hold(0.05)

    stage.step(0.0499)
    assert stage.engine.calls == []
    stage.step(0.0001)
    assert len(stage.engine.calls) == 1


def test_a_run_further_ahead_is_asked_about_before_it_is_sent(stage: Stage) -> None:
    stage.hold(0.3)
    assert stage.engine.prepared == ["http://receiver.test/cb"]

    stage.step(0.239)
    assert not stage.courier.questions
    stage.step(0.002)
    assert len(stage.courier.questions) == 1
    stage.step(0.1)
    assert stage.engine.calls == []
    stage.answer_question()
    assert len(stage.engine.calls) == 1


def test_without_an_answer_a_run_waits(stage: Stage) -> None:
    stage.hold(0.3)

    stage.step(2.0)

    assert stage.engine.calls == []
    assert len(stage.courier.questions) == 1


def test_a_word_that_grew_stale_is_asked_for_again(stage: Stage) -> None:
    stage.hold(0.05)

    stage.step(0.09)
    assert stage.engine.calls == []
    stage.answer_question()

    assert len(stage.engine.calls) == 1


def test_the_closer_of_two_remaining_times_is_kept(stage: Stage) -> None:
    stage.hold(0.3)
    stage.step(0.25)

    stage.answer_question(remaining=0.02)
    stage.step(0.021)

    assert len(stage.engine.calls) == 1


def test_a_cancelled_run_is_not_sent_but_settled_as_cancelled(stage: Stage) -> None:
    stage.hold(0.3)
    stage.step(0.25)

    stage.answer_question(wanted=False)
    stage.step(0.1)

    assert stage.engine.calls == []
    assert stage.settled() is RunState.CANCELLED


def test_a_worker_that_slept_past_its_lease_begins_no_call(stage: Stage) -> None:
    held = stage.hold(0.05)

    stage.step(6.0)

    assert stage.engine.calls == []
    assert held not in stage.courier.held
    assert not stage.courier.questions


def test_an_extended_lease_carries_the_call(stage: Stage) -> None:
    held = stage.hold(0.05)
    held.extended(stage.clock.now + 3.0)

    stage.step(6.0)
    stage.answer_question()

    assert len(stage.engine.calls) == 1


def test_a_slow_look_up_is_followed_by_the_same_questions(stage: Stage) -> None:
    stage.hold(0.0)
    _, _, may_begin = stage.engine.calls[0]
    assert may_begin() is True

    stage.clock.now += 0.09
    assert may_begin() is False
    stage.engine.answer(Reply(error=WITHDRAWN, error_detail="the word was stale"))
    stage.step()
    assert not stage.courier.outcomes
    stage.answer_question()

    assert len(stage.engine.calls) == 1


def test_what_is_punctual_goes_before_what_is_overdue(stage: Stage) -> None:
    crowded = Stage(concurrency=1)
    crowded.hold(0.0)
    crowded.hold(-60.0, url="http://overdue.test/")
    crowded.hold(0.0, url="http://punctual.test/")

    crowded.engine.answer(Reply(status=204))
    crowded.step()

    assert [call.url for call, _, _ in crowded.engine.calls] == ["http://punctual.test/"]
    crowded.loop.close()


@pytest.mark.parametrize("late", [0.0, -60.0])
def test_receivers_that_never_answer_leave_slots_to_other_accounts(late: float) -> None:
    crowded = Stage(concurrency=20)
    for number in range(40):
        crowded.hold(late, account_id=1, url=f"http://silent-{number}.test/")
    assert len(crowded.engine.calls) < 20

    crowded.hold(0.0, account_id=2, url="http://neighbour.test/")

    assert crowded.engine.calls[-1][0].url == "http://neighbour.test/"
    crowded.loop.close()


def test_a_slot_that_is_free_again_goes_to_the_account_that_waits_for_it() -> None:
    crowded = Stage(concurrency=20)
    for number in range(40):
        crowded.hold(-60.0, url=f"http://slow-{number}.test/")
    begun = len(crowded.engine.calls)

    for _ in range(40):
        crowded.engine.answer(Reply(status=204))
        crowded.step()
        assert len(crowded.engine.calls) == min(begun, 40 - len(crowded.courier.outcomes))

    assert len(crowded.courier.outcomes) == 40
    crowded.loop.close()


def test_a_worker_with_enough_late_runs_wants_no_more_overdue_ones(stage: Stage) -> None:
    crowded = Stage(concurrency=1)
    crowded.hold(0.0)
    assert crowded.courier.saturated is True
    assert stage.courier.saturated is False
    crowded.loop.close()
