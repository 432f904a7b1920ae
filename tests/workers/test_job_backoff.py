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
from tests.workers.stage import OK, Capped
from tests.workers.test_unreachable_apps import APP
from workers.dispatch.job_backoff import JobBackoff
from workers.dispatch.leased_run import LeasedRun

DROP = APP | {"manner": CallOptions(retry=Constant(0, 0)), "serial": True}


def asking(status: int, seconds: int) -> Reply:
    return Reply(status=status, headers=(("Retry-After", str(seconds)),))


@pytest.fixture
def stage() -> Iterator[Capped]:
    made = Capped()
    yield made
    made.loop.close()


def tick(stage: Capped, job: UUID, **changes: Any) -> LeasedRun:
    return stage.lease(0.0, **(DROP | {"job_id": job} | changes))


def answered(stage: Capped, job: UUID, reply: Reply) -> None:
    """A tick of the job comes, is called, and is answered so."""
    tick(stage, job)
    assert len(stage.engine.calls) == 1, "it was not called"
    stage.answer_all(reply)


@pytest.mark.parametrize(
    "reply", [Reply(status=429), asking(429, 30), asking(503, 30), Reply(status=503)]
)
def test_the_other_jobs_of_the_app_are_called_on(stage: Capped, reply: Reply) -> None:
    for _ in range(12):
        answered(stage, uuid4(), reply)
        answered(stage, uuid4(), OK)

    assert not stage.channels.parked


def test_the_next_tick_waits_for_as_long_as_the_app_asked(stage: Capped) -> None:
    job = uuid4()
    answered(stage, job, asking(429, 30))
    leased = tick(stage, job)

    assert not stage.engine.calls
    ((_, parking),) = stage.channels.parked
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

    stage.parked_runs()
    stage.step(30.0)
    answered(stage, job, OK)
    answered(stage, job, OK)


def test_a_bare_429_means_a_second_which_the_next_tick_waits_in_the_worker(stage: Capped) -> None:
    job = uuid4()
    answered(stage, job, Reply(status=429))
    tick(stage, job)
    stage.step(0.9)
    assert not stage.engine.calls

    stage.poll_cancellations()
    stage.step(0.2)
    stage.poll_cancellations()
    assert len(stage.engine.calls) == 1
    assert not stage.channels.parked


def test_a_tick_that_waits_so_can_be_withdrawn(stage: Capped) -> None:
    job = uuid4()
    answered(stage, job, Reply(status=429))
    stage.channels.settlements.clear()
    leased = tick(stage, job)
    stage.poll_cancellations(leased)
    stage.step(1.1)

    assert not stage.engine.calls
    assert stage.settled() is RunState.CANCELLED


def test_jobs_that_never_had_ticks_one_after_the_other_have_no_brake(stage: Capped) -> None:
    job = uuid4()
    stage.lease(0.0, **(DROP | {"job_id": job, "serial": False}))
    stage.answer_all(asking(429, 30))
    stage.lease(0.0, **(DROP | {"job_id": job, "serial": False}))

    assert len(stage.engine.calls) == 1


def test_of_very_many_jobs_those_that_wait_longest_are_remembered(
    stage: Capped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workers.dispatch.job_backoff._MAX_KNOWN", 4)
    backoff = JobBackoff()
    leased = [tick(stage, uuid4()) for _ in range(9)]
    for n, each in enumerate(leased):
        backoff.note(each, asking(429, 60 * (n + 1)), now=0.0)
        remembered = [other for other in leased if backoff.until(other, now=0.0) is not None]
        assert len(remembered) <= 4

    assert backoff.until(leased[0], now=0.0) is None
    assert backoff.until(leased[8], now=0.0) == pytest.approx(540.0, abs=1.0)
