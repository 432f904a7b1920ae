"""The poller: runs whose batch was lost, and parked runs, against a real database."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import psycopg
import pytest
import structlog
from cryptography.fernet import Fernet

import workers.dispatch.database_poller
from app.domain.circuit_breaker import BlockReason, CircuitBreaker
from app.service.secrets import SecretBox
from app.store.connection import ReconnectingConnection
from app.store.parking import DestinationKey, Parking, park
from app.store.takes import Ticket
from tests.factories import add_account, book, claim_and_take, connect, in_thread, one
from tests.workers.harness import Harness
from workers.dispatch.account_cache import AccountCache
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.database_poller import DatabasePoller
from workers.dispatch.destination import Destination
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.leased_run import LeasedRun
from workers.dispatch.unparking import UnparkRequest


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


def polling(url: str, harness: Harness) -> DatabasePoller:
    return DatabasePoller(
        ReconnectingConnection(url, "database_poller"),
        harness.dispatcher,
        harness.channels.unpark_requests,
        AccountCache(SecretBox((Fernet.generate_key().decode(),))),
        redis_is_connected=lambda: True,
        on_suspects=lambda _connection: None,
        clock=harness.clock,
    )


@pytest.fixture
def poller(database: str, harness: Harness) -> Iterator[DatabasePoller]:
    made = polling(database, harness)
    yield made
    made.close()


def park_runs(database: str, name: str = "demo", runs: int = 1) -> Destination[LeasedRun]:
    """A destination for which so many runs of an account of this name are parked."""
    with connect(database) as connection:
        account = add_account(connection, name)
        for _ in range(runs):
            book(connection, account, due_in=-1)
        connection.execute("UPDATE job SET url = 'http://receiver.test/cb'")
        for run in claim_and_take(connection):
            back = Parking(
                run.id, run.token, "http://receiver.test:80", 60, BlockReason.FULL, "full"
            )
            assert park(connection, [back]) == ({run.id}, set())
    return Destination(account, "http", "receiver.test", 80, 50)


def test_parked_runs_are_fetched_and_sent(
    database: str, harness: Harness, poller: DatabasePoller
) -> None:
    destination = park_runs(database, runs=3)
    with connect(database) as connection:
        for number, sent in ((2, 2), (5, 3)):
            harness.channels.unpark_requests.append(UnparkRequest(destination, number, 3))
            poller.run_once()
            harness.step()
            assert len(harness.dispatcher.leased_runs) == sent
            assert one(connection, "SELECT count(*) FROM inflight WHERE state = 'taken'") == sent
    assert destination.parked == 0


def test_a_probe_is_fetched_together_with_what_has_room(
    database: str, harness: Harness, poller: DatabasePoller
) -> None:
    destinations = [park_runs(database, name) for name in ("one", "other")]
    destinations[0].breaker = CircuitBreaker(block_reason=BlockReason.DOWN)
    for destination in destinations:
        destination.parked = 1
        harness.dispatcher.flow_control.unparker.watch(destination)
    harness.step(0.1)
    assert [each.destination for each in harness.channels.unpark_requests] == destinations

    poller.run_once()

    assert {each.run.account_id for each in harness.dispatcher.leased_runs} == {
        destination.account_id for destination in destinations
    }


def test_what_cannot_be_asked_for_holds_up_nothing_else(
    database: str, harness: Harness, poller: DatabasePoller
) -> None:
    destination = park_runs(database)
    # PostgreSQL has no text in which this could be asked for.
    impossible: Destination[LeasedRun] = Destination(
        destination.account_id, "http", "receiver\0test", 80, 50
    )
    for each in (impossible, destination):
        harness.channels.unpark_requests.append(UnparkRequest(each, 1, 1))

    with structlog.testing.capture_logs() as logs:
        poller.run_once()

    assert [each["event"] for each in logs] == ["runs.cannot_be_unparked"]
    assert len(harness.dispatcher.leased_runs) == 1


def test_a_worker_that_does_not_poll_unparks_nothing(
    database: str, harness: Harness, poller: DatabasePoller
) -> None:
    harness.channels.unpark_requests.append(UnparkRequest(park_runs(database), 1, 1))
    poller.stop_polling()

    poller.run_once()

    with connect(database) as connection:
        assert one(connection, "SELECT state FROM inflight") == "waiting"


def test_without_a_database_what_is_to_be_fetched_is_kept(harness: Harness) -> None:
    poller = polling("postgresql://127.0.0.1:1/nowhere", harness)
    request = UnparkRequest(Destination(1, "http", "receiver.test", 80, 50), 1, 1)
    harness.channels.unpark_requests.append(request)

    with pytest.raises(psycopg.OperationalError):
        poller.run_once()

    assert list(harness.channels.unpark_requests) == [request]


def test_cancellations_arrive_while_a_destination_s_runs_are_searched_for(
    database: str, harness: Harness, poller: DatabasePoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching, found = Event(), Event()

    def slow(*_: object) -> dict[DestinationKey, list[Ticket]]:
        searching.set()
        assert found.wait(30)
        return {}

    monkeypatch.setattr(workers.dispatch.database_poller, "unpark", slow)
    harness.lease(60.0)
    harness.channels.unpark_requests.append(
        UnparkRequest(Destination(1, "http", "receiver.test", 80, 50), 1, 1)
    )
    lease_watch = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"), harness.dispatcher, clock=harness.clock
    )
    snapshots: list[CancellationSnapshot] = []
    monkeypatch.setattr(harness.dispatcher, "update_cancellations", snapshots.append)
    with in_thread(poller.run_once) as finished:
        assert searching.wait(30)
        for _ in range(3):
            lease_watch.run_once()
        assert len(snapshots) == 3
        found.set()
        finished()
    lease_watch.close()
