"""Maintenance: what has expired goes, what has not stays, and no step is in another's way."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import structlog

from app.domain.lateness import Histogram
from app.store import accuracy, orphans, partitions
from app.store.connection import ReconnectingConnection
from app.store.settling import settle
from tests.factories import add_account, book, claim_and_take, connect, in_thread, one
from tests.store.test_settling import settlement_of
from workers import maintenance
from workers.maintenance import Maintenance

KEEP = (
    "INSERT INTO kept_answer (account_id, key, fingerprint, status, headers, body, sealed, kept_at)"
    " SELECT %s, 'k' || n, sha256(''), 201, '[]', '', false, clock_timestamp() - n * interval '9 h'"
    " FROM generate_series(0, 9) n"
)


@pytest.fixture
def turn(database: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """One turn of a maintenance that takes two rows at a step."""
    monkeypatch.setattr(maintenance, "_PURGED", 2)

    def once() -> None:
        made = Maintenance(ReconnectingConnection(database, "maintenance"), retention_days=30)
        made.run_once()
        made.close()

    return once


SECRETS = (
    "INSERT INTO signing_secret (account_id, sealed, expires_at)"
    " SELECT %s, 's'::bytea, clock_timestamp() + n * interval '1 h' FROM generate_series(-2, 2) n"
    " WHERE n <> 0 UNION ALL SELECT %s, 's', NULL::timestamptz"
)


def test_records_of_changes_go_with_the_days_of_history(
    database: str, turn: Callable[[], None]
) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        connection.execute(
            "INSERT INTO audit (account_id, at, action, object)"
            " SELECT nullif(%s, n), clock_timestamp() - n * interval '1 day', 'key.create', n::text"
            " FROM generate_series(1, 40) n",
            (account,),
        )

        turn()

        # Whole days are kept.
        assert one(connection, "SELECT max(object::int) FROM audit") == 30


def test_secrets_go_once_they_have_expired(database: str, turn: Callable[[], None]) -> None:
    with connect(database) as connection:
        account = add_account(connection)
        connection.execute(SECRETS, (account, account))

        turn()

        left = "SELECT count(*) FROM signing_secret WHERE expires_at > clock_timestamp()"
        assert one(connection, left) == 2
        assert one(connection, "SELECT count(*) FROM signing_secret") == 3


def test_answers_go_after_a_day_and_accuracy_after_eight(
    database: str, turn: Callable[[], None]
) -> None:
    with connect(database) as connection:
        connection.execute(KEEP, (add_account(connection),))
        accuracy.add(connection, {each: Histogram(counts=[1], most_ms=1.0) for each in range(10)})
        connection.execute("UPDATE accuracy SET begins = begins - account_id * interval '1 day'")

        turn()

        assert one(connection, "SELECT array_agg(key ORDER BY key) FROM kept_answer") == [
            "k0",
            "k1",
            "k2",
        ]
        assert one(connection, "SELECT max(account_id) FROM accuracy") in {7, 8}
        assert one(connection, "SELECT count(*) FROM accuracy") in {8, 9}


def test_while_history_is_read_for_long_outcomes_are_written_and_all_else_is_done(
    database: str, turn: Callable[[], None]
) -> None:
    with connect(database) as connection, connect(database) as reader:
        account = add_account(connection)
        connection.execute(SECRETS, (account, account))
        partitions.make_ahead(connection, datetime.now(UTC).date() - timedelta(days=40))
        with reader.transaction(), structlog.testing.capture_logs() as logs:
            # As pg_dump has it from its beginning to its end.
            reader.execute("SELECT count(*) FROM run, attempt")
            waited: list[float] = []
            with in_thread(turn) as finished:
                while len(waited) < 40:
                    book(connection, account, due_in=-1)
                    outcomes = [settlement_of(run) for run in claim_and_take(connection)]
                    began = time.monotonic()
                    settle(connection, outcomes)
                    waited.append(time.monotonic() - began)
                finished()

        # Each would have waited three seconds behind the transaction that redefines history.
        assert max(waited) < 1.5
        postponed = {each["step"] for each in logs if each["event"] == "maintenance.postponed"}
        assert postponed == {"partitions", "retention"}
        assert one(connection, "SELECT count(*) FROM signing_secret") == 3


def test_a_step_that_fails_keeps_no_other_from_being_taken_and_comes_again(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    made = Maintenance(
        ReconnectingConnection(database, "maintenance"), retention_days=30, clock=lambda: now
    )

    def impossible(*_: object, **__: object) -> int:
        raise psycopg.errors.CheckViolation("damaged")

    with connect(database) as connection, monkeypatch.context() as damaged:
        account = add_account(connection)
        connection.execute(SECRETS, (account, account))
        damaged.setattr(partitions, "drop_before", impossible)
        damaged.setattr(orphans, "rearm_orphans", impossible)
        with structlog.testing.capture_logs() as logs:
            made.run_once()
        failed = [each["step"] for each in logs if each["event"] == "maintenance.failed"]
        assert failed == ["orphans", "retention"]
        assert one(connection, "SELECT count(*) FROM signing_secret") == 3

        for later, again in ((31.0, ["orphans"]), (301.0, ["orphans", "retention"])):
            now = later
            with structlog.testing.capture_logs() as logs:
                made.run_once()
            assert [each["step"] for each in logs if "failed" in each["event"]] == again
    made.close()


def test_a_step_that_has_left_rows_is_taken_again_soon(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_PURGED", 2)
    monkeypatch.setattr(maintenance, "_STEPS", 2)
    now = 0.0
    made = Maintenance(
        ReconnectingConnection(database, "maintenance"), retention_days=30, clock=lambda: now
    )
    turns = []
    with connect(database) as connection:
        # As of events: one row for each run that is reported.
        connection.execute(
            "INSERT INTO superseded (job_id, version, url, superseded_at) SELECT"
            " gen_random_uuid(), 1, 'http://a/', clock_timestamp() - interval '40 days'"
            " FROM generate_series(1, 10)"
        )
        for _ in range(4):
            made.run_once()
            turns.append((one(connection, "SELECT count(*) FROM superseded"), made.interval))
            now += made.interval
    made.close()

    assert turns == [(6, 5.0), (2, 5.0), (0, 30.0), (0, 30.0)]


def test_orphans_are_searched_a_part_at_a_time(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maintenance, "_UNARMED", 2)
    monkeypatch.setattr(maintenance, "_SEARCH_S", 0.0)
    now = 0.0
    made = Maintenance(
        ReconnectingConnection(database, "maintenance"), retention_days=30, clock=lambda: now
    )
    armed = []
    with connect(database) as connection:
        account = add_account(connection)
        for _ in range(5):
            book(connection, account, due_in=60, cron="0 0/15 * * * ?")
        connection.execute("UPDATE due SET next_at = NULL")
        connection.execute("UPDATE job SET updated_at = updated_at - interval '1 hour'")
        for _ in range(4):
            made.run_once()
            armed.append(one(connection, "SELECT count(next_at) FROM due"))
            now += 31.0
        # From the first one on again.
        connection.execute(
            "UPDATE due SET next_at = NULL WHERE job_id = (SELECT id FROM job ORDER BY id LIMIT 1)"
        )
        made.run_once()
        assert one(connection, "SELECT count(next_at) FROM due") == 5
    made.close()

    assert armed == [2, 4, 5, 5]


def test_without_a_database_no_step_is_reported_as_failed() -> None:
    made = Maintenance(
        ReconnectingConnection("postgresql://127.0.0.1:1/nowhere", "maintenance"), retention_days=30
    )
    with structlog.testing.capture_logs() as logs, pytest.raises(psycopg.OperationalError):
        made.run_once()

    assert [each["event"] for each in logs] == ["database.away"]
