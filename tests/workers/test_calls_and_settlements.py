"""What the dispatcher sends for a run, and the settlement that each reply leads to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.delivery.request import Call
from app.domain.call_options import CallOptions
from app.domain.circuit_breaker import BlockReason
from app.domain.retry_policy import RetryPolicy
from app.domain.run import Reply, RunKind, RunState
from tests.workers.harness import TOKENS, Harness, taken
from workers.dispatch.leased_run import lease


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def test_replies_become_settlements(harness: Harness) -> None:
    for reply, state in (
        (Reply(status=204), RunState.SUCCEEDED),
        (Reply(status=410), RunState.FAILED),
        (Reply(status=500), None),
        (Reply(error="timeout", error_detail="too slow"), None),
    ):
        harness.lease(0.0)
        harness.engine.answer(reply)
        _, settlement = harness.channels.settlements.popleft()
        assert settlement.state is state
        assert settlement.gone is (reply.status == 410)
        assert settlement.attempt is not None
        assert settlement.attempt.reply is reply
        assert (settlement.retry_at is None) is (state is not None)


def test_the_last_attempt_of_the_schedule_is_final(harness: Harness) -> None:
    harness.lease(0.0, attempts=7)
    harness.engine.answer(Reply(status=500))

    assert harness.settled() is RunState.FAILED


def test_a_run_sent_again_has_all_its_retries_and_its_attempts_go_on(harness: Harness) -> None:
    harness.lease(0.0, attempts=8, attempts_before_redelivery=8)
    harness.engine.answer(Reply(status=500))
    _, settlement = harness.channels.settlements.popleft()
    assert settlement.state is None
    assert settlement.attempt is not None
    assert settlement.attempt.number == 9

    harness.lease(0.0, attempts=15, attempts_before_redelivery=8)
    harness.engine.answer(Reply(status=500))
    assert harness.settled() is RunState.FAILED


def test_a_run_is_called_with_the_options_of_its_job(harness: Harness) -> None:
    call_options = CallOptions(method="PUT", headers=(("X-Shop", "7"),), timeout=2.5)
    harness.lease(-3.0, call_options=call_options, missed=4)

    ((call, _, _),) = harness.engine.calls
    assert (call.method, call.timeout) == ("PUT", 2.5)
    assert {"Wakecall-Missed: 4", "Wakecall-Lateness-Ms: 3000"} <= set(call.headers)
    assert call.own == ("X-Shop: 7",)


def test_a_run_is_tried_again_as_its_job_says(harness: Harness) -> None:
    call_options = CallOptions(retry=RetryPolicy(max_attempts=2, schedule=(90.0,)))
    leased = harness.lease(0.0, call_options=call_options)
    harness.engine.answer(Reply(status=500))
    _, settlement = harness.channels.settlements.popleft()
    assert settlement.retry_at == leased.run.due_at + timedelta(seconds=90)

    harness.lease(0.0, call_options=call_options, attempts=1)
    harness.engine.answer(Reply(status=500))
    assert harness.settled() is RunState.FAILED


@pytest.mark.parametrize(
    ("attempts", "attempts_before_redelivery", "late", "sent"),
    [
        (0, 0, 1000.0, True),
        (1, 0, 59.0, True),
        (1, 0, 61.0, False),
        (3, 3, 1000.0, True),
        (4, 3, 61.0, False),
    ],
)
def test_beyond_its_age_a_run_is_not_tried_again_but_is_tried_once_each_time_it_is_sent(
    harness: Harness, attempts: int, attempts_before_redelivery: int, late: float, *, sent: bool
) -> None:
    call_options = CallOptions(retry=RetryPolicy(max_age=60.0))
    harness.lease(
        -late,
        call_options=call_options,
        attempts=attempts,
        attempts_before_redelivery=attempts_before_redelivery,
    )

    assert bool(harness.engine.calls) is sent
    if not sent:
        _, settlement = harness.channels.settlements.popleft()
        assert settlement.state is RunState.FAILED
        assert settlement.attempt is None
        assert "maxAge of 60 s" in (settlement.reason or "")


def test_lateness_counts_from_the_time_the_attempt_might_have_begun(harness: Harness) -> None:
    leased = harness.lease(-2.5)
    harness.engine.answer(Reply(status=204))
    _, settlement = harness.channels.settlements.popleft()

    assert settlement.attempt is not None
    assert settlement.attempt.lateness_ms == pytest.approx(2500)
    assert settlement.attempt.started_at == leased.run.due_at + timedelta(seconds=2.5)


def test_a_run_without_content_is_dead(harness: Harness) -> None:
    harness.lease(0.0, url=None)
    assert harness.settled() is RunState.DEAD


@pytest.mark.parametrize(("late", "leave"), [(0.0, 5.0), (60.0, 60.0), (7200.0, 300.0)])
def test_a_run_that_cannot_be_signed_waits_and_uses_up_nothing(
    harness: Harness, late: float, leave: float
) -> None:
    keyless = lease(taken(-late), (), sent_at=harness.clock.now, answered=harness.clock.now)
    harness.dispatcher.accept([keyless])
    harness.step()

    assert (len(harness.engine.calls), len(harness.channels.settlements)) == (0, 0)
    _, parking = harness.channels.parked.popleft()
    assert (parking.block_reason, parking.called) == (BlockReason.KEY_MISSING, False)
    assert parking.park_for == pytest.approx(leave, abs=1)
    assert "WAKECALL_SECRET_KEY" in parking.reason


def test_each_call_bears_the_token_of_its_run(harness: Harness) -> None:
    for _ in range(2):
        leased = harness.lease(0.0)
        call, _, _ = harness.engine.calls[-1]
        assert f"Wakecall-Completion-Token: {TOKENS.make(leased.run.id)}" in call.headers


def test_a_run_whose_receiver_says_later_is_settled_as_that(harness: Harness) -> None:
    harness.lease(0.0)
    harness.engine.answer(Reply(status=202, headers=(("wakecall-complete", "Later; within=90"),)))
    _, settlement = harness.channels.settlements.popleft()
    assert (settlement.state, settlement.retry_at, settlement.within) == (None, None, 90)
    assert settlement.attempt is not None

    harness.lease(0.0)
    harness.engine.answer(Reply(status=202))
    assert harness.settled() is RunState.SUCCEEDED


EVENT: dict[str, Any] = {"kind": RunKind.EVENT, "ends_job": False}


def test_an_event_names_its_run_and_is_not_completed_later(harness: Harness) -> None:
    leased = harness.lease(0.0, **EVENT)
    ((call, _, _),) = harness.engine.calls
    names = {line.partition(":")[0] for line in call.headers}
    assert f"Wakecall-Run: {leased.run.job_id}" in call.headers
    assert not names & {"Wakecall-Job", "Wakecall-Completion-Token"}

    harness.engine.answer(Reply(status=202, headers=(("Wakecall-Complete", "later"),)))
    assert harness.settled() is RunState.SUCCEEDED


def test_an_event_that_is_gone_ends_no_job(harness: Harness) -> None:
    harness.lease(0.0, **EVENT)
    harness.engine.answer(Reply(status=410))
    _, settlement = harness.channels.settlements.popleft()
    assert (settlement.state, settlement.gone) == (RunState.FAILED, False)
    assert "job" not in (settlement.reason or "")


@pytest.mark.parametrize("kind", list(RunKind))
def test_only_what_the_schedule_made_says_how_late_the_service_is(
    harness: Harness, kind: RunKind
) -> None:
    harness.lease(0.0, kind=kind)
    harness.engine.answer(Reply(status=204))
    _, settlement = harness.channels.settlements.popleft()
    assert settlement.counts_for_lateness is (kind is RunKind.SCHEDULED)


def lateness_header(call: Call) -> int:
    """The milliseconds that the call says it is late."""
    headers = dict(each.split(": ", 1) for each in call.headers)
    return int(headers["Wakecall-Lateness-Ms"])


def test_what_was_missed_in_a_pause_or_suspension_does_not_say_how_late_the_service_is(
    harness: Harness,
) -> None:
    harness.lease(-600.0, precedes_version=True)
    call, _, _ = harness.engine.calls[-1]
    # The call itself tells how long after its due instant it began.
    assert lateness_header(call) >= 600_000
    harness.engine.answer(Reply(status=204))
    _, settlement = harness.channels.settlements.popleft()
    assert settlement.attempt is not None
    assert settlement.attempt.lateness_ms >= 600_000
    assert not settlement.counts_for_lateness


@pytest.mark.parametrize(
    ("status", "attempts", "success", "failure"),
    [(204, 0, True, False), (410, 0, False, True), (500, 7, False, True), (500, 0, False, False)],
)
def test_a_job_gets_events_of_the_ends_it_asks_for(
    harness: Harness, status: int, attempts: int, *, success: bool, failure: bool
) -> None:
    for asked in ({"notify_on_success": True}, {"notify_on_failure": True}, {}):
        harness.lease(0.0, attempts=attempts, **asked)
        harness.engine.answer(Reply(status=status))
        _, settlement = harness.channels.settlements.popleft()
        assert settlement.may_notify is (
            (success and "notify_on_success" in asked) or (failure and "notify_on_failure" in asked)
        )
