"""Cancel deadline: a job that is deleted or replaced 150 ms before it is due is not called."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.firings import Jobs, await_settled, book_many, is_early, job_of, steadily
from tests.e2e.instance import Answer, Instance
from tests.e2e.sink import Sink

IN_TIME = 0.150
"""A change answered at least this many seconds before the due time must take effect."""

AT_LEAST = 50
"""The test fails if fewer changes than this were in time: it would show too little."""

UP_TO = 0.6
"""The earliest change, in seconds before the due time. The range covers changes before the claim,
while the run waits in the worker, and too late."""

LATER = timedelta(seconds=1)
RATE, SECONDS = 30, 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The deletion or replacement of one job."""

    job: UUID
    due_at: datetime
    ahead: float
    """Seconds from the answer to the due time; negative if the answer came later."""
    answer: Answer


@pytest.fixture
def seed(report: Report) -> int:
    chosen = time.time_ns()
    report(f"seed {chosen}")
    return chosen


def test_what_was_deleted_in_time_is_never_called(
    running: Instance, sink: Sink, connection: psycopg.Connection, report: Report, seed: int
) -> None:
    jobs = book_many(connection, sink.url(), steadily(RATE, SECONDS, ahead=2.0))
    changes = change_each(jobs, lambda job, _: running.ask("DELETE", f"/1/jobs/{job}"), seed)
    await_settled(connection, jobs)

    assert {change.answer.status for change in changes} <= {204, 404}
    in_time = {change.job for change in changes if change.ahead >= IN_TIME}
    called = {job_of(request) for request in sink.requests}
    report(f"{len(jobs)} deleted, {len(in_time)} in time; {len(called)} called")
    assert len(in_time) >= AT_LEAST
    assert not in_time & called
    assert called == {job for job, state in states(connection, jobs) if state == "succeeded"}


def test_what_was_replaced_in_time_is_called_as_replaced_and_only_so(
    running: Instance, sink: Sink, connection: psycopg.Connection, report: Report, seed: int
) -> None:
    def replace(job: UUID, due_at: datetime) -> Answer:
        # Every other one is booked back to the same time.
        when = due_at if job.int % 2 else due_at + LATER
        document = {"url": sink.url(), "when": format_utc(when), "data": "new"}
        return running.ask("PUT", f"/1/jobs/{job}", document)

    jobs = book_many(connection, sink.url(), steadily(RATE, SECONDS, ahead=2.0))
    changes = change_each(jobs, replace, seed)
    await_settled(connection, jobs)

    replaced = {change.job: change for change in changes if change.answer.status == 200}
    in_time = {job for job, change in replaced.items() if change.ahead >= IN_TIME}
    new = sorted(job_of(each) for each in sink.requests if each.body == b"new")
    old = sorted(job_of(each) for each in sink.requests if each.body != b"new")
    report(f"{len(jobs)} replaced, {len(in_time)} in time; {len(old)} called as they were before")
    assert len(in_time) >= AT_LEAST
    assert new == sorted(replaced)
    assert not in_time & set(old)
    assert len(old) == len(set(old))
    assert set(old) | set(new) == set(jobs)
    assert not any(map(is_early, sink.requests))


def change_each(jobs: Jobs, change: Callable[[UUID, datetime], Answer], seed: int) -> list[Change]:
    """Change each job at a random moment before it is due; the changes, in order of time."""
    chance = random.Random(seed)
    moments = sorted(
        (due_at.timestamp() - chance.uniform(0, UP_TO), job) for job, due_at in jobs.items()
    )
    ended = threading.Event()

    def change_at(moment: float, job: UUID) -> Change:
        ended.wait(max(0.0, moment - time.time()))
        answer = change(job, jobs[job])
        ahead = jobs[job].timestamp() - time.time()
        return Change(job=job, due_at=jobs[job], ahead=ahead, answer=answer)

    with ThreadPoolExecutor(8) as executor:
        return list(executor.map(lambda each: change_at(*each), moments))


def states(connection: psycopg.Connection, jobs: Jobs) -> Sequence[tuple[UUID, str]]:
    """Jobs and the final states of their runs."""
    query = "SELECT job_id, state FROM run WHERE job_id = ANY (%s)"
    return [(job, state) for job, state in connection.execute(query, (list(jobs),))]
