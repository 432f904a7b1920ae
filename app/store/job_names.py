"""Job names: each is unique among the jobs of one account, dialect and endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, Connection, select
from sqlalchemy.exc import IntegrityError

from app.domain.job import Dialect
from app.store.tables import job

_INDEX = "job_name"


class NameTaken(Exception):
    """Another job of the account has this name; the statement that was to store it failed."""


@contextmanager
def minding_names() -> Iterator[None]:
    """Raise NameTaken if a statement inside gives a job a name that is taken."""
    try:
        yield
    except (IntegrityError, psycopg.errors.UniqueViolation) as error:
        cause = error.orig if isinstance(error, IntegrityError) else error
        if isinstance(cause, psycopg.Error) and cause.diag.constraint_name == _INDEX:
            raise NameTaken from error
        raise


def holder(
    connection: Connection,
    account_id: int,
    name: str,
    dialect: Dialect = Dialect.NATIVE,
    endpoint: str = "",
) -> UUID | None:
    """Return the id of the account's job with this name, dialect and endpoint; None if none has."""
    query = select(job.c.id).where(*named(account_id, name, dialect, endpoint))
    return connection.execute(query).scalar_one_or_none()


def named(
    account_id: int, name: str, dialect: Dialect, endpoint: str
) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that only the job with this name meets."""
    return (
        job.c.account_id == account_id,
        job.c.dialect == dialect,
        job.c.endpoint == endpoint,
        job.c.name == name,
    )
