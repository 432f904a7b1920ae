"""The age of the oldest snapshot, and of nothing else."""

from __future__ import annotations

from datetime import datetime

import psycopg
from sqlalchemy import Connection

from app.store.snapshots import oldest_age
from tests.factories import connect, one

AGE = "SELECT extract(epoch FROM clock_timestamp() - %s::timestamptz)::float8"


def began(session: psycopg.Connection) -> datetime:
    """When the transaction of this session began, which has a snapshot or an id by now."""
    instant: datetime = one(session, "SELECT now() FROM (SELECT count(*) FROM due) AS counted")
    return instant


def check(watching: Connection, connection: psycopg.Connection, since: datetime) -> None:
    before = one(connection, AGE, since)
    age = oldest_age(watching)
    assert 0 < before <= age <= one(connection, AGE, since)


def test_a_transaction_that_may_see_dead_rows_is_reported_with_its_age(
    watching: Connection, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    assert oldest_age(watching) == 0

    with other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        check(watching, connection, began(other))
    assert oldest_age(watching) == 0


def test_a_transaction_that_has_written_and_idles_is_reported(
    watching: Connection, connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    with other.transaction():
        other.execute("INSERT INTO account (name) VALUES ('idle')")
        check(watching, connection, began(other))


def test_the_oldest_of_several_is_shown(
    watching: Connection, connection: psycopg.Connection, other: psycopg.Connection, database: str
) -> None:
    with other.transaction(), connect(database) as later:
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        since = began(other)
        with later.transaction():
            later.execute("INSERT INTO account (name) VALUES ('later')")
            check(watching, connection, since)


def test_a_session_that_idles_outside_a_transaction_or_only_read_is_not_reported(
    watching: Connection, other: psycopg.Connection
) -> None:
    with other.transaction():
        began(other)
        assert oldest_age(watching) == 0
