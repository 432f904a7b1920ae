"""Aborts: a run ended by its account, whoever holds it, and its runner told."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain import tally
from app.domain.manner import Manner
from app.domain.retry_policy import RetryPolicy
from app.domain.run import RunState
from app.store import beats, events, serial
from app.store.events import Event
from app.store.settling import Settlement, settle

_LOCK: Final = text("""
SELECT id, token, job_id, account_id, job_version, due_at, final
FROM inflight WHERE id = :run_id FOR UPDATE
""")

# It leaves inflight here: whoever has taken it, and is about to call, knows by this (word).
_NOTE: Final = text("INSERT INTO aborted (run_id) VALUES (:run_id) ON CONFLICT DO NOTHING")

_FIRST_TOKEN: Final = 1
# A runner that cannot be reached is not told for long.
_TOLD: Final = Manner(retry=RetryPolicy(schedule=(5.0, 25.0, 300.0)))


class Aborted(NamedTuple):
    """A run that was just ended."""

    id: UUID
    token: int
    job_id: UUID
    account_id: int
    job_version: int
    due_at: Any
    final: bool

    @property
    def was_taken(self) -> bool:
        """Whether a call of it may have begun: each take raises the token."""
        return self.token > _FIRST_TOKEN


def end(connection: Connection, run_id: UUID, reason: str) -> Aborted:
    """End a serial run under way as cancelled, in this transaction.

    Its job must be locked, and those that may start when it ends. Whoever holds it presents a token
    that is worth nothing any more: what comes of its call is not kept.
    """
    found = Aborted(*connection.execute(_LOCK, {"run_id": run_id}).one())
    serial.cancel(connection, run_id, reason)
    connection.execute(_NOTE, {"run_id": run_id})
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    settlement = Settlement(
        id=found.id,
        token=found.token,
        job_id=found.job_id,
        job_version=found.job_version,
        due_at=found.due_at,
        state=RunState.CANCELLED,
        retry_at=None,
        reason=reason,
        last=found.final,
        ends_job=False,
        attempt=None,
        tells=True,
        serial=True,
    )
    settle(driver, [settlement])
    beats.add(driver, {(tally.RUN, str(RunState.CANCELLED)): 1.0})
    return found


def tell(connection: Connection, run: Aborted, *, url: str, body: bytes) -> None:
    """Let `url` be told of the end, with a signed call of its own."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    events.insert(driver, [Event(run.id, run.token, run.account_id, url, body)], manner=_TOLD)
