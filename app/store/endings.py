"""Endings: runs ended by anybody but their worker, as their worker would end them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain import tally
from app.domain.run import RunState
from app.store import beats
from app.store.settling import Settlement, settle

_LOCK: Final = text("""
SELECT id, token, job_id, job_version, due_at, final, serial, state, account_id,
       attempts > tried AS answered, completion
FROM inflight WHERE id = :run_id FOR UPDATE
""")

_FIRST_TOKEN: Final = 1


@dataclass(frozen=True, slots=True)
class Unsettled:
    """A run under way, locked, as far as its end by anybody but its worker depends on it."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: datetime
    final: bool
    serial: bool
    state: str


@dataclass(frozen=True, slots=True)
class Live(Unsettled):
    """A run that somebody has a word to say of.

    `answered` tells whether a call of it was, since it was last sent again.
    """

    account_id: int
    answered: bool
    completion: str | None

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
    settle(driver, [settlement(run, state, reason)])
    beats.add(driver, {(tally.RUN, str(state)): 1.0})


def settlement(run: Unsettled, state: RunState | None, reason: str | None) -> Settlement:
    """What is to be written of a run that ends, or waits on, without a call."""
    return Settlement(
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
        # What it was taken with is not known here: the few that end here are asked about.
        tells=state not in {None, RunState.CANCELLED},
        serial=run.serial,
    )
