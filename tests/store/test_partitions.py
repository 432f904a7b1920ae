"""History's partitions: made ahead, missed without loss, dropped in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from app.store.partitions import DAYS_AHEAD, TABLES, drop_before, make_ahead
from app.store.settling import settle
from tests.booked import book, claim_and_take, one
from tests.store.test_settling import came


def test_partitions_are_made_once(connection: psycopg.Connection) -> None:
    drop_before(connection, datetime.now(UTC).date() + timedelta(days=30))
    today = datetime.now(UTC).date()

    assert make_ahead(connection, today) == len(TABLES) * (DAYS_AHEAD + 2)
    assert make_ahead(connection, today) == 0


def test_a_missing_partition_loses_nothing_and_is_filled_when_made(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    drop_before(connection, today + timedelta(days=30))
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    settle(connection, [came(run)])
    assert one(connection, "SELECT count(*) FROM run_default") == 1

    make_ahead(connection, today)

    assert one(connection, "SELECT count(*) FROM run_default") == 0
    assert one(connection, "SELECT id FROM run") == run.id
    assert one(connection, "SELECT run_id FROM attempt") == run.id


def test_retention_drops_whole_days_and_what_is_old_in_the_default(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    make_ahead(connection, today - timedelta(days=40))
    book(connection, account_id, due_in=-40 * 86400)
    book(connection, account_id, due_in=-90 * 86400)
    book(connection, account_id, due_in=-1)
    settle(connection, [came(run) for run in claim_and_take(connection)])
    assert one(connection, "SELECT count(*) FROM run") == 3

    dropped = drop_before(connection, today - timedelta(days=30))

    assert dropped == len(TABLES) * (DAYS_AHEAD + 2)
    assert one(connection, "SELECT count(*) FROM run") == 1
    assert one(connection, "SELECT count(*) FROM attempt") == 1
