"""Refused rows: a row that the database refuses to change stops no scheduler and no worker."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import Mock
from uuid import UUID

import psycopg
import pytest
import structlog
from cryptography.fernet import Fernet

from app.domain.limits import UNLIMITED
from app.domain.timings.claiming import MAX_INSTANT
from app.service.secrets import SecretBox
from app.store import halving, overdue
from app.store.connection import ReconnectingConnection
from app.store.orphans import rearm_orphans
from app.store.rescue import check
from tests.factories import (
    add_account,
    book,
    claim_all,
    claim_and_take,
    connect,
    one,
    refuse_rows,
)
from tests.workers.harness import SECRET, Harness
from tests.workers.scheduler_harness import SchedulerHarness
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import lease
from workers.dispatch.taking import begin_overdue, take
from workers.firing_limits import KnownFirings


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "_SECONDS", 60.0)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def jobs(connection: psycopg.Connection) -> list[UUID]:
    account = add_account(connection)
    return [book(connection, account, due_in=-3 + n / 100) for n in range(30)]


@pytest.fixture
def worker() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def cache() -> AccountCache:
    return AccountCache(SecretBox((Fernet.generate_key().decode(),)))


def test_a_scheduler_claims_and_notifies_beside_them(
    database: str, connection: psycopg.Connection, jobs: list[UUID]
) -> None:
    refuse_rows(connection, "inflight", jobs[0])
    harness = SchedulerHarness(database)

    with structlog.testing.capture_logs() as logs:
        ticks = [harness.scheduler.tick() for _ in range(2)]

    harness.reconnecting.close()
    assert sum(each.claimed for each in ticks) == 29
    assert len(harness.notifier.all) == 29
    (line,) = [each for each in logs if each["event"] == "job.unclaimable"]
    assert line["job_id"] == str(jobs[0])
    assert "refused" in line["error"]


def test_a_check_notifies_of_the_others_and_puts_them_off(
    connection: psycopg.Connection, jobs: list[UUID]
) -> None:
    claim_all(connection)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    connection.execute(
        "ALTER TABLE inflight ADD CONSTRAINT refused CHECK"
        f" (job_id <> '{jobs[7]}' OR look_at > send_at + interval '20 s') NOT VALID"
    )
    unreadable = Mock()

    checked = check(connection, limit=100, leases_count=True, unreadable=unreadable)

    assert len(checked.to_notify) == 29
    of_it = "FROM inflight WHERE job_id = %s"
    refused = one(connection, f"SELECT id {of_it}", jobs[7])
    assert refused not in {each.run_id for each in checked.to_notify}
    ((run_id, error), _) = unreadable.call_args
    assert (run_id, type(error)) == (refused, psycopg.errors.CheckViolation)
    later = f"SELECT look_at > clock_timestamp() + interval '30 s' {of_it}"
    assert one(connection, later, jobs[7]) is True


def test_a_check_goes_on_past_those_that_cannot_be_put_off(
    connection: psycopg.Connection, jobs: list[UUID]
) -> None:
    claim_all(connection)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    refuse_rows(connection, "inflight", jobs[7])

    checked = check(connection, limit=100, leases_count=True, unreadable=Mock())

    assert len(checked.to_notify) == 29


def test_a_worker_takes_the_others(
    connection: psycopg.Connection, jobs: list[UUID], worker: Harness
) -> None:
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    refuse_rows(connection, "inflight", jobs[7])

    with structlog.testing.capture_logs() as logs:
        took = take(connection, tickets, worker.dispatcher, cache(), worker.clock)

    assert took == 29
    assert {each.run.job_id for each in worker.dispatcher.leased_runs} == {*jobs} - {jobs[7]}
    assert [each["event"] for each in logs] == ["run.cannot_be_taken"]


def test_a_worker_leaves_an_overdue_one_to_the_scheduler(
    database: str, connection: psycopg.Connection, jobs: list[UUID], worker: Harness
) -> None:
    refuse_rows(connection, "inflight", jobs[7])
    slots = overdue.find(connection, lookback=60, until=MAX_INSTANT, most=9, counted=()).slots
    offered = (connection, slots, worker.dispatcher, cache(), KnownFirings(UNLIMITED), worker.clock)
    assert begin_overdue(*offered) == 0
    harness = SchedulerHarness(database)

    harness.scheduler.tick()

    harness.reconnecting.close()
    assert len(harness.notifier.all) == 29


def test_the_leases_of_the_others_are_renewed(
    database: str, connection: psycopg.Connection, jobs: list[UUID], worker: Harness
) -> None:
    runs = claim_and_take(connection)
    now = worker.clock.now
    leased = [lease(run, (SECRET,), sent_at=now, answered=now) for run in runs]
    worker.dispatcher.accept(leased)
    worker.step()
    before = {each.run.job_id: each.lease_ends_at for each in leased}
    worker.clock.now += 9
    refuse_rows(connection, "inflight", jobs[7])
    watch = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"), worker.dispatcher, clock=worker.clock
    )

    with structlog.testing.capture_logs() as logs:
        watch.run_once()

    watch.close()
    after = {each.run.job_id: each.lease_ends_at for each in leased}
    assert {job for job in after if after[job] == before[job]} == {jobs[7]}
    assert [each["event"] for each in logs] == ["run.lease_not_renewed"]


def test_maintenance_arms_the_others(connection: psycopg.Connection, jobs: list[UUID]) -> None:
    connection.execute("UPDATE due SET held_at = next_at, next_at = NULL")
    connection.execute("UPDATE job SET updated_at = now() - interval '1 hour'")
    refuse_rows(connection, "due", jobs[7])
    unreadable = Mock()

    assert rearm_orphans(connection, limit=100, unreadable=unreadable).armed == 29
    unreadable.assert_called_once()
