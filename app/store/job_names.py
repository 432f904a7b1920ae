"""Names: one job of an account, a dialect and an endpoint at most bears each."""

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
    """Another job of the account bears the name; the statement that would have stored it failed."""


@contextmanager
def minding_names() -> Iterator[None]:
    """Raises NameTaken where a statement in it gives a job a name that is taken."""
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
    """The account's job of that name in a dialect and at an endpoint."""
    query = select(job.c.id).where(*named(account_id, name, dialect, endpoint))
    return connection.execute(query).scalar_one_or_none()


def named(
    account_id: int, name: str, dialect: Dialect, endpoint: str
) -> tuple[ColumnElement[bool], ...]:
    """What holds for that job alone."""
    return (
        job.c.account_id == account_id,
        job.c.dialect == dialect,
        job.c.endpoint == endpoint,
        job.c.name == name,
    )
