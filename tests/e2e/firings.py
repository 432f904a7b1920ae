"""Firings: many jobs booked at once, and their results at the receiver and in history.

The receiver runs on the machine of the database, so its clock judges who is early.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from app.domain import counters, instants
from app.domain.call_options import DEFAULT_OPTIONS, CallOptions
from app.domain.one_time import At
from app.domain.trigger import to_document
from app.store import call_options
from tests.e2e.instance import PATIENCE, until
from tests.factories import one
from tests.receiver import Received, Receiver

ON_THE_WIRE = 3.0
"""Seconds within which a call is answered and settled; a tenth of that where nothing is wrong."""

_READ_LATE = 0.5

Jobs = Mapping[UUID, datetime]
"""Jobs booked, with their due times."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrivals:
    """All the calls of each job, as they came; each job has at least one."""

    jobs: Jobs
    calls: Mapping[UUID, Sequence[Received]]

    @property
    def lateness(self) -> list[float]:
        """Seconds from its due time to each job's first call, in order of size."""
        return sorted(
            self.calls[job][0].at - due_at.timestamp() for job, due_at in self.jobs.items()
        )

    @property
    def repeated(self) -> list[UUID]:
        """Jobs called more than once."""
        return [job for job, calls in self.calls.items() if len(calls) > 1]

    @property
    def summary(self) -> str:
        """The figures in words."""
        late = self.lateness
        half, most = late[len(late) // 2] * 1000, late[int(len(late) * 0.99)] * 1000
        return (
            f"{len(late)} firings, {len(self.repeated)} repeated, late by "
            f"p50 {half:.0f} ms, p99 {most:.0f} ms, at most {late[-1]:.2f} s"
        )


def book_many(
    connection: psycopg.Connection,
    url: str,
    dues: Sequence[datetime],
    *,
    options: CallOptions = DEFAULT_OPTIONS,
    account: str = "demo",
) -> Jobs:
    """Book a call on `url` at each of these times, as this account, in one transaction."""
    account_id = one(connection, "SELECT id FROM account WHERE name = %s", account)
    jobs = {UUID(int=uuid7().int): due_at for due_at in dues}
    columns = "id, account_id, version, url, data, trigger, enabled, manner"
    called = None if options == DEFAULT_OPTIONS else Jsonb(call_options.to_document(options))
    with connection.transaction(), connection.cursor() as cursor:
        with cursor.copy(f"COPY job ({columns}) FROM STDIN") as rows:
            for job, due_at in jobs.items():
                trigger = Jsonb(to_document(At(instant=due_at)))
                rows.write_row((job, account_id, 1, url, job.bytes, trigger, True, called))
        columns = "job_id, account_id, version, recurring, next_at"
        with cursor.copy(f"COPY due ({columns}) FROM STDIN") as rows:
            for job, due_at in jobs.items():
                rows.write_row((job, account_id, 1, False, due_at))
    return jobs


def steadily(rate: int, seconds: float, *, ahead: float = 1.0) -> list[datetime]:
    """Due times at so many a second, for so long, from `ahead` seconds on."""
    start = datetime.now(UTC) + timedelta(seconds=ahead)
    return [start + timedelta(seconds=n / rate) for n in range(int(rate * seconds))]


def await_all(receiver: Receiver, jobs: Jobs, seconds: float = PATIENCE) -> None:
    """Wait until each job was called at least once; fails where one was not in time."""
    give_up = time.monotonic() + seconds
    missing = set(jobs)
    seen = 0
    while missing:
        requests = receiver.wait_for(seen + len(missing), give_up - time.monotonic())
        missing -= {job_of(each) for each in requests[seen:]}
        seen = len(requests)


def await_settled(connection: psycopg.Connection, jobs: Jobs) -> None:
    """Wait until nothing of these jobs is booked or under way any more."""
    query = (
        "SELECT (SELECT count(*) FROM inflight WHERE job_id = ANY (%(ids)s))"
        " + (SELECT count(*) FROM job WHERE id = ANY (%(ids)s))"
    )
    params = {"ids": list(jobs)}

    def settled() -> bool:
        row = connection.execute(query, params).fetchone()
        return row is not None and row[0] == 0

    until(settled, "every run has settled and every job has gone")


def arrivals(
    receiver: Receiver,
    connection: psycopg.Connection,
    jobs: Jobs,
    *,
    faults: Sequence[float] = (),
    unsettled_for: float = ON_THE_WIRE,
) -> Arrivals:
    """What came of the jobs, once all is over.

    Shown of each on the way: it came at least once and never early; what came again was the same
    run, and had come at most `unsettled_for` seconds before one of the `faults`; history tells of
    this one run, as succeeded; and nothing had to be repaired.
    """
    await_all(receiver, jobs)
    await_settled(connection, jobs)
    calls = defaultdict[UUID, list[Received]](list)
    for each in receiver.wait_for(len(jobs)):
        calls[job_of(each)].append(each)
    assert calls.keys() == jobs.keys()
    for job, due_at in jobs.items():
        _judge(calls[job], job, due_at)
        for before, after in pairwise(calls[job]):
            assert any(-_READ_LATE < fault - before.at < unsettled_for for fault in faults), (
                f"{job} came again, {after.at - before.at:.2f} s later, for no reason"
            )
    history = connection.execute(
        "SELECT job_id, id, state FROM run WHERE job_id = ANY (%s)", (list(jobs),)
    ).fetchall()
    assert sorted(history) == sorted(
        (job, UUID(calls[job][0].header("webhook-id")), "succeeded") for job in jobs
    )
    assert one(connection, "SELECT count(*) FROM tally WHERE name = %s", counters.REPAIR) == 0
    return Arrivals(jobs=jobs, calls=calls)


def job_of(request: Received) -> UUID:
    """The job that a call belongs to."""
    return UUID(request.header("wakecall-job"))


def is_early(request: Received) -> bool:
    """Whether a call came before the time it says it is for."""
    scheduled_for = request.header("wakecall-scheduled-for") or ""
    due_at = instants.parse(scheduled_for, member="when")
    return request.at < due_at.timestamp()


def _judge(calls: Sequence[Received], job: UUID, due_at: datetime) -> None:
    assert calls[0].at >= due_at.timestamp(), f"{job} came early"
    assert {each.header("webhook-id") for each in calls} == {calls[0].header("webhook-id")}
    assert {each.body for each in calls} == {job.bytes}
