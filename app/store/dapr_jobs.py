"""Dapr jobs: the jobs of one app, in pages by name, for lists and for deletions by prefix."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, LargeBinary, case, func, literal, null, select, type_coerce

from app.domain.job import Dialect
from app.store.database import driver_of
from app.store.queries import run
from app.store.tables import job

PAGE: Final = 500
"""Jobs of a page of a list."""

MAX_DELETED: Final = 100
"""Jobs that one transaction deletes: their locks are held for some ten milliseconds."""


class ListedJob(NamedTuple):
    """What a list shows of a job."""

    name: str
    written: dict[str, Any]
    data: bytes | None
    type_url: str | None
    size: int
    """Bytes of name and data of this job and of those before it in the page."""


def page(
    connection: Connection, account_id: int, app_id: str, *, after: str, most: int
) -> list[ListedJob]:
    """The next jobs of the app after the name `after`, by name as the database sorts names.

    Data is read only up to `most` bytes in total.
    """
    length = func.coalesce(func.octet_length(job.c.data), 0) + func.octet_length(job.c.name)
    size = func.sum(length).over(order_by=job.c.name, rows=(None, 0))
    chosen = (
        select(job.c.name, job.c.written, job.c.data, job.c.type_url, size.label("size"))
        .where(
            job.c.account_id == account_id,
            job.c.dialect == Dialect.DAPR,
            job.c.endpoint == app_id,
            job.c.name.is_not(None),
            job.c.name > after,
        )
        .order_by(job.c.name)
        .limit(PAGE)
        .subquery()
    )
    data = case(
        (chosen.c.size <= literal(most), chosen.c.data), else_=type_coerce(null(), LargeBinary)
    )
    query = select(
        chosen.c.name, chosen.c.written, data, chosen.c.type_url, chosen.c.size
    ).order_by(chosen.c.name)
    return [
        ListedJob(name, written or {}, None if data is None else bytes(data), type_url, int(size))
        for name, written, data, type_url, size in connection.execute(query)
    ]


def find_by_prefix(
    connection: Connection, account_id: int, app_id: str, prefix: str, *, after: str
) -> list[tuple[str, UUID]]:
    """Names and ids of the next jobs of the app with this prefix after `after`, by name."""
    query = (
        select(job.c.name, job.c.id)
        .where(
            job.c.account_id == account_id,
            job.c.dialect == Dialect.DAPR,
            job.c.endpoint == app_id,
            job.c.name.is_not(None),
            job.c.name > after,
            func.starts_with(job.c.name, prefix),
        )
        .order_by(job.c.name)
        .limit(MAX_DELETED)
    )
    return [(name, job_id) for name, job_id in connection.execute(query)]


def delete(connection: Connection, account_id: int, job_ids: list[UUID], reason: str) -> None:
    """End these jobs of the account, and withdraw their runs; those that have ended are skipped."""
    driver = driver_of(connection)
    run(driver, "lock_jobs", {"job_ids": job_ids})
    run(driver, "cancel_runs_of_jobs", {"job_ids": job_ids, "reason": reason})
    run(driver, "erase_jobs", {"job_ids": job_ids, "account_id": account_id})
    run(driver, "drop_contents", {"job_ids": job_ids})
