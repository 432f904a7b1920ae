"""History's partitions: made ahead, missed without loss, dropped in time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.store import partitions
from app.store.partitions import (
    DAYS_AHEAD,
    TABLES,
    drop_before,
    drop_expired,
    drop_left,
    make_ahead,
)
from app.store.settling import settle
from tests.factories import book, claim_and_take, one
from tests.store.test_settling import settlement_of


def test_partitions_are_made_once(connection: psycopg.Connection) -> None:
    drop_before(connection, datetime.now(UTC).date() + timedelta(days=30))
    today = datetime.now(UTC).date()

    assert make_ahead(connection, today).made == len(TABLES) * (DAYS_AHEAD + 2)
    assert make_ahead(connection, today) == (0, ())


def test_a_missing_partition_loses_nothing_and_is_filled_when_made(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    drop_before(connection, today + timedelta(days=30))
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run)])
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
    settle(connection, [settlement_of(run) for run in claim_and_take(connection)])
    connection.execute("UPDATE run SET settled_at = due_at")
    assert one(connection, "SELECT count(*) FROM run") == 3

    first_kept = today - timedelta(days=30)
    assert drop_before(connection, first_kept).dropped == len(TABLES) * (DAYS_AHEAD + 2)
    assert one(connection, "SELECT count(*) FROM run") == 2
    left = {table: drop_left(connection, table, first_kept, limit=10) for table in TABLES}

    assert left == {"run": 1, "attempt": 1}
    assert one(connection, "SELECT count(*) FROM run") == 1
    assert one(connection, "SELECT count(*) FROM attempt") == 1


def test_of_many_rows_without_a_partition_none_is_moved(
    connection: psycopg.Connection, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = datetime.now(UTC).date()
    drop_before(connection, today + timedelta(days=30))
    for _ in range(2):
        book(connection, account_id, due_in=-1)
    settle(connection, [settlement_of(run) for run in claim_and_take(connection)])
    monkeypatch.setattr(partitions, "MAX_MOVED", 1)

    made = make_ahead(connection, today)

    assert len(made.crowded) == len(TABLES)
    assert made.made == len(TABLES) * (DAYS_AHEAD + 1)
    assert one(connection, "SELECT count(*) FROM run_default") == 2


def test_what_history_s_reader_has_is_waited_for_no_longer_than_a_moment(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    today = datetime.now(UTC).date()
    make_ahead(connection, today)
    connection.execute("SET statement_timeout = '20s'")
    with other.transaction():
        other.execute("SELECT count(*) FROM run, attempt")
        for define in (
            lambda: drop_before(connection, today + timedelta(days=30)),
            lambda: make_ahead(connection, today + timedelta(days=30)),
        ):
            began = time.monotonic()
            with pytest.raises(psycopg.errors.LockNotAvailable):
                define()
            assert time.monotonic() - began < 2

    assert drop_before(connection, today + timedelta(days=30)).dropped == len(TABLES) * (
        DAYS_AHEAD + 2
    )


def test_another_loop_that_is_at_it_is_left_to_it(
    connection: psycopg.Connection, other: psycopg.Connection
) -> None:
    today = datetime.now(UTC).date()
    with other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(7233012458)")
        assert make_ahead(connection, today) == (0, ())
        assert drop_before(connection, today + timedelta(days=30)).dropped == 0


def rows_read(connection: psycopg.Connection) -> int:
    """How many rows of the default partition have been read from its beginning so far."""
    connection.execute("SELECT pg_stat_force_next_flush()")
    read = "SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'run_default'"
    return int(one(connection, read))


CONSTRAINTS = "SELECT count(*) FROM pg_constraint WHERE conname = 'days_ahead'"


def test_the_default_partition_is_read_once_for_a_day_ahead(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    make_ahead(connection, today - timedelta(days=1))
    for _ in range(5):
        book(connection, account_id, due_in=-400 * 86400)
    settle(connection, [settlement_of(run) for run in claim_and_take(connection)])
    before = rows_read(connection)

    assert make_ahead(connection, today) == (len(TABLES), ())

    assert rows_read(connection) - before == 5
    assert one(connection, CONSTRAINTS) == 0


def test_rows_of_a_day_ahead_are_moved_where_a_clock_was_set_back(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    drop_before(connection, today + timedelta(days=30))
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run)])

    assert make_ahead(connection, today - timedelta(days=3)) == (len(TABLES) * (DAYS_AHEAD + 2), ())

    assert one(connection, "SELECT count(*) FROM run_default") == 0
    assert one(connection, "SELECT id FROM run") == run.id
    assert one(connection, CONSTRAINTS) == 0


def test_a_constraint_that_an_interrupted_loop_left_is_removed(
    connection: psycopg.Connection, account_id: int
) -> None:
    today = datetime.now(UTC).date()
    make_ahead(connection, today)
    for table in TABLES:
        connection.execute(
            f"ALTER TABLE {table}_default ADD CONSTRAINT days_ahead CHECK (due_at < '2000-01-01')"
        )

    assert make_ahead(connection, today) == (0, ())

    assert one(connection, CONSTRAINTS) == 0
    book(connection, account_id, due_in=-400 * 86400)
    settle(connection, [settlement_of(run) for run in claim_and_take(connection)])
    assert one(connection, "SELECT count(*) FROM run_default") == 1


def test_what_was_due_long_ago_is_kept_from_when_it_happened(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-400 * 86400)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run)])
    first_kept = datetime.now(UTC).date() - timedelta(days=30)

    assert [drop_left(connection, table, first_kept, limit=10) for table in TABLES] == [0, 0]
    assert one(connection, "SELECT count(*) FROM attempt") == 1
    connection.execute("UPDATE run SET settled_at = settled_at - interval '32 days'")

    assert [drop_left(connection, table, first_kept, limit=10) for table in TABLES] == [1, 1]


def test_attempts_of_a_run_that_is_sent_again_are_kept_meanwhile(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-400 * 86400)
    (run,) = claim_and_take(connection)
    settle(connection, [settlement_of(run, None, 500)])
    assert one(connection, "SELECT state FROM inflight") == "waiting"
    first_kept = datetime.now(UTC).date() - timedelta(days=30)

    assert drop_left(connection, "attempt", first_kept, limit=10) == 0


@pytest.mark.parametrize("most", [10, 0])
def test_what_was_settled_late_outlives_its_day(
    connection: psycopg.Connection,
    account_id: int,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setattr(partitions, "MAX_MOVED", most)
    today = datetime.now(UTC).date()
    first_kept = today - timedelta(days=30)
    make_ahead(connection, today - timedelta(days=40))
    for _ in range(3):
        book(connection, account_id, due_in=-40 * 86400)
    sent_again, again, old = claim_and_take(connection)
    settle(
        connection, [settlement_of(sent_again), settlement_of(again, None, 500), settlement_of(old)]
    )
    connection.execute("UPDATE run SET settled_at = due_at WHERE id = %s", (old.id,))

    dropped, crowded = drop_before(connection, first_kept)

    partitions_left = len(TABLES) if most == 0 else 0
    assert dropped == len(TABLES) * (DAYS_AHEAD + 2) - partitions_left
    kept = [sent_again.id] if most else sorted([sent_again.id, old.id])
    runs = connection.execute("SELECT id FROM run ORDER BY id").fetchall()
    assert [row[0] for row in runs] == kept
    attempts = "SELECT count(*) FROM attempt WHERE run_id = ANY (%s)"
    assert one(connection, attempts, [sent_again.id, again.id]) == 2
    assert one(connection, "SELECT count(*) FROM attempt") == (2 if most else 3)
    assert one(connection, "SELECT count(*) FROM run_default") == (1 if most else 0)
    assert len(crowded) == partitions_left


def test_of_a_day_of_which_too_much_must_stay_only_that_stays(
    connection: psycopg.Connection, account_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "MAX_MOVED", 1)
    today = datetime.now(UTC).date()
    first_kept = today - timedelta(days=30)
    make_ahead(connection, today - timedelta(days=40))
    for _ in range(5):
        book(connection, account_id, due_in=-40 * 86400)
    runs = claim_and_take(connection)
    settle(connection, [settlement_of(run) for run in runs])
    old = [run.id for run in runs[2:]]
    connection.execute("UPDATE run SET settled_at = due_at WHERE id = ANY (%s)", (old,))
    connection.execute("UPDATE attempt SET started_at = due_at WHERE run_id = ANY (%s)", (old,))
    crowded = drop_before(connection, first_kept).crowded
    assert [name.partition("_")[0] for name in crowded] == ["run", "attempt"]

    deleted = [
        [drop_expired(connection, name, first_kept, limit=2) for _ in range(3)] for name in crowded
    ]

    assert deleted == [[2, 1, 0], [2, 1, 0]]
    for column, table in (("id", "run"), ("run_id", "attempt")):
        left = one(connection, f"SELECT array_agg({column} ORDER BY {column}) FROM {table}")
        assert left == sorted(run.id for run in runs[:2])
    # The rest is few enough once some of it has expired as well.
    connection.execute("UPDATE run SET settled_at = due_at WHERE id = %s", (runs[0].id,))
    assert drop_before(connection, first_kept).crowded == ()
    assert one(connection, "SELECT id FROM run") == runs[1].id
