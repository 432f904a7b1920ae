"""Job list: the ids of an account's jobs, all of them or those with certain tags, oldest first."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

import psycopg
from sqlalchemy import ColumnElement, Connection, Select, Text, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import OperationalError

from app.store.tables import job

_CHUNK = 5000

MAX_STATEMENT_MS: Final = 3000
"""Statement timeout to count or to read a list: only more than ten million jobs take longer."""


class TooLong(Exception):
    """The list could not be counted or read within MAX_STATEMENT_MS."""


@contextmanager
def in_time(connection: Connection) -> Iterator[None]:
    """Limit each statement of this transaction to MAX_STATEMENT_MS; raises TooLong above it."""
    connection.execute(text(f"SET LOCAL statement_timeout = {MAX_STATEMENT_MS}"))
    try:
        yield
    except OperationalError as error:
        if isinstance(error.orig, psycopg.errors.QueryCanceled):
            raise TooLong from error
        raise


def count(connection: Connection, account_id: int, tags: Sequence[str] = ()) -> int:
    """Return how many of the account's jobs have all of these tags."""
    query = select(func.count()).select_from(job).where(*_meant(account_id, tags))
    return connection.execute(query).scalar_one()


def stream(
    connection: Connection, account_id: int, tags: Sequence[str] = ()
) -> Generator[UUID, None, None]:
    """Yield the ids of the account's jobs with all of these tags, oldest first.

    They are read through a server-side cursor, which is open until all are read: a caller that
    stops earlier closes the generator.
    """
    query = _ids(account_id, tags)
    with connection.execute(query, execution_options={"yield_per": _CHUNK}) as rows:
        for (job_id,) in rows:
            yield job_id


def page(
    connection: Connection,
    account_id: int,
    tags: Sequence[str],
    *,
    after: UUID | None,
    limit: int,
) -> list[UUID]:
    """Return the ids of up to `limit` jobs with all of these tags after `after`, oldest first."""
    query = _ids(account_id, tags).limit(limit)
    if after is not None:
        query = query.where(job.c.id > after)
    return list(connection.execute(query).scalars())


def _ids(account_id: int, tags: Sequence[str]) -> Select[tuple[Any]]:
    return select(job.c.id).where(*_meant(account_id, tags)).order_by(job.c.id)


def _meant(account_id: int, tags: Sequence[str]) -> Iterator[ColumnElement[bool]]:
    yield job.c.account_id == account_id
    if tags:
        wanted = literal(list(tags), ARRAY(Text))
        yield job.c.tags.is_not(None)
        yield job.c.tags.contains(wanted)
        # The same condition for the index `job_tags`, whose hashes may match other tags as well.
        yield func.tag_keys(job.c.account_id, job.c.tags).op("@>")(
            func.tag_keys(literal(account_id), wanted)
        )
