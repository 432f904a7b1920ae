"""Fusion aborts: end a run at its account's request, even while a worker holds it."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import psycopg

from app.domain.call_options import CallOptions
from app.domain.retry_policy import RetryPolicy
from app.domain.run import RunState
from app.store import events, queries, run_ends, serial
from app.store.depth import current_depth
from app.store.events import Event
from app.store.run_ends import Live

# A runner that cannot be reached is not notified after these few minutes.
_RUNNER_OPTIONS: Final = CallOptions(retry=RetryPolicy(schedule=(5.0, 25.0, 300.0)))


def end_run(connection: psycopg.Connection, run_id: UUID, reason: str) -> Live | None:
    """End a serial run under way as cancelled, in this transaction; None if it is not under way.

    Its job must be locked, and the jobs that may start when it ends. The token of a worker that
    holds the run becomes invalid, so the result of its call is dropped.
    """
    run = run_ends.lock(connection, run_id)
    if run is not None:
        serial.cancel(connection, run_id, reason)
        if run.is_held:
            queries.run(connection, "note_abort", {"run_id": run_id, "token": run.token})
        run_ends.end(connection, run, RunState.CANCELLED, reason)
    return run


def notify_runner(connection: psycopg.Connection, run: Live, *, url: str, body: bytes) -> None:
    """Make an event that tells the runner at `url` that the run has ended."""
    event = Event(run.id, run.token, run.account_id, url, body, current_depth())
    events.insert_events(connection, [event], options=_RUNNER_OPTIONS)
