"""Lateness by account: added up by several workers, read in a few rows, dropped in time."""

from __future__ import annotations

import psycopg

from app.domain.lateness import BOUNDS, Histogram
from app.store.accuracy import add, purge
from tests.factories import in_thread, one, wait_until_blocked

AGE = "UPDATE accuracy SET begins = begins - %s::interval WHERE account_id = %s"


def counts(connection: psycopg.Connection, account_id: int) -> list[int]:
    """All counts of an account, its periods taken together."""
    rows = connection.execute(
        "SELECT bucket, sum(n) FROM accuracy, unnest(counts) WITH ORDINALITY AS u (n, bucket)"
        " WHERE account_id = %s GROUP BY bucket ORDER BY bucket",
        (account_id,),
    ).fetchall()
    return [int(count) for _, count in rows]


def test_counts_add_up_bucket_by_bucket(connection: psycopg.Connection) -> None:
    add(connection, {})
    add(connection, {1: Histogram(counts=[1, 0, 2, 0, 0], most_ms=7.0)})
    add(
        connection,
        {
            1: Histogram(counts=[5], most_ms=0.05),
            2: Histogram(counts=[0] * len(BOUNDS) + [1], most_ms=9e6),
        },
    )
    add(connection, {1: Histogram(counts=[0, 1, 1, 0, 1], most_ms=3.0)})

    assert counts(connection, 1) == [6, 1, 3, 0, 1]
    assert one(connection, "SELECT max(most_ms) FROM accuracy WHERE account_id = 1") == 7.0
    assert counts(connection, 2) == [0] * len(BOUNDS) + [1]


def test_periods_are_five_minutes_of_the_database_s_clock(connection: psycopg.Connection) -> None:
    add(connection, {1: Histogram(counts=[1], most_ms=0.0)})
    begins, age = connection.execute(
        "SELECT extract(epoch FROM begins)::bigint, clock_timestamp() - begins FROM accuracy"
    ).fetchone() or (None, None)
    assert begins is not None
    assert begins % 300 == 0
    assert 0 <= age.total_seconds() < 600


def test_two_workers_adding_at_once_lose_nothing_and_wait_in_a_line(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    some = Histogram(counts=[1, 1], most_ms=1.0)
    with connection.transaction():
        add(connection, {1: some})
        with in_thread(lambda: add(other, {2: some, 1: some})) as finish:
            wait_until_blocked(connection)
            # Were the second account's row the other worker's by now, both would wait for ever.
            add(connection, {2: some})
            connection.execute("COMMIT")
            finish()
            connection.execute("BEGIN")
    assert counts(connection, 1) == counts(connection, 2) == [2, 2]


def test_lateness_older_than_a_week_is_dropped_in_small_steps(
    connection: psycopg.Connection,
) -> None:
    add(connection, {account: Histogram(counts=[1], most_ms=1.0) for account in range(1, 6)})
    for account in (1, 2, 3):
        connection.execute(AGE, ("8 days 5 minutes", account))
    connection.execute(AGE, ("7 days", 4))

    assert [purge(connection, limit=2) for _ in range(3)] == [2, 1, 0]
    assert one(connection, "SELECT array_agg(account_id ORDER BY account_id) FROM accuracy") == [
        4,
        5,
    ]
