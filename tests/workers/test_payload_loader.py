"""The loader: reads what takes left behind, against a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import psycopg
import pytest

from app.store import takes
from app.store.connection import ReconnectingConnection
from app.store.takes import Ticket
from tests.factories import add_account, book, claim_and_take, connect
from tests.workers.harness import OK, SECRET, Harness
from workers.dispatch.leased_run import LeasedRun, lease
from workers.dispatch.payload_loader import PayloadLoader

SIZE = 3 * 1024 * 1024


@pytest.fixture
def harness() -> Iterator[Harness]:
    made = Harness()
    yield made
    made.loop.close()


@pytest.fixture
def loader(database: str, harness: Harness) -> Iterator[PayloadLoader]:
    made = PayloadLoader(
        ReconnectingConnection(database, "loader"),
        harness.dispatcher,
        harness.channels.payload_orders,
        clock=harness.clock,
    )
    yield made
    made.close()


def hold_long(database: str, harness: Harness, number: int, size: int = SIZE) -> list[LeasedRun]:
    """Overdue runs that were taken without their payloads."""
    with connect(database) as connection:
        account = add_account(connection)
        for each in range(number):
            book(connection, account, due_in=-1, data=bytes([each]) * size)
        runs = claim_and_take(connection)
    now = harness.clock.now
    leased = [lease(run, (SECRET,), sent_at=now, answered=now) for run in runs]
    harness.dispatcher.accept(leased)
    harness.step()
    return leased


def failing(run: LeasedRun, error: Exception) -> Callable[..., dict[UUID, bytes | None]]:
    """Reads payloads, but for those of which this run is one."""
    read = takes.payloads

    def attempt(
        connection: psycopg.Connection, tickets: Sequence[Ticket]
    ) -> dict[UUID, bytes | None]:
        if run.ticket in tickets:
            raise error
        return read(connection, tickets)

    return attempt


def test_payloads_are_loaded_a_few_at_a_time_and_sent(
    database: str, harness: Harness, loader: PayloadLoader
) -> None:
    hold_long(database, harness, 5)

    settlement_of = []
    for _ in range(3):
        loader.run_once()
        harness.step()
        settlement_of.append(len(harness.engine.calls))

    assert settlement_of == [2, 4, 5]
    assert sorted(call.body for call, _, _ in harness.engine.calls) == [
        bytes([each]) * SIZE for each in range(5)
    ]
    for _ in settlement_of:
        harness.engine.answer(OK)


def test_without_a_database_the_orders_are_kept(database: str, harness: Harness) -> None:
    (leased,) = hold_long(database, harness, 1)
    loader = PayloadLoader(
        ReconnectingConnection("postgresql://127.0.0.1:1/nowhere", "loader"),
        harness.dispatcher,
        harness.channels.payload_orders,
    )

    with pytest.raises(psycopg.OperationalError):
        loader.run_once()

    assert harness.channels.payload_orders.get_nowait() is leased


def test_one_payload_that_cannot_be_read_holds_up_no_other(
    database: str, harness: Harness, loader: PayloadLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged, whole = hold_long(database, harness, 2, size=4096)
    error = psycopg.errors.DataCorrupted("missing chunk number 0")
    monkeypatch.setattr(takes, "payloads", failing(damaged, error))
    loader.run_once()
    harness.step()

    (call,) = [call for call, _, _ in harness.engine.calls]
    assert str(whole.run.id) in "".join(call.headers)
    ((leased, settlement),) = harness.channels.settlements
    assert leased is damaged
    assert (settlement.state, settlement.reason) == (
        "dead",
        "the content of its version is lost",
    )


def test_one_payload_that_takes_too_long_is_read_later_and_holds_up_no_other(
    database: str, harness: Harness, loader: PayloadLoader, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, whole = hold_long(database, harness, 2, size=4096)
    error = psycopg.errors.QueryCanceled("canceling statement due to statement timeout")
    with monkeypatch.context() as patched:
        patched.setattr(takes, "payloads", failing(slow, error))
        loader.run_once()
        harness.step()
    assert str(whole.run.id) in "".join(harness.engine.calls[0][0].headers)
    assert not harness.channels.settlements

    loader.run_once()
    harness.step()
    assert str(slow.run.id) in "".join(harness.engine.calls[1][0].headers)
