"""Outcome: what two operations have led to once all that is due is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import psycopg

from app.store import suspension
from app.store.orphans import rearm_orphans
from app.store.parking import park
from app.store.rescue import check
from app.store.settling import settle
from tests.interleavings.case import Case, claim_due, raise_for, settlement, take_all
from tests.interleavings.operations import parked

_ROUNDS: Final = 12

_CHECK_NOW: Final = """
UPDATE inflight
SET look_at = clock_timestamp(),
    complete_by = CASE WHEN complete_by IS NOT NULL THEN clock_timestamp() END,
    lease_until = CASE WHEN state = 'taken' THEN clock_timestamp() - interval '1 s' END
"""
_END_POSTPONEMENTS: Final = "UPDATE due SET next_at = owed_at WHERE next_at = owed_till"
_IS_BUSY: Final = """
SELECT EXISTS (SELECT FROM inflight)
    OR EXISTS (SELECT FROM due WHERE next_at < clock_timestamp() + interval '0.3 s')
"""
_JOBS: Final = """
SELECT job.id, enabled, job.version, coalesce(next_at, held_at), data, tags, url, remaining
FROM job JOIN due ON due.job_id = job.id
"""
_RUNS: Final = """
SELECT job_id, kind, due_at, job_version, state, attempts FROM run
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Answers, jobs, runs and calls, without ids and times that differ each time."""

    answers: tuple[str, ...]
    """Of the two operations, in the order of their names."""
    jobs: tuple[str, ...]
    runs: tuple[str, ...]
    calls: tuple[str, ...]


def finish(case: Case, connection: psycopg.Connection) -> None:
    """Do all that is due, as processes without a fault do it one after the other.

    Raises AssertionError where that has no end.
    """
    account_id = case.caller.account.id
    suspension.resume(connection, account_id)
    for _ in suspension.release(connection, account_id):
        pass
    if case.to_park:
        park(connection, [parked(each) for each in case.to_park])
    settle(connection, [settlement(each, "succeeded") for each in case.held])
    for _ in range(_ROUNDS):
        connection.execute(_CHECK_NOW)
        connection.execute(_END_POSTPONEMENTS)
        case.tickets = claim_due(connection)
        checked = check(connection, limit=100, leases_count=True)
        settle(connection, checked.ended)
        case.tickets += [(each.run_id, each.token) for each in checked.to_notify]
        taken = take_all(connection, case.tickets)
        for each in taken:
            case.call(each)
        settle(connection, [settlement(each, "succeeded") for each in taken])
        rearm_orphans(connection, limit=10, unreadable=raise_for)
        row = connection.execute(_IS_BUSY).fetchone()
        if row is not None and not row[0]:
            return
    raise AssertionError("something is due for ever")


def read(case: Case, connection: psycopg.Connection, answers: Sequence[str]) -> Outcome:
    """What has come of it."""
    names = {job_id: name for name, job_id in case.jobs.items()}

    def named(job_id: UUID) -> str:
        return names.get(job_id, "another")

    def due(kind: str, at: Any) -> str:
        return "asked for" if kind != "scheduled" else "due" if at == case.due_at else "later"

    jobs = [
        (named(job_id), enabled, version, next_at is not None, *rest)
        for job_id, enabled, version, next_at, *rest in connection.execute(_JOBS)
    ]
    runs = [
        (named(job_id), kind, due(kind, at), *rest)
        for job_id, kind, at, *rest in connection.execute(_RUNS)
    ]
    calls = [
        (named(each.job_id), each.kind, due(each.kind, each.due_at), each.data)
        for each in case.calls
        if each.kind != "event"
    ]
    return Outcome(tuple(answers), _ordered(jobs), _ordered(runs), _ordered(calls))


def _ordered(rows: Iterable[tuple[Any, ...]]) -> tuple[str, ...]:
    return tuple(sorted(repr(tuple(row)) for row in rows))
