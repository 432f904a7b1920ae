"""Repairs of rows after the database's clock was set back: in pages, in order."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
import structlog

from app.store import clock_steps
from app.store.parking import park
from app.store.settling import settle
from app.store.takes import take
from tests import stepped_clock
from tests.factories import book, claim_and_take, connect, one
from tests.store.test_parking import back
from tests.store.test_settling import settlement_of
from tests.workers.clock_harness import HOUR, YEAR, ClockHarness
from tests.workers.test_clock_steps import brought_back


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    stepped_clock.install(database)
    with connect(database) as opened:
        yield opened


@pytest.fixture
def harness(database: str, connection: psycopg.Connection) -> Iterator[ClockHarness]:
    made = ClockHarness(database, connection)
    yield made
    made.reconnecting.close()


def ask_for_some(harness: ClockHarness, number: int) -> list[UUID]:
    """Runs of one job that were asked for, one after another, by the clock as it is."""
    job_id = harness.cron(900)
    return [
        one(
            harness.connection,
            "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
            " send_at, look_at) SELECT gen_random_uuid(), %s, %s, 1, 'manual', at, false,"
            " 'claimed', at, at FROM (SELECT clock_timestamp() AS at) now RETURNING id",
            *(job_id, harness.account),
        )
        for _ in range(number)
    ]


@pytest.mark.parametrize("are_called", [False, True])
def test_runs_of_one_job_that_were_asked_for_keep_their_order_when_the_clock_is_set_back(
    harness: ClockHarness, *, are_called: bool
) -> None:
    connection = harness.connection
    harness.set(HOUR)
    ids = ask_for_some(harness, 3)
    if are_called:
        taken = take(connection, [(run_id, 1) for run_id in ids])
        now = one(connection, "SELECT now()")
        for each in taken:
            failed = settlement_of(each, None, 500)
            assert failed.attempt is not None
            attempt = failed.attempt._replace(started_at=now)
            settle(connection, [failed._replace(retry_at=now, attempt=attempt)])
    harness.set(0.0)

    assert brought_back(connection) == 3

    query = "SELECT array_agg(id ORDER BY due_at), max(send_at) <= clock_timestamp() FROM inflight"
    assert connection.execute(query).fetchone() == (ids, True)


def test_a_repair_of_very_many_rows_is_made_in_pages(
    harness: ClockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = harness.connection
    monkeypatch.setattr(clock_steps, "PAGE", 2)
    for _ in range(15):
        book(connection, harness.account, due_in=-1)
    harness.set(YEAR)
    taken = claim_and_take(connection)
    leased, retried, parked = taken[:5], taken[5:10], taken[10:]
    now = one(connection, "SELECT now()")
    for run in retried:
        failed = settlement_of(run, None, 500)
        assert failed.attempt is not None
        attempt = failed.attempt._replace(started_at=now)
        settle(connection, [failed._replace(retry_at=now, attempt=attempt)])
    park(connection, [back(run) for run in parked])
    connection.execute(
        "INSERT INTO aborted (run_id, token, aborted_at)"
        " SELECT gen_random_uuid(), 1, clock_timestamp() FROM generate_series(1, 5)"
    )
    for table in ("inflight", "aborted"):
        connection.execute(f"""
            CREATE FUNCTION count_{table}() RETURNS trigger LANGUAGE plpgsql AS
            $$BEGIN IF (SELECT count(*) FROM changed) > 2 THEN RAISE check_violation; END IF;
            RETURN NULL; END$$;
            CREATE TRIGGER page AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed
            FOR EACH STATEMENT EXECUTE FUNCTION count_{table}()
        """)
    harness.set(0.0)

    assert brought_back(connection) == 15

    late = (
        "SELECT count(*) FROM inflight WHERE least(lease_until, look_at) > now() + interval '1 h'"
    )
    assert one(connection, late) == 0
    ids = [run.id for run in leased]
    leases = "SELECT max(lease_until) < now() + interval '6 s' FROM inflight WHERE id = ANY (%s)"
    assert one(connection, leases, ids) is True
    assert one(connection, "SELECT max(aborted_at) <= clock_timestamp() FROM aborted") is True


def test_a_repair_that_is_refused_keeps_no_other_from_being_made(harness: ClockHarness) -> None:
    connection = harness.connection
    harness.set(HOUR)
    ask_for_some(harness, 1)
    job_id = harness.cron(7200)
    harness.set(0.0)
    connection.execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE check_violation; END$$;"
        "CREATE TRIGGER refuse BEFORE UPDATE ON inflight FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    harness.clock_watch.was_set_back(HOUR)
    with structlog.testing.capture_logs() as logs:
        harness.repairs.run_once()

    events = [each["event"] for each in logs]
    assert events == ["clock.repair_failed", "clock.repaired"]
    armed_until = "SELECT next_at < now() + interval '16 min' FROM due"
    assert one(connection, armed_until + " WHERE job_id = %s", job_id) is True
    assert harness.clock_watch.steps_back == []


def test_a_step_back_in_the_course_of_a_repair_is_repaired_next(
    harness: ClockHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []

    def bring(_: psycopg.Connection, *, step: float, **_kept: object) -> int:
        found.append(step)
        if len(found) == 1:
            harness.clock_watch.was_set_back(YEAR)
        return 0

    monkeypatch.setattr("workers.clock_repairs.bring_back", bring)
    harness.clock_watch.was_set_back(HOUR)
    for _ in range(3):
        harness.repairs.run_once()

    assert found == [HOUR, YEAR]


def test_an_account_that_spent_its_firings_by_a_wrong_clock_goes_on(harness: ClockHarness) -> None:
    harness.connection.execute(
        "INSERT INTO firing_pace (account_id, spent_until, queued_until)"
        " VALUES (%s, now() + interval '1 year', now() + interval '1 year')",
        (harness.account,),
    )

    brought_back(harness.connection)

    left = "SELECT greatest(spent_until, queued_until) < now() + interval '2 days' FROM firing_pace"
    assert one(harness.connection, left) is True
