"""Endpoints: places that an account configures apart from its jobs, by dialect and name."""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg
from sqlalchemy import Connection, Row, Select, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert

from app.domain.endpoint import AppProtocol
from app.domain.job import Dialect
from app.store.queries import run
from app.store.tables import endpoint

_IN_USE: Final = text("""
SELECT count(*) FROM (
  SELECT FROM job WHERE account_id = :account_id AND dialect = :dialect AND endpoint = :name
    AND name IS NOT NULL
  LIMIT :most) AS found
""")


class Stored(NamedTuple):
    """An endpoint as stored: its token, if it has one, is sealed."""

    name: str
    url: str
    sealed_token: bytes | None
    protocol: AppProtocol


def put(
    connection: Connection,
    account_id: int,
    dialect: Dialect,
    name: str,
    *,
    url: str,
    sealed_token: bytes | None,
    protocol: AppProtocol,
) -> bool:
    """Store it, or give the one of that name this URL, token and protocol; whether it is new."""
    values = {"url": url, "sealed_token": sealed_token, "protocol": str(protocol)}
    query = (
        insert(endpoint)
        .values(account_id=account_id, dialect=dialect, name=name, **values)
        .on_conflict_do_update(
            constraint="endpoint_pkey",
            set_={**values, "updated_at": func.clock_timestamp()},
        )
        # A row that was just inserted has never been locked by an update.
        .returning(text("xmax = 0"))
    )
    return bool(connection.execute(query).scalar_one())


def find(connection: Connection, account_id: int, dialect: Dialect, name: str) -> Stored | None:
    """The endpoint of that name."""
    row = connection.execute(_of(account_id, dialect).where(endpoint.c.name == name)).one_or_none()
    return None if row is None else _stored(row)


def list_page(
    connection: Connection, account_id: int, dialect: Dialect, *, after: str, limit: int | None
) -> tuple[Stored, ...]:
    """The first `limit` of the account's endpoints of a dialect after the name `after`, by name."""
    query = _of(account_id, dialect).where(endpoint.c.name > after)
    rows = connection.execute(query.order_by(endpoint.c.name).limit(limit))
    return tuple(map(_stored, rows))


def count(connection: Connection, account_id: int, dialect: Dialect) -> int:
    """How many endpoints of a dialect the account has."""
    query = select(func.count()).where(
        endpoint.c.account_id == account_id, endpoint.c.dialect == dialect
    )
    return int(connection.execute(query).scalar_one())


def has_any(connection: Connection, account_id: int) -> bool:
    """Whether the account has an endpoint of any dialect."""
    query = select(endpoint.c.name).where(endpoint.c.account_id == account_id).limit(1)
    return connection.execute(query).one_or_none() is not None


def names(
    connection: psycopg.Connection, account_id: int, dialect: Dialect, *, limit: int
) -> list[str]:
    """The first names of the account's endpoints of a dialect, in their order."""
    params = {"account_id": account_id, "dialect": str(dialect), "limit": limit}
    return [name for (name,) in run(connection, "endpoints", params)]


def exists(connection: psycopg.Connection, account_id: int, dialect: Dialect, name: str) -> bool:
    """Whether the account has an endpoint of that name."""
    params = {"account_id": account_id, "dialect": str(dialect), "name": name}
    return run(connection, "has_endpoint", params).fetchone() is not None


def remove(connection: Connection, account_id: int, dialect: Dialect, name: str) -> bool:
    """Forget it; False where there is none."""
    gone = connection.execute(
        delete(endpoint).where(
            endpoint.c.account_id == account_id,
            endpoint.c.dialect == dialect,
            endpoint.c.name == name,
        )
    )
    return gone.rowcount == 1


def jobs_at(
    connection: Connection, account_id: int, dialect: Dialect, name: str, *, most: int
) -> int:
    """How many jobs are sent there; counted up to `most`."""
    params = {"account_id": account_id, "dialect": str(dialect), "name": name, "most": most}
    counted: int = connection.execute(_IN_USE, params).scalar_one()
    return counted


def _of(account_id: int, dialect: Dialect) -> Select[tuple[str, str, bytes | None, str]]:
    columns = (endpoint.c.name, endpoint.c.url, endpoint.c.sealed_token, endpoint.c.protocol)
    return select(*columns).where(
        endpoint.c.account_id == account_id, endpoint.c.dialect == dialect
    )


def _stored(row: Row[tuple[str, str, bytes | None, str]]) -> Stored:
    return Stored(
        name=row.name,
        url=row.url,
        sealed_token=None if row.sealed_token is None else bytes(row.sealed_token),
        protocol=AppProtocol(row.protocol),
    )
