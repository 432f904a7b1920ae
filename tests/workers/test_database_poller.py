"""The poller: what no bell told of, and what was given back, against a real database."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

import psycopg
import pytest
from cryptography.fernet import Fernet

import workers.dispatch.database_poller
from app.domain.circuit_breaker import Brake, Cause
from app.service.secrets import SecretBox
from app.store.connection import ReconnectingConnection
from app.store.parking import DestinationKey, Parking, park
from app.store.takes import Ticket
from tests.booked import add_account, book, claim_and_take, connect, in_thread, one
from tests.workers.stage import Stage
from workers.dispatch.account_cache import Keyring
from workers.dispatch.cancellations import CancellationSnapshot
from workers.dispatch.database_poller import DatabasePoller
from workers.dispatch.destination import Destination
from workers.dispatch.lease_watch import LeaseWatch
from workers.dispatch.unparking import Summons


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def polling(url: str, stage: Stage) -> DatabasePoller:
    return DatabasePoller(
        ReconnectingConnection(url, "database_poller"),
        stage.courier,
        Keyring(SecretBox((Fernet.generate_key().decode(),))),
        redis_is_connected=lambda: True,
        on_suspects=lambda _connection: None,
        clock=stage.clock,
    )


@pytest.fixture
def poller(database: str, stage: Stage) -> Iterator[DatabasePoller]:
    made = polling(database, stage)
    yield made
    made.close()


def park_runs(database: str, name: str = "demo", runs: int = 1) -> Destination:
    """A destination for which so many runs of an account of this name are parked."""
    with connect(database) as connection:
        account = add_account(connection, name)
        for _ in range(runs):
            book(connection, account, due_in=-1)
        connection.execute("UPDATE job SET url = 'http://receiver.test/cb'")
        for run in claim_and_take(connection):
            back = Parking(run.id, run.token, "http://receiver.test:80", 60, Cause.FULL, "full")
            assert park(connection, [back]) == ({run.id}, set())
    return Destination(account, "http", "receiver.test", 80, 50)


def test_parked_runs_are_fetched_and_sent(
    database: str, stage: Stage, poller: DatabasePoller
) -> None:
    fetcher = stage.courier.destinations.fetcher
    place = park_runs(database, runs=3)
    with connect(database) as connection:
        for number, sent in ((2, 2), (5, 3)):
            fetcher.summons.append(Summons(place, number, 3))
            poller.run_once()
            stage.step()
            assert len(stage.courier.held) == sent
            assert one(connection, "SELECT count(*) FROM inflight WHERE state = 'taken'") == sent
    assert place.parked == 0


def test_a_probe_is_fetched_together_with_what_has_room(
    database: str, stage: Stage, poller: DatabasePoller
) -> None:
    fetcher = stage.courier.destinations.fetcher
    places = [park_runs(database, name) for name in ("one", "other")]
    places[0].brake = Brake(cause=Cause.DOWN)
    for place in places:
        place.parked = 1
        fetcher.watch(place)
    stage.step(0.1)
    assert [each.destination for each in fetcher.summons] == places

    poller.run_once()

    assert {each.run.account_id for each in stage.courier.held} == {
        place.account_id for place in places
    }


def test_what_cannot_be_asked_for_holds_up_nothing_else(
    database: str, stage: Stage, poller: DatabasePoller
) -> None:
    fetcher = stage.courier.destinations.fetcher
    place = park_runs(database)
    # PostgreSQL has no text in which this could be asked for.
    impossible = Destination(place.account_id, "http", "receiver\0test", 80, 50)
    fetcher.summons.append(Summons(impossible, 1, 1))
    with pytest.raises(psycopg.DataError):
        poller.run_once()
    fetcher.summons.append(Summons(place, 1, 1))

    poller.run_once()

    assert len(stage.courier.held) == 1


def test_whoever_takes_nothing_unbidden_fetches_nothing(
    database: str, stage: Stage, poller: DatabasePoller
) -> None:
    fetcher = stage.courier.destinations.fetcher
    fetcher.summons.append(Summons(park_runs(database), 1, 1))
    poller.polling = False

    poller.run_once()

    with connect(database) as connection:
        assert one(connection, "SELECT state FROM inflight") == "waiting"


def test_without_a_database_what_is_to_be_fetched_is_kept(stage: Stage) -> None:
    fetcher = stage.courier.destinations.fetcher
    poller = polling("postgresql://127.0.0.1:1/nowhere", stage)
    summons = Summons(Destination(1, "http", "receiver.test", 80, 50), 1, 1)
    fetcher.summons.append(summons)

    with pytest.raises(psycopg.OperationalError):
        poller.run_once()

    assert list(fetcher.summons) == [summons]


def test_words_come_while_a_destination_s_runs_are_searched_for(
    database: str, stage: Stage, poller: DatabasePoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    searching, found = Event(), Event()

    def slow(*_: object) -> dict[DestinationKey, list[Ticket]]:
        searching.set()
        assert found.wait(30)
        return {}

    monkeypatch.setattr(workers.dispatch.database_poller, "unpark", slow)
    stage.hold(60.0)
    stage.courier.destinations.fetcher.summons.append(
        Summons(Destination(1, "http", "receiver.test", 80, 50), 1, 1)
    )
    lease_watch = LeaseWatch(
        ReconnectingConnection(database, "lease_watch"), stage.courier, clock=stage.clock
    )
    snapshots: list[CancellationSnapshot] = []
    monkeypatch.setattr(stage.courier, "update_cancellations", snapshots.append)
    with in_thread(poller.run_once) as finished:
        assert searching.wait(30)
        for _ in range(3):
            lease_watch.run_once()
        assert len(snapshots) == 3
        found.set()
        finished()
    lease_watch.close()
