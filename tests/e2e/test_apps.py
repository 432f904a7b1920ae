"""Apps: what is away consumes nothing, and what answers is called as its failure policy says."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from app.domain.instants import format_utc
from app.domain.retry_policy import Constant
from tests.e2e.apps import (
    ONE_SECOND_THRICE,
    book_calls,
    book_ticks,
    end_of,
    made,
    put_app,
    reason_of,
)
from tests.e2e.concurrency_gauge import Gauge
from tests.e2e.conftest import Report
from tests.e2e.firings import steadily
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds, one
from tests.ports import free_port
from tests.receiver import Behaviour, Receiver, after, answer, in_turn

SLOW = 0.7
"""Seconds an app takes to fail, which put off no retry."""

EARLY = 0.002
LATE = 0.3


def under_way(connection: psycopg.Connection, jobs: Collection[UUID]) -> tuple[int, int, int]:
    """Of these jobs' runs: those that wait, those held by a worker, and attempts made."""
    row = connection.execute(
        "SELECT count(*) FILTER (WHERE state = 'waiting'),"
        " count(*) FILTER (WHERE lease_until IS NOT NULL), coalesce(sum(attempts), 0)"
        " FROM inflight WHERE job_id = ANY (%s)",
        (list(jobs),),
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def is_gone(connection: psycopg.Connection, job: UUID) -> bool:
    return one(connection, "SELECT id FROM job WHERE id = %s", job) is None


def test_an_app_that_is_down_for_some_seconds_gets_its_calls_once_each(
    running: Instance, connection: psycopg.Connection, report: Report
) -> None:
    port = free_port()
    put_app(connection, "sleeper", f"http://127.0.0.1:{port}/below/")
    jobs = book_calls(connection, "sleeper", steadily(20, 2))
    due = "SELECT count(*) FROM due WHERE job_id = ANY (%s) AND next_at IS NOT NULL"
    until(lambda: one(connection, due, list(jobs)) == 0, "all of them are claimed")
    until(lambda: under_way(connection, jobs)[0] >= len(jobs) - 1, "all of them wait")
    # Longer than the policy's four calls would take.
    until(lambda: time.time() > max(jobs.values()).timestamp() + 5, "it has been down for a while")
    until(lambda: under_way(connection, jobs)[1] <= 1, "no lease is held but for a probe")
    waiting, _, attempts = under_way(connection, jobs)
    assert waiting >= len(jobs) - 1
    assert attempts == 0
    reason = reason_of(connection, next(iter(jobs))) or reason_of(connection, list(jobs)[-1])
    assert "the app at 127.0.0.1 cannot be reached (connect-failed:" in reason
    assert "no attempt is used up" in reason

    back_at = time.time()
    with Receiver(answer(200), port=port) as app:
        app.wait_for(len(jobs), seconds=60)
        ends = [end_of(connection, job) for job in jobs]
        requests = list(app.requests)
    took = sorted(each.at - back_at for each in requests)
    report(f"{len(jobs)} calls {took[0]:.1f} to {took[-1]:.1f} s after the app was back")

    assert {state for state, _ in ends} == {"succeeded"}
    assert sorted(each.target for each in requests) == sorted(f"/below/job/{job}" for job in jobs)
    assert {each.header("wakecall-attempt") for each in requests} == {"1"}
    assert {each.header("content-type") for each in requests} == {"application/json"}
    assert {each.body for each in requests} == {b'{"droid":"R2-D2"}'}
    assert all(len(made(connection, job)) == 1 for job in jobs)


def test_jobs_wait_for_an_app_until_it_is_configured(
    running: Instance, receiver: Receiver, connection: psycopg.Connection
) -> None:
    jobs = book_calls(connection, "unheard-of", [in_seconds(1)] * 5, data=None)
    until(lambda: under_way(connection, jobs)[0] == len(jobs), "all of them wait")
    reason = ""

    def is_reported() -> bool:
        nonlocal reason
        reason = reason_of(connection, next(iter(jobs)))
        return bool(reason)

    until(is_reported, "one of them waits")
    assert "no app 'unheard-of' is configured" in reason
    assert under_way(connection, jobs)[2] == 0

    put_app(connection, "unheard-of", receiver.url().rstrip("/"))
    requests = receiver.wait_for(len(jobs), seconds=60)

    assert {each.body for each in requests} == {b""}
    assert {end_of(connection, job)[0] for job in jobs} == {"succeeded"}


def test_every_tick_missed_while_an_app_is_down_is_made_up_for_one_after_the_other(
    running: Instance, connection: psycopg.Connection
) -> None:
    port = free_port()
    put_app(connection, "ticking", f"http://127.0.0.1:{port}")
    first = in_seconds(1)
    job = book_ticks(connection, "ticking", first, "@every 1s", repeats=5)
    until(lambda: "cannot be reached" in reason_of(connection, job), "its first tick waits")
    last = first + timedelta(seconds=4)
    until(lambda: time.time() > last.timestamp(), "all of its ticks are past")

    gauge = Gauge(0.3)
    with Receiver(gauge, port=port) as app:
        requests = app.wait_for(5, seconds=60)
        until(lambda: is_gone(connection, job), "the job has ended")
        assert len(app.requests) == 5

    assert gauge.maximum == 1
    ticks = [each.header("wakecall-scheduled-for") for each in requests]
    assert ticks == [format_utc(first + timedelta(seconds=n)) for n in range(5)]
    assert {each.header("wakecall-attempt") for each in requests} == {"1"}


def test_a_tick_that_is_given_up_counts_and_the_next_follows(
    running: Instance, receiver: Receiver, connection: psycopg.Connection
) -> None:
    """As Dapr's own test has it: three ticks, two calls each, and the third call succeeds."""
    receiver.default = in_turn(answer(500), answer(500), answer(200), answer(500))
    put_app(connection, "giving-up", receiver.url())
    policy = Constant(0.001, 1)
    job = book_ticks(connection, "giving-up", in_seconds(0), "@every 1s", repeats=3, policy=policy)

    until(lambda: is_gone(connection, job), "the job has ended")

    attempts = [each.header("wakecall-attempt") for each in receiver.requests]
    assert attempts == ["1", "2", "1", "1", "2"]


@pytest.mark.alone
@pytest.mark.parametrize(
    ("policy", "behaviour", "statuses", "state"),
    [
        pytest.param(ONE_SECOND_THRICE, after(SLOW, answer(500)), [500] * 4, "failed", id="1+3"),
        pytest.param(
            ONE_SECOND_THRICE,
            in_turn(answer(503), answer(302), answer(200)),
            [503, 302, 200],
            "succeeded",
            id="until it succeeds",
        ),
        pytest.param(Constant(0, 0), answer(500), [500], "failed", id="drop"),
        pytest.param(Constant(0, 3), answer(500), [500] * 4, "failed", id="at once"),
        pytest.param(ONE_SECOND_THRICE, answer(404), [404], "succeeded", id="404 is as good"),
        pytest.param(Constant(0, 1), answer(410), [410] * 2, "failed", id="410 ends nothing else"),
        pytest.param(
            Constant(0.001),
            in_turn(*[answer(500)] * 6, answer(200)),
            [500] * 6 + [200],
            "succeeded",
            id="without end",
        ),
    ],
)
def test_an_app_is_called_as_its_failure_policy_says(
    running: Instance,
    receiver: Receiver,
    connection: psycopg.Connection,
    policy: Constant,
    behaviour: Behaviour,
    statuses: list[int],
    state: str,
) -> None:
    receiver.default = behaviour
    put_app(connection, "failing", receiver.url())
    ((job, due_at),) = book_calls(connection, "failing", [in_seconds(1)], policy=policy).items()

    ended, reason = end_of(connection, job)

    assert ended == state
    assert (reason or "").endswith("used up.") is (state == "failed")
    calls = made(connection, job)
    assert [each.status for each in calls] == statuses
    assert len(receiver.requests) == len(statuses)
    for number, each in enumerate(calls):
        planned = due_at.timestamp() + number * policy.interval
        paced = 0.2 if policy.max_retries is None else 0.0
        before = calls[number - 1].ended + paced if number else planned
        assert max(planned, before) - EARLY <= each.planned <= max(planned, before) + LATE
