"""Apps: Dapr apps of `demo`, and jobs for them, stored as their bookings store them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from app.domain.call_options import CallOptions
from app.domain.dapr.schedule import DaprSchedule
from app.domain.one_time import At
from app.domain.retry_policy import Constant
from app.domain.trigger import to_document
from app.store import call_options
from tests.e2e.instance import until
from tests.factories import one

ONE_SECOND_THRICE = Constant(1, 3)


class Made(NamedTuple):
    """An attempt as history has it; `planned` is when it was to begin, all in seconds of 1970."""

    planned: float
    ended: float
    status: int | None


def put_app(connection: psycopg.Connection, name: str, url: str, protocol: str = "http") -> None:
    """Let the app be there, or somewhere else from now on."""
    connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url, protocol)"
        " SELECT id, 'dapr', %(name)s, %(url)s, %(protocol)s FROM account WHERE name = 'demo'"
        " ON CONFLICT (account_id, dialect, name)"
        " DO UPDATE SET url = %(url)s, protocol = %(protocol)s",
        {"name": name, "url": url, "protocol": protocol},
    )


def book_calls(
    connection: psycopg.Connection,
    app: str,
    dues: Sequence[datetime],
    *,
    policy: Constant = ONE_SECOND_THRICE,
    data: bytes | None = b'{"droid":"R2-D2"}',
    type_url: str | None = None,
) -> dict[UUID, datetime]:
    """One-time jobs of the app, each under its id as its name."""
    account = one(connection, "SELECT id FROM account WHERE name = 'demo'")
    manner = Jsonb(call_options.to_document(CallOptions(retry=policy)))
    jobs = {UUID(int=uuid7().int): due_at for due_at in dues}
    with connection.transaction():
        for job, due_at in jobs.items():
            trigger = Jsonb(to_document(At(instant=due_at)))
            connection.execute(
                "INSERT INTO job (id, account_id, version, url, data, trigger, enabled, name,"
                " manner, dialect, endpoint, written, type_url)"
                " VALUES (%s, %s, 1, %s, %s, %s, true, %s, %s, 'dapr', %s, '{}', %s)",
                (job, account, f"/job/{job}", data, trigger, str(job), manner, app, type_url),
            )
            connection.execute(
                "INSERT INTO due (job_id, account_id, version, recurring, next_at)"
                " VALUES (%s, %s, 1, false, %s)",
                (job, account, due_at),
            )
    return jobs


def book_ticks(
    connection: psycopg.Connection,
    app: str,
    first: datetime,
    schedule: str,
    *,
    repeats: int,
    policy: Constant = ONE_SECOND_THRICE,
) -> UUID:
    """A job of the app that is due at `first`, and then as often as it is to be repeated."""
    job = UUID(int=uuid7().int)
    trigger = DaprSchedule(schedule=schedule, start=first, first=first)
    manner = call_options.to_document(CallOptions(retry=policy))
    with connection.transaction():
        connection.execute(
            "INSERT INTO job (id, account_id, version, url, trigger, enabled, name, manner,"
            " misfire, dialect, endpoint, written)"
            " SELECT %s, id, 1, %s, %s, true, %s, %s, 'all', 'dapr', %s, '{}'"
            " FROM account WHERE name = 'demo'",
            (job, f"/job/{job}", Jsonb(to_document(trigger)), str(job), Jsonb(manner), app),
        )
        connection.execute(
            "INSERT INTO due (job_id, account_id, version, recurring, serial, remaining, next_at)"
            " SELECT id, account_id, 1, true, true, %s, %s FROM job WHERE id = %s",
            (repeats, first, job),
        )
    return job


def reason_of(connection: psycopg.Connection, job: UUID) -> str:
    """Why the job's run waits, in words; empty where it does not."""
    query = "SELECT reason FROM inflight WHERE job_id = %s AND state = 'waiting'"
    return one(connection, query, job) or ""


def end_of(connection: psycopg.Connection, job: UUID) -> tuple[str, str | None]:
    """How the job's only run ended, and why, once it has."""
    query = "SELECT state, reason FROM run WHERE job_id = %s"
    until(lambda: connection.execute(query, (job,)).fetchone() is not None, "the run has ended")
    row = connection.execute(query, (job,)).fetchone()
    assert row is not None
    return row[0], row[1]


def made(connection: psycopg.Connection, job: UUID) -> list[Made]:
    """The attempts of the job's only run, which has ended."""
    rows = connection.execute(
        "SELECT extract(epoch FROM started_at)::float8 - lateness_ms / 1000,"
        " extract(epoch FROM started_at)::float8 + total_ms / 1000, status"
        " FROM attempt a JOIN run r ON r.id = a.run_id AND r.due_at = a.due_at"
        " WHERE r.job_id = %s ORDER BY number",
        (job,),
    )
    return [Made(*row) for row in rows]
