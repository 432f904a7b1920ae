"""Completions: what a receiver says of its run, under the job's lock and the run's own."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain import tally
from app.domain.completion import Completion
from app.domain.run import RunState
from app.store import beats
from app.store.settling import Settlement, settle

_OWNER: Final = text("""
SELECT account_id, job_id FROM inflight WHERE id = :run_id
UNION ALL
SELECT account_id, job_id FROM run WHERE id = :run_id
LIMIT 1
""")

_LOCK: Final = text("""
SELECT id, token, job_id, job_version, due_at, final, state, attempts > tried AS answered,
       completion, serial
FROM inflight WHERE id = :run_id FOR UPDATE
""")

_KEEP: Final = text("""
UPDATE inflight SET completion = :said, completion_message = :message WHERE id = :run_id
""")


class Owner(NamedTuple):
    """Whose run it is."""

    account_id: int
    job_id: UUID


class Live(NamedTuple):
    """A run under way, locked; `answered` where a call of it was, since it was last sent again."""

    id: UUID
    token: int
    job_id: UUID
    job_version: int
    due_at: Any
    final: bool
    state: str
    answered: bool
    completion: str | None
    serial: bool


def owner(connection: Connection, run_id: UUID) -> Owner | None:
    """Whose run it is; None where there is none."""
    row = connection.execute(_OWNER, {"run_id": run_id}).first()
    return None if row is None else Owner(*row)


def lock(connection: Connection, run_id: UUID) -> Live | None:
    """The run, locked, if it is under way; its job must be locked."""
    row = connection.execute(_LOCK, {"run_id": run_id}).first()
    return None if row is None else Live(*row)


def keep(connection: Connection, run: Live, completion: Completion) -> None:
    """Keep what was said of a run that a worker holds, until the answer to its call is settled."""
    said = {"said": completion.said, "message": completion.message}
    connection.execute(_KEEP, {"run_id": run.id, **said})


def end(connection: Connection, run: Live, completion: Completion) -> None:
    """End a run that nobody holds, and its job with it where nothing else is to come of that."""
    driver = cast("psycopg.Connection", connection.connection.driver_connection)
    settlement = Settlement(
        id=run.id,
        token=run.token,
        job_id=run.job_id,
        job_version=run.job_version,
        due_at=run.due_at,
        state=completion.state,
        retry_at=None,
        reason=completion.reason,
        last=run.final,
        ends_job=False,
        attempt=None,
        tells=True,
        serial=run.serial,
    )
    settle(driver, [settlement])
    beats.add(driver, {(tally.RUN, str(completion.state)): 1.0})


def is_held(run: Live) -> bool:
    """Whether a worker has it: what it hears decides how the run goes on."""
    return run.state == RunState.TAKEN
