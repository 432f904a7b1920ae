"""A whole worker runtime against a real database and a real receiver."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from cryptography.fernet import Fernet
from standardwebhooks import Webhook

from app import config
from app.config import Settings
from app.service.secrets import SecretBox
from app.store import overdue
from app.store.connection import ReconnectingConnection
from app.store.rescue import check
from tests.factories import add_account, book, claim_all, connect, in_seconds, one
from tests.receiver import Behaviour, Exchange, Receiver, answer
from tests.workers.test_rq_worker import until
from workers.dispatch.runtime import WorkerRuntime

SECRETS = (
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
)


@pytest.fixture
def settings(database: str, tmp_path: Path) -> Settings:
    return config.load(
        {
            "WAKECALL_HOME": str(tmp_path),
            "DATABASE_URL": database,
            "WAKECALL_SECRET_KEY": Fernet.generate_key().decode(),
            "WAKECALL_ALLOW_TARGETS": "127.0.0.0/8",
        }
    )


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def account(connection: psycopg.Connection, settings: Settings) -> int:
    account = add_account(connection)
    box = SecretBox(settings.secret_keys)
    for secret, expires_at in zip(SECRETS, (in_seconds(86400), None), strict=True):
        connection.execute(
            "INSERT INTO signing_secret (account_id, sealed, expires_at) VALUES (%s, %s, %s)",
            (account, box.seal(secret), expires_at),
        )
    return account


class Running:
    """A runtime that works in a thread."""

    def __init__(self, settings: Settings, *, is_connected: bool = True) -> None:
        self.runtime = WorkerRuntime(settings, "test", redis_is_connected=lambda: is_connected)
        self.reconnecting = ReconnectingConnection(settings.database_url, "test")
        self._thread = threading.Thread(target=self.runtime.run)
        self._thread.start()

    def stop(self) -> None:
        self.runtime.stop()
        self._thread.join(30)
        self.reconnecting.close()
        assert not self._thread.is_alive()


@pytest.fixture
def running(settings: Settings) -> Iterator[Running]:
    made = Running(settings)
    yield made
    made.stop()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


def answer_after(release: threading.Event) -> Behaviour:
    """Answers once `release` is set."""

    def lease(exchange: Exchange) -> None:
        release.wait(30)
        answer()(exchange)

    return lease


def send_to(connection: psycopg.Connection, receiver: Receiver) -> None:
    connection.execute("UPDATE job SET url = %s", (receiver.url("/cb"),))


def test_a_run_is_sent_signed_by_every_valid_secret_and_settled(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    job_id = book(connection, account, due_in=-1, data=b'{"wake": true}')
    send_to(connection, receiver)
    (claimed,) = claim_all(connection)

    assert running.runtime.take(running.reconnecting, [(claimed.run_id, claimed.token)]) == 1
    receiver.wait_for(1)

    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["webhook-id"] == str(claimed.run_id)
    assert headers["wakecall-job"] == str(job_id)
    for secret in SECRETS:
        assert Webhook(secret).verify(request.body, headers) == {"wake": True}
    until(lambda: one(connection, "SELECT state FROM run") == "succeeded")
    until(lambda: one(connection, "SELECT count(*) FROM job") == 0)


def test_a_batch_that_arrives_twice_is_sent_once(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    for _ in range(10):
        book(connection, account, due_in=-1)
    send_to(connection, receiver)
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]

    assert running.runtime.take(running.reconnecting, tickets) == 10
    assert running.runtime.take(running.reconnecting, tickets) == 0
    receiver.wait_for(10)
    until(lambda: one(connection, "SELECT count(*) FROM run") == 10)

    assert len(receiver.requests) == 10


def test_what_is_overdue_is_begun_without_a_claim_and_sent_once(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    for _ in range(10):
        book(connection, account, due_in=-1)
    send_to(connection, receiver)
    slots = overdue.find(connection, lookback=60, until=in_seconds(60), most=100, counted=()).slots

    assert running.runtime.begin_overdue(running.reconnecting, slots) == 10
    assert running.runtime.begin_overdue(running.reconnecting, slots) == 0
    receiver.wait_for(10)
    until(lambda: one(connection, "SELECT count(*) FROM run WHERE state = 'succeeded'") == 10)
    until(lambda: one(connection, "SELECT count(*) FROM job") == 0)

    assert len(receiver.requests) == 10


def test_a_run_whose_notification_was_lost_is_sent_nevertheless(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    book(connection, account, due_in=-1)
    send_to(connection, receiver)
    claim_all(connection)

    receiver.wait_for(1)


def test_without_redis_runs_are_taken_before_they_are_due(
    settings: Settings, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    deaf = Running(settings, is_connected=False)
    book(connection, account, due_in=0.28)
    send_to(connection, receiver)
    claim_all(connection)

    receiver.wait_for(1)
    until(lambda: one(connection, "SELECT count(*) FROM attempt") == 1)
    deaf.stop()

    assert one(connection, "SELECT started_at >= due_at FROM attempt") is True


def test_a_delete_within_the_look_ahead_stops_the_call(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    stays = book(connection, account, due_in=0.29)
    goes = book(connection, account, due_in=0.29)
    send_to(connection, receiver)
    claimed = claim_all(connection)
    running.runtime.take(running.reconnecting, [(each.run_id, each.token) for each in claimed])
    connection.execute(
        "UPDATE inflight SET cancelled_at = clock_timestamp() WHERE job_id = %s", (goes,)
    )

    until(lambda: one(connection, "SELECT count(*) FROM run") == 2)

    assert [request.header("wakecall-job") for request in receiver.requests] == [str(stays)]
    assert one(connection, "SELECT state FROM run WHERE job_id = %s", goes) == "cancelled"


def test_an_account_s_own_cap_holds_and_a_change_of_it_is_heeded(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    connection.execute("UPDATE account SET connections = 1")
    for _ in range(3):
        book(connection, account, due_in=-1)
    send_to(connection, receiver)
    claimed = claim_all(connection)
    running.runtime.take(running.reconnecting, [(each.run_id, each.token) for each in claimed])
    waiting = "SELECT count(*) FROM inflight WHERE state = 'waiting' AND attempts = 0"

    until(lambda: one(connection, waiting) == 2)
    assert len(receiver.wait_for(1)) == 1
    connection.execute("UPDATE account SET connections = 2")
    receiver.wait_for(2)
    until(lambda: one(connection, waiting) == 1)
    release.set()

    until(lambda: one(connection, "SELECT count(*) FROM run WHERE state = 'succeeded'") == 3)
    assert len(receiver.requests) == 3
    assert one(connection, "SELECT min(lateness_ms) >= 1000 FROM attempt") is True


def test_leases_are_extended_while_a_receiver_takes_its_time(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    book(connection, account, due_in=-1)
    send_to(connection, receiver)
    claimed = claim_all(connection)
    running.runtime.take(running.reconnecting, [(each.run_id, each.token) for each in claimed])
    receiver.wait_for(1)
    first = one(connection, "SELECT lease_until FROM inflight")

    until(lambda: one(connection, "SELECT lease_until FROM inflight") > first)
    release.set()
    until(lambda: one(connection, "SELECT state FROM run") == "succeeded")


def test_outcomes_wait_while_the_database_is_away(
    running: Running, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    book(connection, account, due_in=-1)
    send_to(connection, receiver)
    (claimed,) = claim_all(connection)
    running.runtime.take(running.reconnecting, [(claimed.run_id, claimed.token)])
    receiver.wait_for(1)

    with connection.transaction():
        # Nobody can settle meanwhile, and every worker connection breaks.
        connection.execute("LOCK TABLE inflight IN ACCESS EXCLUSIVE MODE")
        release.set()
        until(lambda: len(running.runtime.channels.settlements) == 0)
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'wakecall%' AND pid <> pg_backend_pid()"
        )

    until(lambda: one(connection, "SELECT state FROM run") == "succeeded")
    assert len(receiver.requests) == 1


def test_what_is_not_begun_or_not_finished_goes_to_another_worker_at_once(
    settings: Settings, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    stopping = Running(replace(settings, grace=0))
    in_flight = book(connection, account, due_in=-1)
    send_to(connection, receiver)
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    stopping.runtime.take(stopping.reconnecting, tickets)
    receiver.wait_for(1)
    not_begun = book(connection, account, due_in=0.29)
    send_to(connection, receiver)
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    assert stopping.runtime.take(stopping.reconnecting, tickets) == 1

    stopping.stop()

    assert connection.execute(
        "SELECT job_id, state, attempts, reclaims, lease_until IS NULL, look_at < clock_timestamp()"
        " FROM inflight ORDER BY due_at"
    ).fetchall() == [(job_id, "waiting", 0, 0, True, True) for job_id in (in_flight, not_begun)]
    other = Running(settings)
    checked = check(connection, limit=10, leases_count=True)
    assert checked.reclaimed == 0
    other.runtime.take(
        other.reconnecting, [(each.run_id, each.token) for each in checked.to_notify]
    )
    release.set()
    until(lambda: one(connection, "SELECT count(*) FROM run WHERE state = 'succeeded'") == 2)
    other.stop()
    assert one(connection, "SELECT max(attempts) FROM run") == 1
    called = sorted(f"{request.header('wakecall-job')}" for request in receiver.requests)
    assert called == sorted(map(str, (in_flight, in_flight, not_begun)))


def test_a_call_may_end_within_the_grace(
    settings: Settings, receiver: Receiver, connection: psycopg.Connection, account: int
) -> None:
    release = threading.Event()
    receiver.default = answer_after(release)
    stopping = Running(replace(settings, grace=60))
    book(connection, account, due_in=-1)
    send_to(connection, receiver)
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]
    stopping.runtime.take(stopping.reconnecting, tickets)
    receiver.wait_for(1)

    stopping.runtime.stop()
    assert stopping.runtime.take(stopping.reconnecting, tickets) == 0
    release.set()
    stopping.stop()

    assert one(connection, "SELECT state FROM run") == "succeeded"
    assert len(receiver.requests) == 1
