"""Recent runs: the newest of each job, live and settled, and the jobs that fail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from flask import Flask
from uuid6 import uuid7

from app.api.context import current_context
from app.domain.recent_run import RecentRun
from app.domain.run import RunState
from app.store import recent_runs
from tests.factories import add_account
from tests.store.test_pages import add

NOW = datetime.now(UTC).replace(microsecond=0)


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def newest(account_id: int, *job_ids: UUID, limit: int = 3) -> dict[UUID, tuple[RecentRun, ...]]:
    with current_context().database.statement() as connection:
        return recent_runs.newest(connection, account_id, job_ids, limit=limit)


def failing(account_id: int) -> set[UUID]:
    with current_context().database.statement() as connection:
        return set(recent_runs.failing_jobs(connection, account_id))


def test_the_newest_runs_of_each_job_are_listed_live_ones_included(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    busy, idle, fresh = (UUID(int=uuid7().int) for _ in range(3))
    for hours in (30, 3, 2):
        add(connection, account_id, RunState.SUCCEEDED, hours_ago(hours), busy)
    live = add(connection, account_id, RunState.WAITING, hours_ago(2.5), busy)
    dead = add(connection, account_id, RunState.DEAD, hours_ago(50), idle)
    found = newest(account_id, busy, idle, fresh)
    assert [each.due_at for each in found[busy]] == [hours_ago(n) for n in (2, 2.5, 3)]
    assert [each.state for each in found[busy]] == ["succeeded", "waiting", "succeeded"]
    assert (found[busy][1].id, found[busy][1].settled_at) == (live, None)
    assert [(each.id, each.state) for each in found[idle]] == [(dead, RunState.DEAD)]
    assert found[idle][0].settled_at is not None
    assert set(found) == {busy, idle}
    assert newest(account_id) == {}
    assert newest(add_account(connection, "other"), busy, idle) == {}


def test_a_job_fails_until_a_run_succeeds(
    app: Flask, connection: psycopg.Connection, account_id: int
) -> None:
    failed, dead, mended, cancelled, long_ago, foreign = (UUID(int=uuid7().int) for _ in range(6))
    other = add_account(connection, "other")
    for job_id, account, runs in (
        (failed, account_id, [(RunState.SUCCEEDED, 3.0), (RunState.FAILED, 2.0)]),
        (dead, account_id, [(RunState.DEAD, 50.0)]),
        (mended, account_id, [(RunState.FAILED, 3.0), (RunState.SUCCEEDED, 2.0)]),
        (cancelled, account_id, [(RunState.FAILED, 3.0), (RunState.CANCELLED, 2.0)]),
        (long_ago, account_id, [(RunState.FAILED, 24.0 * recent_runs.FAILING_DAYS + 1)]),
        (foreign, other, [(RunState.FAILED, 2.0)]),
    ):
        for state, hours in runs:
            add(connection, account, state, hours_ago(hours), job_id)
    assert failing(account_id) == {failed, dead, cancelled}
    add(connection, account_id, RunState.WAITING, hours_ago(1), failed)
    assert failing(account_id) == {failed, dead, cancelled}
    add(connection, account_id, RunState.SUCCEEDED, hours_ago(0.5), failed)
    assert failing(account_id) == {dead, cancelled}
