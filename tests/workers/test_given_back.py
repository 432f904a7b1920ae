"""Runs that were taken are sent, settled or parked, whatever fails before their call."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from cryptography.fernet import Fernet
from redis import Redis

from app.domain.circuit_breaker import BlockReason
from app.domain.timings.claiming import CLAIM_POLL
from app.service.secrets import SecretBox
from app.store.connection import ReconnectingConnection
from app.store.takes import Ticket
from tests.factories import add_account, book, claim_all, connect, in_thread, one
from tests.workers.harness import Harness
from tests.workers.test_rq_worker import batch, until
from workers.dispatch.account_cache import AccountCache
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


def test_runs_that_come_while_they_are_given_back_are_parked_once(harness: Harness) -> None:
    leased = harness.lease(60.0)
    harness.dispatcher.give_back([leased])

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
