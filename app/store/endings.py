"""Endings: a run ended by the word of its account or its receiver, as a worker would end it."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain import tally
from app.domain.run import RunState
from app.store import beats
from app.store.settling import Settlement, settle

_LOCK: Final = text("""
SELECT id, token, job_id, account_id, job_version, due_at, final, state,
       attempts > tried AS answered, completion, serial
FROM inflight WHERE id = :run_id FOR UPDATE
""")

_FIRST_TOKEN: Final = 1


class Live(NamedTuple):
    """A run under way, locked; `answered` where a call of it was, since it was last sent again."""

    id: UUID
    token: int
    job_id: UUID
    account_id: int
    job_version: int
    due_at: datetime
    final: bool
    state: str
    answered: bool
    completion: str | None
    serial: bool

    @property
    def was_taken(self) -> bool:
        """Whether a call of it may have begun: each take raises the token."""
        return self.token > _FIRST_TOKEN

    @property
    def is_held(self) -> bool:
        """Whether a worker has it: what it hears decides how the run goes on."""
        return self.state == RunState.TAKEN


def lock(connection: Connection, run_id: UUID) -> Live | None:
    """The run, locked, if it is under way; its job must be locked."""
    row = connection.execute(_LOCK, {"run_id": run_id}).first()
    return None if row is None else Live(*row)


def end(connection: Connection, run: Live, state: RunState, reason: str | None) -> None:
    """End the run in this transaction, and its job with it where nothing else is to come of that.

    The jobs that may start when a serial one ends must be locked as well.
    """
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    settlement = Settlement(
        id=run.id,
        token=run.token,
        job_id=run.job_id,
        job_version=run.job_version,
        due_at=run.due_at,
        state=state,
        retry_at=None,
        reason=reason,
        last=run.final,
        ends_job=False,
        attempt=None,
        tells=True,
        serial=run.serial,
    )
    settle(driver, [settlement])
    beats.add(driver, {(tally.RUN, str(state)): 1.0})
