"""Runs of Fusion jobs, taken and settled as workers and the scheduler do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import psycopg
from flask.testing import FlaskClient

from app.domain.run import Attempt, Reply, RunState
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.takes import Taken, take
from tests.api.fusion.documents import MOVIES, act

NONE: Final[Any] = {"triggers": []}


def taken(connection: psycopg.Connection) -> Taken:
    """The one run there is, in a worker's hands."""
    (row,) = connection.execute("SELECT id, token FROM inflight WHERE kind <> 'event'").fetchall()
    (found,) = take(connection, [row])
    return found


def settled(
    connection: psycopg.Connection, run: Taken, state: RunState | None, code: int = 200
) -> bool:
    """What comes of a call of the run; without a state it is made again. Whether that counted."""
    attempt = Attempt(1, datetime.now(UTC), 1.0, Reply(status=code))
    settlement = Settlement(
        *(run.id, run.token, run.job_id, run.job_version, run.due_at, state),
        None if state else datetime.now(UTC),
        *(None if code == 200 else "The receiver answered 500.", False, False, attempt),
        serial=run.serial,
    )
    return run.id in settle(connection, [settlement])


def begun(client: FlaskClient, connection: psycopg.Connection, resource: str = MOVIES) -> Taken:
    """A run that was started and taken."""
    assert act(client, resource=resource)["accepted"]
    return taken(connection)


def end_cancelled(connection: psycopg.Connection) -> None:
    """Runs that were cancelled end, as the scheduler ends them."""
    assert settle(connection, check(connection, limit=10, leases_count=True).ended)
