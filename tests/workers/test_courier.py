"""The courier: never early, never past its lease, never against the last word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from uuid6 import uuid7

from app.delivery.loop import Loop
from app.delivery.request import Call
from app.domain.completion import Tokens
from app.domain.manner import Manner
from app.domain.retry_policy import RetryPolicy
from app.domain.run import Reply, RunKind, RunState
from app.store.takes import Taken
from workers.courier import WITHDRAWN, Courier
from workers.held import Held, hold

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKENS = Tokens(["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])
START = 1000.0


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


class FakeEngine:
    """Keeps what it is given; the test answers."""

    def __init__(self) -> None:
        self.calls: list[tuple[Call, Callable[[Reply], None], Callable[[], bool]]] = []
        self.prepared: list[str] = []

    @property
    def in_flight(self) -> int:
        return len(self.calls)

    def post(
        self, call: Call, done: Callable[[Reply], None], *, may_begin: Callable[[], bool]
    ) -> None:
        self.calls.append((call, done, may_begin))

    def prepare(self, url: str) -> None:
        self.prepared.append(url)

    def answer(self, reply: Reply) -> None:
        _, done, _ = self.calls.pop(0)
        done(reply)


class Stage:
    """A courier whose clock and engine are the test's."""

    def __init__(self, concurrency: int = 100) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock)
        self.engine = FakeEngine()
        self.courier = Courier(
            self.loop, self.engine, tokens=TOKENS, concurrency=concurrency, jitter=lambda: 0.0
        )

    def hold(self, remaining: float, **changes: Any) -> Held:
        run = taken(remaining)._replace(**changes)
        held = hold(run, (SECRET,), asked=self.clock.now, answered=self.clock.now)
        self.courier.accept([held])
        self.step()
        return held

    def step(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        for _ in range(5):
            self.loop.step(patience=0)

    def answer_question(self, *, wanted: bool = True, remaining: float = 0.0) -> None:
        held = self.courier.questions.popleft()
        answer = {held.run.id: remaining} if wanted else {}
        self.courier.answered([held], self.clock.now, self.clock.now, answer)
        self.step()

    def settled(self) -> RunState | None:
        _, settlement = self.courier.outcomes.popleft()
        return settlement.state


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def taken(remaining: float) -> Taken:
    due_at = datetime(2026, 1, 1, tzinfo=UTC)
    return Taken(
        id=UUID(int=uuid7().int),
        token=2,
        job_id=UUID(int=uuid7().int),
        account_id=1,
        job_version=1,
        due_at=due_at,
        send_at=due_at,
        planned_at=None,
        missed=0,
        final=True,
        attempts=0,
        reclaims=0,
        remaining=remaining,
        url="http://receiver.test/cb",
        signature=None,
        content_type=None,
        data=b"x",
    )


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


def test_replies_become_settlements(stage: Stage) -> None:
    for reply, state in (
        (Reply(status=204), RunState.SUCCEEDED),
        (Reply(status=410), RunState.FAILED),
        (Reply(status=500), None),
        (Reply(error="timeout", error_detail="too slow"), None),
    ):
        stage.hold(0.0)
        stage.engine.answer(reply)
        _, settlement = stage.courier.outcomes.popleft()
        assert settlement.state is state
        assert settlement.ends_job is (reply.status == 410)
        assert settlement.attempt is not None
        assert settlement.attempt.reply is reply
        assert (settlement.retry_at is None) is (state is not None)


def test_the_last_attempt_of_the_schedule_is_final(stage: Stage) -> None:
    stage.hold(0.0, attempts=7)
    stage.engine.answer(Reply(status=500))

    assert stage.settled() is RunState.FAILED


def test_a_run_sent_again_has_its_retries_anew_and_its_attempts_go_on(stage: Stage) -> None:
    stage.hold(0.0, attempts=8, tried=8)
    stage.engine.answer(Reply(status=500))
    _, settlement = stage.courier.outcomes.popleft()
    assert settlement.state is None
    assert settlement.attempt is not None
    assert settlement.attempt.number == 9

    stage.hold(0.0, attempts=15, tried=8)
    stage.engine.answer(Reply(status=500))
    assert stage.settled() is RunState.FAILED


def test_a_run_is_called_in_the_manner_of_its_job(stage: Stage) -> None:
    manner = Manner(method="PUT", headers=(("X-Shop", "7"),), timeout=2.5)
    stage.hold(-3.0, manner=manner, missed=4)

    ((call, _, _),) = stage.engine.calls
    assert (call.method, call.timeout) == ("PUT", 2.5)
    assert {"X-Shop: 7", "Wakecall-Missed: 4", "Wakecall-Lateness-Ms: 3000"} <= set(call.headers)


def test_a_run_is_tried_again_as_its_job_says(stage: Stage) -> None:
    manner = Manner(retry=RetryPolicy(max_attempts=2, schedule=(90.0,)))
    held = stage.hold(0.0, manner=manner)
    stage.engine.answer(Reply(status=500))
    _, settlement = stage.courier.outcomes.popleft()
    assert settlement.retry_at == held.run.due_at + timedelta(seconds=90)

    stage.hold(0.0, manner=manner, attempts=1)
    stage.engine.answer(Reply(status=500))
    assert stage.settled() is RunState.FAILED


@pytest.mark.parametrize(
    ("attempts", "tried", "late", "sent"),
    [
        (0, 0, 1000.0, True),
        (1, 0, 59.0, True),
        (1, 0, 61.0, False),
        (3, 3, 1000.0, True),
        (4, 3, 61.0, False),
    ],
)
def test_beyond_its_age_a_run_is_not_tried_again_but_is_tried_once_each_time_it_is_sent(
    stage: Stage, attempts: int, tried: int, late: float, *, sent: bool
) -> None:
    manner = Manner(retry=RetryPolicy(max_age=60.0))
    stage.hold(-late, manner=manner, attempts=attempts, tried=tried)

    assert bool(stage.engine.calls) is sent
    if not sent:
        _, settlement = stage.courier.outcomes.popleft()
        assert settlement.state is RunState.FAILED
        assert settlement.attempt is None
        assert "maxAge of 60 s" in (settlement.reason or "")


def test_lateness_counts_from_the_time_the_attempt_might_have_begun(stage: Stage) -> None:
    held = stage.hold(-2.5)
    stage.engine.answer(Reply(status=204))
    _, settlement = stage.courier.outcomes.popleft()

    assert settlement.attempt is not None
    assert settlement.attempt.lateness_ms == pytest.approx(2500)
    assert settlement.attempt.started_at == held.run.due_at + timedelta(seconds=2.5)


def test_a_run_without_content_is_dead_and_one_without_secret_retried(stage: Stage) -> None:
    stage.hold(0.0, url=None)
    assert stage.settled() is RunState.DEAD

    keyless = hold(taken(0.0), (), asked=stage.clock.now, answered=stage.clock.now)
    stage.courier.accept([keyless])
    stage.step()
    _, settlement = stage.courier.outcomes.popleft()
    assert settlement.state is None
    assert settlement.attempt is not None
    assert settlement.attempt.reply.error == "signing-failed"


def test_no_more_runs_are_asked_about_than_can_be_sent_on_the_answer() -> None:
    crowded = Stage(concurrency=1)
    for _ in range(300):
        crowded.hold(0.0)
    crowded.step(0.1)

    crowded.engine.answer(Reply(status=204))
    for _ in range(10):
        crowded.step()

    assert len(crowded.courier.questions) == 200
    crowded.answer_question()
    assert len(crowded.engine.calls) == 1
    crowded.loop.close()


def test_each_call_bears_the_token_of_its_run(stage: Stage) -> None:
    for _ in range(2):
        held = stage.hold(0.0)
        call, _, _ = stage.engine.calls[-1]
        assert f"Wakecall-Completion-Token: {TOKENS.make(held.run.id)}" in call.headers


def test_a_run_whose_receiver_says_later_is_settled_as_that(stage: Stage) -> None:
    stage.hold(0.0)
    stage.engine.answer(Reply(status=202, headers=(("wakecall-complete", "Later; within=90"),)))
    _, settlement = stage.courier.outcomes.popleft()
    assert (settlement.state, settlement.retry_at, settlement.within) == (None, None, 90)
    assert settlement.attempt is not None

    stage.hold(0.0)
    stage.engine.answer(Reply(status=202))
    assert stage.settled() is RunState.SUCCEEDED


EVENT = {"kind": RunKind.EVENT, "final": False}


def test_an_event_names_its_run_and_has_nothing_to_be_said_of_it_later(stage: Stage) -> None:
    held = stage.hold(0.0, **EVENT)
    ((call, _, _),) = stage.engine.calls
    names = {line.partition(":")[0] for line in call.headers}
    assert f"Wakecall-Run: {held.run.job_id}" in call.headers
    assert not names & {"Wakecall-Job", "Wakecall-Completion-Token"}

    stage.engine.answer(Reply(status=202, headers=(("Wakecall-Complete", "later"),)))
    assert stage.settled() is RunState.SUCCEEDED


def test_an_event_that_is_gone_ends_no_job(stage: Stage) -> None:
    stage.hold(0.0, **EVENT)
    stage.engine.answer(Reply(status=410))
    _, settlement = stage.courier.outcomes.popleft()
    assert (settlement.state, settlement.ends_job) == (RunState.FAILED, False)
    assert "job" not in (settlement.reason or "")


@pytest.mark.parametrize("kind", list(RunKind))
def test_only_what_the_schedule_made_says_how_late_the_service_is(
    stage: Stage, kind: RunKind
) -> None:
    stage.hold(0.0, kind=kind)
    stage.engine.answer(Reply(status=204))
    _, settlement = stage.courier.outcomes.popleft()
    assert settlement.punctual is (kind is RunKind.SCHEDULED)


@pytest.mark.parametrize(
    ("status", "attempts", "success", "failure"),
    [(204, 0, True, False), (410, 0, False, True), (500, 7, False, True), (500, 0, False, False)],
)
def test_a_job_is_told_of_the_ends_it_asks_for(
    stage: Stage, status: int, attempts: int, *, success: bool, failure: bool
) -> None:
    for asked in ({"tells_success": True}, {"tells_failure": True}, {}):
        stage.hold(0.0, attempts=attempts, **asked)
        stage.engine.answer(Reply(status=status))
        _, settlement = stage.courier.outcomes.popleft()
        assert settlement.tells is (
            (success and "tells_success" in asked) or (failure and "tells_failure" in asked)
        )
