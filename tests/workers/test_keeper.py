"""The keeper: leases, questions and unbidden takes, against a real database."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from cryptography.fernet import Fernet

from app.domain.flow import Brake, Cause
from app.domain.pace import LEASE
from app.domain.run import RunState
from app.service.secrets import SecretBox
from app.store.parking import Release, release
from app.store.takes import word
from tests.booked import add_account, book, claim_and_take, connect, one
from tests.workers.stage import SECRET, Stage
from workers.destination import Destination
from workers.fetcher import Summons
from workers.held import Held, hold
from workers.keeper import Keeper
from workers.keyring import Keyring
from workers.link import Link
from workers.words import Word


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    made.loop.close()


def one_held(connection: psycopg.Connection, stage: Stage, *, due_in: float) -> Held:
    """A run that is taken, and that the courier has still to accept."""
    book(connection, add_account(connection), due_in=due_in)
    (run,) = claim_and_take(connection)
    return hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)


def test_leases_that_lapsed_while_the_database_was_away_are_renewed_before_calls_go_on(
    database: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(database) as connection:
        book(connection, add_account(connection), due_in=0.2)
        (run,) = claim_and_take(connection)
    held = hold(run, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)
    stage.courier.accept([held])
    stage.step(held.run.remaining)
    stage.step(LEASE.total_seconds())
    hear = stage.courier.hear

    def heard_at_once(word: Word) -> None:
        """The loop's thread may go on before the keeper's does."""
        hear(word)
        stage.step()

    monkeypatch.setattr(stage.courier, "hear", heard_at_once)
    keeper = Keeper(
        Link(database, "keeper"),
        stage.courier,
        Keyring(SecretBox((Fernet.generate_key().decode(),))),
        hears_bells=lambda: True,
        on_suspects=lambda: None,
        clock=stage.clock,
    )
    keeper.once()
    keeper.close()
    assert len(stage.engine.calls) == 1


@pytest.fixture
def keeper(database: str, stage: Stage) -> Iterator[Keeper]:
    made = Keeper(
        Link(database, "keeper"),
        stage.courier,
        Keyring(SecretBox((Fernet.generate_key().decode(),))),
        hears_bells=lambda: True,
        on_suspects=lambda: None,
        clock=stage.clock,
    )
    yield made
    made.close()


def test_a_run_withdrawn_by_a_word_is_named_by_none_after_it(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    with connect(database) as connection:
        held = one_held(connection, stage, due_in=-1)
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")

        # While its take is being answered it is not known to be this worker's.
        stage.courier.held.add(hold(held.run._replace(id=uuid4()), (), asked=0.0, answered=0.0))
        keeper.once()
        assert set(word(connection)[0]) == {held.run.id}
        stage.courier.accept([held])
        keeper.once()
        assert word(connection)[0] == {}

        stage.step()
        assert stage.engine.calls == []
        assert stage.settled() is RunState.CANCELLED


def test_a_run_withdrawn_while_no_word_came_is_known_by_its_extended_lease(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    with connect(database) as connection:
        held = one_held(connection, stage, due_in=0.25)
        stage.courier.accept([held])
        connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp() - interval '1 h'")
        stage.clock.now += LEASE.total_seconds()

        keeper.once()
        stage.step(held.run.remaining)

        assert stage.engine.calls == []
        assert stage.settled() is RunState.CANCELLED


def test_a_run_that_was_aborted_and_sent_again_is_called(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    with connect(database) as connection:
        run = one_held(connection, stage, due_in=-1).run
        connection.execute(
            "INSERT INTO aborted (run_id, token) VALUES (%s, %s)", (run.id, run.token)
        )
        # History keeps the token, a redelivery goes on above it, and the take raises it once more.
        connection.execute("UPDATE inflight SET token = token + 2")
        again = run._replace(token=run.token + 2)
        stage.courier.accept(
            [hold(again, (SECRET,), asked=stage.clock.now, answered=stage.clock.now)]
        )

        keeper.once()
        stage.step()

        assert len(stage.engine.calls) == 1


def park(database: str, name: str = "demo", runs: int = 1) -> Destination:
    """A destination for which so many runs of an account of this name are parked."""
    with connect(database) as connection:
        account = add_account(connection, name)
        for _ in range(runs):
            book(connection, account, due_in=-1)
        connection.execute("UPDATE job SET url = 'http://receiver.test/cb'")
        for run in claim_and_take(connection):
            back = Release(run.id, run.token, "http://receiver.test:80", 60, Cause.FULL, "full")
            assert release(connection, [back]) == ({run.id}, set())
    return Destination(account, "http", "receiver.test", 80, 50)


def test_parked_runs_are_fetched_and_sent(database: str, stage: Stage, keeper: Keeper) -> None:
    fetcher = stage.courier.destinations.fetcher
    place = park(database, runs=3)
    with connect(database) as connection:
        for number, sent in ((2, 2), (5, 3)):
            fetcher.summons.append(Summons(place, number, 3))
            keeper.once()
            stage.step()
            assert len(stage.courier.held) == sent
            assert one(connection, "SELECT count(*) FROM inflight WHERE state = 'taken'") == sent
    assert place.parked == 0


def test_a_probe_is_fetched_together_with_what_has_room(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    fetcher = stage.courier.destinations.fetcher
    places = [park(database, name) for name in ("one", "other")]
    places[0].brake = Brake(cause=Cause.DOWN)
    for place in places:
        place.parked = 1
        fetcher.watch(place)
    stage.step(0.1)
    assert [each.destination for each in fetcher.summons] == places

    keeper.once()

    assert {each.run.account_id for each in stage.courier.held} == {
        place.account_id for place in places
    }


def test_what_cannot_be_asked_for_holds_up_nothing_else(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    fetcher = stage.courier.destinations.fetcher
    place = park(database)
    # PostgreSQL has no text in which this could be asked for.
    impossible = Destination(place.account_id, "http", "receiver\0test", 80, 50)
    fetcher.summons.append(Summons(impossible, 1, 1))
    with pytest.raises(psycopg.DataError):
        keeper.once()
    fetcher.summons.append(Summons(place, 1, 1))

    keeper.once()

    assert len(stage.courier.held) == 1


def test_whoever_takes_nothing_unbidden_fetches_nothing(
    database: str, stage: Stage, keeper: Keeper
) -> None:
    fetcher = stage.courier.destinations.fetcher
    fetcher.summons.append(Summons(park(database), 1, 1))
    keeper.polling = False

    keeper.once()

    with connect(database) as connection:
        assert one(connection, "SELECT state FROM inflight") == "waiting"


def test_without_a_database_what_is_to_be_fetched_is_kept(stage: Stage) -> None:
    fetcher = stage.courier.destinations.fetcher
    keeper = Keeper(
        Link("postgresql://127.0.0.1:1/nowhere", "keeper"),
        stage.courier,
        Keyring(SecretBox((Fernet.generate_key().decode(),))),
        hears_bells=lambda: True,
        on_suspects=lambda: None,
        clock=stage.clock,
    )
    summons = Summons(Destination(1, "http", "receiver.test", 80, 50), 1, 1)
    fetcher.summons.append(summons)

    with pytest.raises(psycopg.OperationalError):
        keeper.once()

    assert list(fetcher.summons) == [summons]
