"""Run ends: end a run without its worker, by a completion or an abort."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

import psycopg

from app.domain import counters
from app.domain.run import FIRST_TOKEN, RunState
from app.store import queries
from app.store.counters import add_counters
from app.store.database import after_commit
from app.store.settling import settle
from app.store.unsettled import Unsettled, settlement


@dataclass(frozen=True, slots=True)
class Live(Unsettled):
    """A locked run under way that is about to be completed or aborted."""

    account_id: int
    answered: bool
    """Whether a call of the run got a response, since the run was last sent again."""
    completion: str | None
    """The result that was already reported."""

    @property
    def was_taken(self) -> bool:
        """Whether a call of the run may have begun: each take raises the token."""
        return self.token > FIRST_TOKEN

    @property
    def is_held(self) -> bool:
        """Whether a worker holds the run: the response to its call decides how it continues."""
        return self.state == RunState.TAKEN


def lock(connection: psycopg.Connection, run_id: UUID) -> Live | None:
    """Lock a run and return it; None if it is not under way. Its job must be locked."""
    row = queries.run(connection, "lock_run", {"run_id": run_id}).fetchone()
    return None if row is None else Live(*row)


def end(connection: psycopg.Connection, run: Live, state: RunState, reason: str | None) -> None:
    """End the run in this transaction, and its job if that has no further firing.

    If the job is serial, the jobs that may start when it ends must be locked as well.
    """
    settle(connection, [settlement(run, state, reason)])
    if not after_commit(partial(_count, state)):
        _count(state, connection)


def _count(state: RunState, connection: psycopg.Connection) -> None:
    add_counters(connection, {(counters.RUN, str(state)): 1.0})
