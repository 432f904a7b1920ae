"""Constant: Dapr's failure policies, against what Dapr's own tests say of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import Failed, RetryAt, Unreached, Verdict, again, decide, is_success, too_old
from app.domain.retry_policy import MAX_CALLS, Constant, pause_after
from app.domain.run import Reply

VECTORS: Final = Path(__file__).parents[1] / "vectors" / "dapr.json"
DUE: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
FAILURE: Final = Reply(status=500)
ONE_SECOND_THRICE: Final = Constant(1, 3)
REFUSED: Final = Reply(error="connect-failed", error_detail="nobody listens", connected=False)

Answers = Callable[[int], Reply]


def counts() -> Iterator[Any]:
    """Of the facts, those that are about one app's answers and how often it is called."""
    for case in json.loads(VECTORS.read_text())["cases"]:
        if case["kind"] == "trigger_count":
            yield pytest.param(case, id=f"{case['ref'].rpartition('/')[2]}-{case['expected']}")


def policy_of(job: dict[str, Any]) -> Constant:
    """The policy that a vector's job asks for; this is not how clients' documents are read."""
    policy = job.get("failure_policy", {"constant": {"interval": "1s", "max_retries": 3}})
    if "drop" in policy:
        return Constant(0, 0)
    constant = policy["constant"]
    interval = float(constant.get("interval", "0s").removesuffix("s"))
    return Constant(interval, constant.get("max_retries"))


ANSWERS: Final[dict[str, Answers]] = {
    "500 always": lambda _: Reply(status=500),
    "404 always": lambda _: Reply(status=404),
    "200": lambda _: Reply(status=200),
    "success": lambda _: Reply(status=200),
    "error always": lambda _: Reply(status=500),
    "error, error, then success": lambda call: Reply(status=500 if call < 3 else 200),
    "error 99 times, then success": lambda call: Reply(status=500 if call < 100 else 200),
    "error, except the third call": lambda call: Reply(status=200 if call == 3 else 500),
    "no app connected": lambda _: REFUSED,
}


def run_through(policy: Constant, answers: Answers, *, called: int) -> tuple[int, Verdict | None]:
    """The calls that one firing comes to after `called` before it, and what it ends with."""
    now, made = DUE, 0
    while True:
        made += 1
        reply = answers(called + made)
        if is_success(reply, policy):
            return made, None
        verdict = under(policy, reply, made=made, now=now)
        if isinstance(verdict, Unreached):
            return made - 1, verdict
        if isinstance(verdict, Failed):
            return made, verdict
        assert verdict.instant >= now
        now = verdict.instant


def under(
    policy: Constant, reply: Reply = FAILURE, *, made: int = 1, now: datetime = DUE
) -> Verdict:
    return decide(reply, attempts_made=made, due_at=DUE, now=now, jitter=0.9, policy=policy)


@pytest.mark.parametrize("case", list(counts()))
def test_an_app_is_called_as_often_as_by_dapr(case: dict[str, Any]) -> None:
    job, expected = case["input"]["job"], case["expected"]
    answers = ANSWERS[case["input"]["app_answers"]]
    if "calls_within_3s" in expected:
        assert run_through(policy_of(job), answers, called=0) == (1, None)
        return

    calls, end = 0, None
    for _ in range(job.get("repeats", 1)):
        made, end = run_through(policy_of(job), answers, called=calls)
        calls += made

    assert calls == expected["calls"]
    if "job_gone_after" in expected:
        assert isinstance(end, Unreached) is not expected["job_gone_after"]


@pytest.mark.parametrize("status", [200, 204, 299, 404])
def test_2xx_and_404_are_success(status: int) -> None:
    assert is_success(Reply(status=status), ONE_SECOND_THRICE)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 410, 429, 500, 503])
def test_all_else_is_tried_again_and_ends_no_job(status: int) -> None:
    reply = Reply(status=status)
    assert not is_success(reply, ONE_SECOND_THRICE)
    decided = under(ONE_SECOND_THRICE, reply)
    assert isinstance(decided, RetryAt)
    assert decided.instant == DUE + timedelta(seconds=1)
    assert f"The receiver answered {status}" in decided.reason
    last = under(ONE_SECOND_THRICE, reply, made=4)
    assert isinstance(last, Failed)
    assert not last.gone
    assert last.reason.endswith("All 4 attempts are used up.")


@pytest.mark.parametrize("status", [429, 503])
def test_who_asks_for_time_is_not_called_sooner_with_this_run(status: int) -> None:
    reply = Reply(status=status, headers=(("Retry-After", "3600"),))
    for policy in (ONE_SECOND_THRICE, Constant(0, 3), Constant(0)):
        decided = under(policy, reply)
        assert isinstance(decided, RetryAt)
        assert decided.instant == DUE + timedelta(hours=1)
        assert decided.reason.endswith("asked for a wait of 3600 s.")
    assert isinstance(under(ONE_SECOND_THRICE, reply, made=4), Failed)


def test_a_429_slows_down_retries_that_would_come_at_once_and_no_others() -> None:
    for policy, seconds in ((Constant(0, 3), 1), (Constant(0), 1), (Constant(5, 3), 5)):
        decided = under(policy, Reply(status=429))
        assert isinstance(decided, RetryAt)
        assert decided.instant == DUE + timedelta(seconds=seconds)
        assert decided.reason == "The receiver answered 429."


def test_retries_count_from_the_due_time_and_what_is_past_comes_at_once() -> None:
    assert under(Constant(3), made=2, now=DUE + timedelta(seconds=5)) == RetryAt(
        instant=DUE + timedelta(seconds=6), reason="The receiver answered 500."
    )
    late = DUE + timedelta(seconds=60)
    for policy, pause in ((Constant(3, 9), 0), (Constant(0, 9), 0), (Constant(3), 0.2)):
        decided = under(policy, made=2, now=late)
        assert isinstance(decided, RetryAt)
        assert decided.instant == late + timedelta(seconds=pause)


@pytest.mark.parametrize(
    "reply",
    [
        *(
            Reply(error=error, error_detail="in words")
            for error in ("connect-failed", "dns-failure", "denied-address")
        ),
        Reply(error="timeout", error_detail="in words", connected=False),
    ],
)
@pytest.mark.parametrize("made", [1, 4, MAX_CALLS])
def test_what_never_reached_the_app_consumes_nothing(reply: Reply, made: int) -> None:
    assert under(ONE_SECOND_THRICE, reply, made=made) == Unreached(
        reason=f"{reply.error}: in words"
    )
    assert isinstance(decide(reply, attempts_made=1, due_at=DUE, now=DUE, jitter=0.0), RetryAt), (
        "a native run's attempts are used up by it"
    )


@pytest.mark.parametrize(
    "error",
    ["timeout", "connection-lost", "tls-failed", "bad-response", "signing-failed", "aborted"],
)
def test_what_was_connected_or_is_our_own_fault_is_an_attempt(error: str) -> None:
    assert isinstance(under(ONE_SECOND_THRICE, Reply(error=error, error_detail="")), RetryAt)
    assert isinstance(under(ONE_SECOND_THRICE, Reply(error=error, error_detail=""), made=4), Failed)


def test_a_completion_that_does_not_come_is_an_attempt_that_failed() -> None:
    def missed(made: int) -> Verdict:
        now = DUE + timedelta(hours=1)
        return again(
            "None.", attempts_made=made, due_at=DUE, now=now, jitter=0.0, policy=ONE_SECOND_THRICE
        )

    assert isinstance(missed(3), RetryAt)
    assert isinstance(missed(4), Failed)


def test_no_age_ends_it() -> None:
    assert too_old(ONE_SECOND_THRICE, due_at=DUE, now=DUE + timedelta(days=3650)) is None


def test_after_a_hundred_attempts_they_are_a_minute_apart_at_least() -> None:
    """Each attempt is a row of history, and a policy may ask for them without a pause or an end."""
    for policy, first in ((Constant(0), 0.2), (Constant(0, 1000), 0)):
        pauses = [pause_after(policy, made) for made in (1, 99, 100, 199, 200, 699, 700)]
        assert [each.total_seconds() for each in pauses] == [
            *(first, first, 60, 60, 120, 1920, 3600)
        ]
    now = DUE
    for made in range(1, 400):
        decided = under(Constant(0), made=made, now=now)
        assert isinstance(decided, RetryAt)
        now = decided.instant
    assert now - DUE >= timedelta(minutes=100 + 2 * 100 + 4 * 99)


def test_without_end_it_takes_years_and_ends_before_the_attempts_overflow() -> None:
    now, slowest = DUE, timedelta()
    for made in range(1, MAX_CALLS):
        decided = under(Constant(0), made=made, now=now)
        assert isinstance(decided, RetryAt)
        pause = decided.instant - now
        assert pause >= slowest
        now, slowest = decided.instant, pause
    assert slowest == timedelta(hours=1)
    assert now - DUE > timedelta(days=3 * 365)
    assert isinstance(under(Constant(0), made=MAX_CALLS, now=now), Failed)
    assert isinstance(under(Constant(0, 2**32 - 1), made=MAX_CALLS, now=now), Failed)
    assert MAX_CALLS < 2**15


@given(
    interval=st.floats(0, 315_576_000_000),
    retries=st.none() | st.integers(0, 2**32 - 1),
    made=st.integers(1, 2**15 - 1),
    late=st.floats(0, 1e9),
)
def test_whatever_is_asked_for_a_retry_is_paced_and_never_before_its_time(
    interval: float, retries: int | None, made: int, late: float
) -> None:
    now = DUE + timedelta(seconds=late)
    decided = under(Constant(interval, retries), made=made, now=now)

    most = MAX_CALLS if retries is None else min(retries + 1, MAX_CALLS)
    assert isinstance(decided, RetryAt) is (made < most)
    if isinstance(decided, RetryAt):
        policy = Constant(interval, retries)
        assert decided.instant - now >= pause_after(policy, made)
        planned = min(interval * made, timedelta(days=36_500).total_seconds())
        assert decided.instant >= DUE + timedelta(seconds=planned)
