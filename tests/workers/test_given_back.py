"""Runs that were taken are sent, settled or parked, whatever fails before their call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import structlog
from cryptography.fernet import Fernet
from psycopg.types.json import Jsonb
from redis import Redis

from app.domain.circuit_breaker import BlockReason
from app.domain.timings.claiming import CLAIM_POLL
from app.service.secrets import SecretBox
from app.store.connection import ReconnectingConnection
from app.store.rescue import check
from app.store.takes import Ticket
from tests.factories import add_account, book, claim_all, connect, drop_checks, in_thread, one
from tests.workers.harness import Harness
from tests.workers.test_rq_worker import batch, until
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.settlements import parked_as_unprepared
from workers.dispatch.settler import Settler
from workers.dispatch.taking import take
from workers.notifier import ON_TIME, Notifier, open_queue, redis_client

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def settler(database: str, harness: Harness) -> Iterator[Settler]:
    reconnecting = ReconnectingConnection(database, "settler")
    yield Settler(reconnecting, harness.dispatcher, harness.channels, "test", clock=harness.clock)
    reconnecting.close()


@pytest.fixture
def tickets(connection: psycopg.Connection) -> list[Ticket]:
    """Two claimed runs of one account."""
    account = add_account(connection)
    for _ in range(2):
        book(connection, account, due_in=-1)
    return [(run.run_id, run.token) for run in claim_all(connection)]


class Taking:
    """A thread's own connection, and the take through it."""

    def __init__(self, url: str, harness: Harness, lock_timeout: float = 30.0) -> None:
        self._database = ReconnectingConnection(url, "taking", lock_timeout=lock_timeout)
        self._harness = harness
        self._cache = AccountCache(SecretBox((Fernet.generate_key().decode(),)))

    def __call__(self, tickets: list[Ticket]) -> int:
        harness = self._harness
        with self._database.use() as session:
            return take(session, tickets, harness.dispatcher, self._cache, harness.clock)

    def close(self) -> None:
        self._database.close()


@pytest.fixture
def taking(database: str, harness: Harness) -> Iterator[Taking]:
    made = Taking(database, harness)
    yield made
    made.close()


def assert_given_back(connection: psycopg.Connection, harness: Harness) -> None:
    """Both runs are due again at once, held by nobody, and no suspects."""
    found = connection.execute(
        "SELECT state, attempts, reclaims, lease_until IS NULL,"
        " send_at < clock_timestamp() + interval '0.6 s' FROM inflight"
    ).fetchall()
    assert found == [("waiting", 0, 0, True, True)] * 2
    assert harness.dispatcher.leased_runs == set()


def test_runs_whose_account_cannot_be_read_in_time_are_given_back(
    database: str,
    connection: psycopg.Connection,
    harness: Harness,
    settler: Settler,
    tickets: list[Ticket],
) -> None:
    with connect(database) as other, other.transaction():
        other.execute("LOCK TABLE signing_secret IN ACCESS EXCLUSIVE MODE")
        taking = Taking(database, harness, lock_timeout=0.2)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            taking(tickets)
        taking.close()
        assert one(connection, "SELECT count(*) FROM inflight WHERE state = 'taken'") == 2

        settler.run_once()

    assert_given_back(connection, harness)
    assert one(connection, "SELECT total FROM tally WHERE label = 'unprepared'") == 2


def test_runs_are_given_back_if_the_connection_is_lost_after_the_take(
    database: str,
    connection: psycopg.Connection,
    harness: Harness,
    settler: Settler,
    taking: Taking,
    tickets: list[Ticket],
) -> None:
    with connect(database) as other, other.transaction():
        other.execute("LOCK TABLE signing_secret IN ACCESS EXCLUSIVE MODE")

        def lose_connection() -> None:
            with pytest.raises(psycopg.errors.AdminShutdown):
                taking(tickets)

        with in_thread(lose_connection) as lost:
            until(lambda: one(connection, _WAITING) == 1)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'wakecall taking'"
            )
            lost()

    settler.run_once()

    assert_given_back(connection, harness)


NEWER: dict[str, dict[str, Any]] = {
    "a member": {"method": "PUT", "circuit": {"failures": 3}},
    "a retry policy": {"retry": {"linear": {"step": 5}}},
    "a member of one": {"retry": {"constant": {"interval": 1, "max_retries": 2, "spread": 3}}},
}


@pytest.mark.parametrize("manner", NEWER.values(), ids=NEWER)
def test_a_run_that_only_a_newer_worker_can_read_is_set_aside_alone(
    connection: psycopg.Connection,
    harness: Harness,
    settler: Settler,
    taking: Taking,
    tickets: list[Ticket],
    manner: dict[str, Any],
) -> None:
    drop_checks(connection, "job")
    newer, other = [run_id for run_id, _ in tickets]
    of_newer = "id = (SELECT job_id FROM inflight WHERE id = %s)"
    connection.execute(f"UPDATE job SET manner = %s WHERE {of_newer}", (Jsonb(manner), newer))

    with structlog.testing.capture_logs() as logs:
        assert taking(tickets) == 1
    settler.run_once()

    assert [leased.run.id for leased in harness.dispatcher.leased_runs] == [other]
    (line,) = [each for each in logs if each["event"] == "runs.unreadable"]
    assert (line["runs"], line["run_id"]) == (1, str(newer))
    found = connection.execute(
        "SELECT state, attempts, reclaims, reason ~ 'earlier release',"
        " send_at < clock_timestamp() + interval '5 s' FROM inflight WHERE id = %s",
        (newer,),
    ).fetchone()
    assert found == ("waiting", 0, 0, True, True)
    # A worker that can read it gets it like any other run.
    connection.execute(f"UPDATE job SET manner = NULL WHERE {of_newer}", (newer,))
    connection.execute(
        "UPDATE inflight SET look_at = now(), send_at = now() WHERE id = %s", (newer,)
    )
    again = check(connection, limit=10, leases_count=True).to_notify
    assert taking([(each.run_id, each.token) for each in again]) == 1


@pytest.mark.parametrize("column", ["dialect", "protocol"])
def test_a_kind_of_call_that_only_a_newer_worker_knows_is_not_made(
    connection: psycopg.Connection,
    harness: Harness,
    taking: Taking,
    tickets: list[Ticket],
    column: str,
) -> None:
    newer, other = [run_id for run_id, _ in tickets]
    for table in ("job", "endpoint"):
        drop_checks(connection, table)
    dialect = "saturn" if column == "dialect" else "dapr"
    connection.execute(
        "UPDATE job SET dialect = %s, endpoint = 'shop', name = 'x', written = '{}'"
        " WHERE id = (SELECT job_id FROM inflight WHERE id = %s)",
        (dialect, newer),
    )
    connection.execute(
        "INSERT INTO endpoint (account_id, dialect, name, url, protocol)"
        " SELECT account_id, %s, 'shop', 'http://127.0.0.1:9', 'smoke' FROM inflight LIMIT 1",
        (dialect,),
    )

    assert taking(tickets) == 1

    assert [each.run.id for each in harness.dispatcher.leased_runs if not each.decided] == [other]


def test_runs_that_come_while_they_are_given_back_are_parked_once(harness: Harness) -> None:
    leased = harness.lease(60.0)
    harness.dispatcher.give_back([(leased, parked_as_unprepared(leased))])

    harness.dispatcher.stop()
    harness.dispatcher.close()

    assert [parking.block_reason for _, parking in harness.channels.parked] == [
        BlockReason.UNPREPARED
    ]
    assert CLAIM_POLL.total_seconds() <= harness.channels.parked[0][1].park_for < 1.0


def test_a_call_whose_reply_the_ended_loop_does_not_deliver_is_given_back(
    harness: Harness,
) -> None:
    leased = harness.lease(0.0)
    assert harness.engine.in_flight == 1
    harness.dispatcher.stop()
    assert not harness.channels.parked

    harness.dispatcher.close()

    ((each, parking),) = harness.channels.parked
    assert (each, parking.block_reason) == (leased, BlockReason.STOPPING)


def test_a_last_write_survives_the_loss_of_its_connection(
    connection: psycopg.Connection,
    harness: Harness,
    settler: Settler,
    taking: Taking,
    tickets: list[Ticket],
) -> None:
    taking(tickets)
    harness.dispatcher.stop()
    harness.step()
    with settler._database.use() as session:
        session.execute("SELECT 1")
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'wakecall settler'"
    )

    settler.flush()

    assert settler.empty
    assert_given_back(connection, harness)


def test_a_scheduler_that_ends_enqueues_the_batches_that_wait(redis_url: str, redis: Redis) -> None:
    notifier = Notifier(redis_client(redis_url))
    for _ in range(3):
        notifier.notify(ON_TIME, batch())
    notifier.stop()

    notifier.start()
    notifier.join(30)

    assert open_queue(ON_TIME, redis).count == 3


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with redis_client(redis_url) as client:
        client.flushdb()
        yield client
