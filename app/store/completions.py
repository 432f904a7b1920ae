"""Completions: what a receiver says of its run, kept until its call has been answered."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.completion import Completion
from app.store.endings import Live

_OWNER: Final = text("""
SELECT account_id, job_id FROM inflight WHERE id = :run_id
UNION ALL
SELECT account_id, job_id FROM run WHERE id = :run_id
LIMIT 1
""")

_KEEP: Final = text("""
UPDATE inflight SET completion = :said, completion_message = :message WHERE id = :run_id
""")


class Owner(NamedTuple):
    """Whose run it is."""

    account_id: int
    job_id: UUID


def owner(connection: Connection, run_id: UUID) -> Owner | None:
    """Whose run it is; None where there is none."""
    row = connection.execute(_OWNER, {"run_id": run_id}).first()
    return None if row is None else Owner(*row)


def keep(connection: Connection, run: Live, completion: Completion) -> None:
    """Keep what was said of a run that a worker holds, until the answer to its call is settled."""
    said = {"said": completion.said, "message": completion.message}
    connection.execute(_KEEP, {"run_id": run.id, **said})


def count_running(connection: psycopg.Connection) -> int:
    """How many runs wait for their receiver to say what came of them."""
    row = connection.execute("SELECT count(*) FROM inflight WHERE state = 'running'").fetchone()
    return int(row[0]) if row else 0
