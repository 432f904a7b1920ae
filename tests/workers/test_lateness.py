"""Lateness: workers count the first attempts of settled runs, by account."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import psycopg
import pytest

from app.domain.lateness import bucket
from app.domain.run import RunState
from app.store.settling import Settlement
from app.store.single_settling import Settled
from app.store.takes import Taken
from tests.factories import add_account, book, claim_and_take, connect, one
from tests.store.test_settling import settlement_of
from workers.dispatch.lateness import LatenessCounts
from workers.dispatch.leased_run import LeasedRun, lease


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def late(run: Taken, milliseconds: float) -> tuple[LeasedRun, Settlement]:
    settlement = settlement_of(run)
    assert settlement.attempt is not None
    settlement = settlement._replace(attempt=settlement.attempt._replace(lateness_ms=milliseconds))
    return lease(run, (), sent_at=0.0, answered=0.0), settlement


def settled(batch: Sequence[tuple[LeasedRun, Settlement]]) -> Settled:
    return Settled(done=tuple(each for _, each in batch), token_mismatch=(), failed=())


@pytest.fixture
def runs(connection: psycopg.Connection) -> list[Taken]:
    """Two runs of one account, one of another."""
    mine, theirs = add_account(connection, "mine"), add_account(connection, "theirs")
    for account in (mine, mine, theirs):
        book(connection, account, due_in=-1)
    return sorted(claim_and_take(connection), key=lambda run: run.account_id)


def stored(connection: psycopg.Connection) -> dict[int, tuple[dict[int, int], float]]:
    """Counts by bucket, and the most, by account."""
    rows = connection.execute("SELECT account_id, counts, most_ms FROM accuracy").fetchall()
    return {
        account: ({index: count for index, count in enumerate(counts) if count}, most)
        for account, counts, most in rows
    }


def test_lateness_is_counted_by_account_and_written_once(
    connection: psycopg.Connection, runs: list[Taken]
) -> None:
    batch = [late(run, ms) for run, ms in zip(runs, (0.05, 12.0, 700.0), strict=True)]
    accuracy = LatenessCounts()
    accuracy.count(batch, settled(batch))
    accuracy.flush(connection)
    accuracy.flush(connection)

    assert stored(connection) == {
        runs[0].account_id: ({0: 1, bucket(12.0): 1}, 12.0),
        runs[2].account_id: ({bucket(700.0): 1}, 700.0),
    }


def test_only_first_attempts_that_were_settled_count(
    connection: psycopg.Connection, runs: list[Taken]
) -> None:
    (first, retried), lost, (never, withdrawn) = (late(run, 5.0) for run in runs)
    assert retried.attempt is not None
    batch = [
        (first, retried._replace(attempt=retried.attempt._replace(number=2))),
        lost,
        (never, withdrawn._replace(attempt=None, state=RunState.CANCELLED)),
    ]
    done = tuple(each for _, each in batch if each is not lost[1])
    accuracy = LatenessCounts()
    accuracy.count(batch, Settled(done=done, token_mismatch=(lost[1],), failed=()))
    accuracy.flush(connection)

    assert one(connection, "SELECT count(*) FROM accuracy") == 0


def test_calls_by_hand_and_events_say_nothing_of_how_late_the_service_is(
    connection: psycopg.Connection, runs: list[Taken]
) -> None:
    batch = [
        (leased, settlement._replace(counts_for_lateness=False))
        for leased, settlement in (late(run, 700.0) for run in runs)
    ]
    accuracy = LatenessCounts()
    accuracy.count(batch, settled(batch))
    accuracy.flush(connection)

    assert stored(connection) == {}
