"""Retry: what follows from a reply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.retry import (
    Failed,
    RetryAt,
    Verdict,
    decide,
    is_success,
)
from app.domain.retry_policy import Constant, RetryPolicy
from app.domain.run import Reply

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


FAILURE = Reply(status=500)


def verdict(reply: Reply, *, attempts_made: int = 1, jitter: float = 0.0) -> Verdict:
    return decide(reply, attempts_made=attempts_made, due_at=NOW, now=NOW, jitter=jitter)


def wait(reply: Reply, *, attempts_made: int = 1, jitter: float = 0.0) -> timedelta:
    decided = verdict(reply, attempts_made=attempts_made, jitter=jitter)
    assert isinstance(decided, RetryAt)
    return decided.instant - NOW


def test_not_found_of_a_grpc_app_is_a_success_under_a_policy_of_dapr_alone() -> None:
    reply = Reply(error="grpc-not-found", error_detail="The app answered NOT_FOUND (5).")
    assert is_success(reply, Constant(1, 3))
    assert not is_success(reply)
    assert not is_success(Reply(error="grpc-unimplemented"), Constant(1, 3))


def test_what_a_grpc_app_answers_is_a_sentence_in_the_reason() -> None:
    for detail in ("The app answered ABORTED (10): busy", "The app answered ABORTED (10): busy."):
        decided = verdict(Reply(error="grpc-aborted", error_detail=detail))
        assert isinstance(decided, RetryAt)
        assert decided.reason == "The app answered ABORTED (10): busy."


def saying(status: int, retry_after: str) -> Reply:
    return Reply(status=status, headers=(("retry-AFTER", retry_after),))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_succeeds(status: int) -> None:
    assert is_success(Reply(status=status))


@pytest.mark.parametrize("status", [199, 300, 404, 410, 500])
def test_nothing_else_does(status: int) -> None:
    assert not is_success(Reply(status=status))
    assert not is_success(Reply(error="timeout"))


def test_410_ends_the_run_and_the_job() -> None:
    decided = verdict(Reply(status=410))
    assert isinstance(decided, Failed)
    assert decided.gone


@pytest.mark.parametrize("status", [300, 301, 302, 307, 308, 400, 401, 404, 429, 500, 503, 599])
def test_every_other_status_is_tried_again(status: int) -> None:
    decided = verdict(Reply(status=status))
    assert isinstance(decided, RetryAt)
    assert decided.instant == NOW + timedelta(seconds=5)
    assert str(status) in decided.reason


@pytest.mark.parametrize("error", ["timeout", "denied-address", "dns-failure", "tls-failed"])
def test_every_error_is_tried_again(error: str) -> None:
    decided = verdict(Reply(error=error, error_detail="in words"))
    assert isinstance(decided, RetryAt)
    assert decided.reason == f"{error}: in words"


def test_the_default_waits() -> None:
    waits = [wait(Reply(status=500), attempts_made=number) for number in range(1, 8)]
    assert waits == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        10 * HOUR,
    ]


@pytest.mark.parametrize("attempts_made", [8, 9, 100])
def test_after_the_last_wait_the_run_has_failed_and_the_job_goes_on(attempts_made: int) -> None:
    decided = verdict(Reply(status=503), attempts_made=attempts_made)
    assert isinstance(decided, Failed)
    assert not decided.gone
    assert str(attempts_made) in decided.reason


def under(
    policy: RetryPolicy, reply: Reply = FAILURE, *, made: int = 1, late: float = 0.0
) -> Verdict:
    """What follows at NOW, `late` seconds after the run was due."""
    due_at = NOW - timedelta(seconds=late)
    return decide(reply, attempts_made=made, due_at=due_at, now=NOW, jitter=0, policy=policy)


def test_a_policy_of_the_jobs_own_counts() -> None:
    once = Failed(reason="The receiver answered 500. The only attempt is used up.")
    assert under(RetryPolicy(max_attempts=1)) == once
    steady = RetryPolicy(max_attempts=4, schedule=(1.0,))
    assert under(steady, made=3) == RetryAt(
        instant=NOW + timedelta(seconds=1), reason="The receiver answered 500."
    )
    spent = Failed(reason="The receiver answered 500. All 4 attempts are used up.")
    assert under(steady, made=4) == spent


@pytest.mark.parametrize(
    ("late", "goes_on"), [(0.0, True), (55.0, True), (55.1, False), (60.0, False), (1e6, False)]
)
def test_no_attempt_is_due_later_than_the_age_allows(late: float, *, goes_on: bool) -> None:
    decided = under(RetryPolicy(max_age=60.0), late=late)
    assert isinstance(decided, RetryAt) is goes_on
    if not goes_on:
        assert decided == Failed(
            reason="The receiver answered 500. "
            "Its maxAge of 60 s leaves no time for another attempt."
        )


def test_a_receiver_cannot_put_a_run_off_beyond_its_age() -> None:
    assert isinstance(under(RetryPolicy(max_age=60.0), saying(503, "61")), Failed)
    assert isinstance(under(RetryPolicy(max_age=60.0), saying(503, "60")), RetryAt)


@given(
    st.integers(1, 7),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([Reply(status=500), Reply(status=503), saying(429, "3600")]),
)
def test_jitter_lengthens_by_a_tenth_at_most_and_never_shortens(
    attempts_made: int, jitter: float, reply: Reply
) -> None:
    plain = wait(reply, attempts_made=attempts_made)
    assert plain <= wait(reply, attempts_made=attempts_made, jitter=jitter) <= plain * 1.1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120", timedelta(seconds=120)),
        (" 120 ", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 13:00:00 GMT", HOUR),
        ("Sunday, 22-Nov-26 13:00:00 GMT", HOUR),
        ("Sun Nov 22 13:00:00 2026", HOUR),
        ("86400", 24 * HOUR),
        ("86401", 24 * HOUR),
        ("9" * 5000, 24 * HOUR),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 24 * HOUR),
        ("3", timedelta(seconds=5)),
        ("0", timedelta(seconds=5)),
        ("", timedelta(seconds=5)),
        ("-7", timedelta(seconds=5)),
        ("1.5", timedelta(seconds=5)),
        ("\u0663", timedelta(seconds=5)),
        ("soon", timedelta(seconds=5)),
        ("Sun, 22 Nov 2026 11:00:00 GMT", timedelta(seconds=5)),
        ("Sun, 99 Nov 2026 11:00:00 GMT", timedelta(seconds=5)),
        ("Sun, 22 Nov 99999999999 11:00:00 GMT", timedelta(seconds=5)),
    ],
)
def test_retry_after_puts_off_and_never_brings_forward(
    status: int, text: str, expected: timedelta
) -> None:
    assert wait(saying(status, text)) == expected


def test_the_reason_says_how_long_the_receiver_asked_for() -> None:
    asked = "The receiver answered 429 and asked for a wait of"
    assert verdict(saying(429, "64000")).reason == f"{asked} 64000 s."
    assert verdict(saying(429, "640000")).reason == f"{asked} 86400 s or more."
    assert verdict(saying(429, "soon")).reason == "The receiver answered 429."


@pytest.mark.parametrize("status", [301, 404, 500, 502])
def test_retry_after_counts_on_429_and_503_alone(status: int) -> None:
    assert wait(saying(status, "120")) == timedelta(seconds=5)


@given(st.text(max_size=60))
def test_no_retry_after_can_raise_or_reach_beyond_a_day(text: str) -> None:
    assert timedelta(seconds=5) <= wait(saying(503, text)) <= 24 * HOUR
