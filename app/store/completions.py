"""Completions: what a receiver says of its run, kept until its call has been answered."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.completion import Completion
from app.domain.dapr.series import MAX_TOGETHER
from app.store.run_ends import Live

# A further tick is called under an id that follows from that of the run that calls it, and is a run
# of its own only once that is settled. All is asked at once, so that it is not missed in between.
_OWNER: Final = text("""
SELECT account_id, job_id, false FROM inflight WHERE id = :run_id
UNION ALL
SELECT account_id, job_id, false FROM run WHERE id = :run_id
UNION ALL
SELECT account_id, job_id, true FROM inflight
WHERE id >= :first AND id < :run_id AND state = 'taken' AND further IS NOT NULL
LIMIT 1
""")

_KEEP: Final = text("""
UPDATE inflight SET completion = :said, completion_message = :message WHERE id = :run_id
""")


class Owner(NamedTuple):
    """Whose run it is.

    `is_to_come` tells that there is none yet of that id: a worker calls a further tick under it, or
    has just called it.
    """

    account_id: int
    job_id: UUID
    is_to_come: bool


def owner(connection: Connection, run_id: UUID) -> Owner | None:
    """Whose run it is; None where there is none."""
    first = UUID(int=max(0, run_id.int - MAX_TOGETHER))
    row = connection.execute(_OWNER, {"run_id": run_id, "first": first}).first()
    return None if row is None else Owner(*row)


def keep(connection: Connection, run: Live, completion: Completion) -> None:
    """Keep what was said of a run that a worker holds, until the answer to its call is settled."""
    said = {"said": completion.said, "message": completion.message}
    connection.execute(_KEEP, {"run_id": run.id, **said})


def count_running(connection: psycopg.Connection) -> int:
    """How many runs wait for their receiver to say what came of them."""
    row = connection.execute("SELECT count(*) FROM inflight WHERE state = 'running'").fetchone()
    return int(row[0]) if row else 0
