"""JobBackoff: an app that asks to wait does so for one job, and its others are called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.domain.call_options import CallOptions
from app.domain.circuit_breaker import BlockReason
from app.domain.retry_policy import Constant
from app.domain.run import Reply, RunState
from tests.workers.harness import OK, Capped
from tests.workers.test_unreachable_apps import APP
from workers.dispatch.job_backoff import JobBackoff
from workers.dispatch.leased_run import LeasedRun

DROP = APP | {"call_options": CallOptions(retry=Constant(0, 0)), "serial": True}


def asking(status: int, seconds: int) -> Reply:
    return Reply(status=status, headers=(("Retry-After", str(seconds)),))


@pytest.fixture
def harness() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def tick(harness: Capped, job: UUID, **changes: Any) -> LeasedRun:
    return harness.lease(0.0, **(DROP | {"job_id": job} | changes))


def answered(harness: Capped, job: UUID, reply: Reply) -> None:
    """A tick of the job comes, is called, and is answered so."""
    tick(harness, job)
    assert len(harness.engine.calls) == 1, "it was not called"
    harness.answer_all(reply)


@pytest.mark.parametrize(
    "reply", [Reply(status=429), asking(429, 30), asking(503, 30), Reply(status=503)]
)
def test_the_other_jobs_of_the_app_are_called_on(harness: Capped, reply: Reply) -> None:
    for _ in range(12):
        answered(harness, uuid4(), reply)
        answered(harness, uuid4(), OK)

    assert not harness.channels.parked


def test_the_next_tick_waits_for_as_long_as_the_app_asked(harness: Capped) -> None:
    job = uuid4()
    answered(harness, job, asking(429, 30))
    leased = tick(harness, job)

    assert not harness.engine.calls
    ((_, parking),) = harness.channels.parked
    assert (parking.id, parking.block_reason, parking.destination) == (
        leased.run.id,
        BlockReason.ASKED,
        "",
    )
    assert parking.park_for == 30.0
    assert parking.reason == (
        "waiting: its app asked to wait with the calls of this job; "
        "next call at 2026-01-01T00:00:30Z"
    )

    harness.parked_runs()
    harness.step(30.0)
    answered(harness, job, OK)
    answered(harness, job, OK)


def test_a_bare_429_means_a_second_which_the_next_tick_waits_in_the_worker(harness: Capped) -> None:
    job = uuid4()
    answered(harness, job, Reply(status=429))
    tick(harness, job)
    harness.step(0.9)
    assert not harness.engine.calls

    harness.poll_cancellations()
    harness.step(0.2)
    harness.poll_cancellations()
    assert len(harness.engine.calls) == 1
    assert not harness.channels.parked


def test_a_tick_that_waits_so_can_be_withdrawn(harness: Capped) -> None:
    job = uuid4()
    answered(harness, job, Reply(status=429))
    harness.channels.settlements.clear()
    leased = tick(harness, job)
    harness.poll_cancellations(leased)
    harness.step(1.1)

    assert not harness.engine.calls
    assert harness.settled() is RunState.CANCELLED


def test_jobs_without_ticks_in_a_row_have_no_backoff(harness: Capped) -> None:
    job = uuid4()
    harness.lease(0.0, **(DROP | {"job_id": job, "serial": False}))
    harness.answer_all(asking(429, 30))
    harness.lease(0.0, **(DROP | {"job_id": job, "serial": False}))

    assert len(harness.engine.calls) == 1


def test_of_very_many_jobs_those_that_wait_longest_are_remembered(
    harness: Capped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.dispatch.job_backoff._MAX_KNOWN", 4)
    backoff = JobBackoff()
    leased = [tick(harness, uuid4()) for _ in range(9)]
    for n, each in enumerate(leased):
        backoff.note(each, asking(429, 60 * (n + 1)), now=0.0)
        remembered = [other for other in leased if backoff.until(other, now=0.0) is not None]
        assert len(remembered) <= 4

    assert backoff.until(leased[0], now=0.0) is None
    assert backoff.until(leased[8], now=0.0) == pytest.approx(540.0, abs=1.0)
