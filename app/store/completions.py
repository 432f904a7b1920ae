"""Completions: results that receivers report, stored until the calls of their runs are settled."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain.completion import Completion
from app.domain.dapr.series import MAX_TOGETHER
from app.store.queries import run
from app.store.run_ends import Live


class Owner(NamedTuple):
    """The account and the job of a run."""

    account_id: int
    job_id: UUID
    is_to_come: bool
    """Whether no run has this id yet: a worker is calling, or has just called, a tick under it."""


def owner(connection: psycopg.Connection, run_id: UUID) -> Owner | None:
    """Return the owner of a run; None if there is no such run."""
    first = UUID(int=max(0, run_id.int - MAX_TOGETHER))
    row = run(connection, "find_run_owner", {"run_id": run_id, "first": first}).fetchone()
    return None if row is None else Owner._make(row)


def keep(connection: psycopg.Connection, live: Live, completion: Completion) -> None:
    """Store the result of a run that a worker holds, until the response to its call is settled."""
    reported = {"result": completion.result, "message": completion.message}
    run(connection, "keep_completion", {"run_id": live.id, **reported})


def count_running(connection: psycopg.Connection) -> int:
    """Return how many runs wait for their completion."""
    row = connection.execute("SELECT count(*) FROM inflight WHERE state = 'running'").fetchone()
    return int(row[0]) if row else 0
