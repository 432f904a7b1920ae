"""Endings: runs ended by anybody but their worker, as their worker would end them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain import counters
from app.domain.run import FIRST_TOKEN, RunState
from app.store.counters import add_counters
from app.store.database import after_commit
from app.store.settling import settle
from app.store.unsettled import Unsettled, settlement

_LOCK: Final = text("""
SELECT id, token, job_id, job_version, due_at, final, serial, state, account_id,
       attempts > tried AS answered, completion
FROM inflight WHERE id = :run_id FOR UPDATE
""")


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
        return self.token > FIRST_TOKEN

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
    if not after_commit(partial(_count, state)):
        _count(state, driver)


def _count(state: RunState, connection: psycopg.Connection) -> None:
    add_counters(connection, {(counters.RUN, str(state)): 1.0})
