"""Aborts: a run ended by its account, whoever holds it, and its runner told."""

from __future__ import annotations

from typing import Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.call_options import CallOptions
from app.domain.retry_policy import RetryPolicy
from app.domain.run import RunState
from app.store import events, run_ends, serial
from app.store.depth import current_depth
from app.store.events import Event
from app.store.run_ends import Live

# It leaves inflight here: a worker that has taken it, and is about to call, learns of the abort by
# this row (poll_cancellations).
_NOTE: Final = text("""
INSERT INTO aborted (run_id, token) VALUES (:run_id, :token)
ON CONFLICT (run_id) DO UPDATE SET token = excluded.token, aborted_at = excluded.aborted_at
""")

# A runner that cannot be reached is not told for long.
_TOLD: Final = CallOptions(retry=RetryPolicy(schedule=(5.0, 25.0, 300.0)))


def end(connection: Connection, run_id: UUID, reason: str) -> Live | None:
    """End a serial run under way as cancelled, in this transaction; None where it is not.

    Its job must be locked, and those that may start when it ends. Whoever holds it presents a token
    that is worth nothing any more: what comes of its call is not kept.
    """
    run = run_ends.lock(connection, run_id)
    if run is not None:
        serial.cancel(connection, run_id, reason)
        if run.is_held:
            connection.execute(_NOTE, {"run_id": run_id, "token": run.token})
        run_ends.end(connection, run, RunState.CANCELLED, reason)
    return run


def tell(connection: Connection, run: Live, *, url: str, body: bytes) -> None:
    """Let `url` be told of the end, with a signed call of its own."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    event = Event(run.id, run.token, run.account_id, url, body, current_depth())
    events.insert(driver, [event], options=_TOLD)
