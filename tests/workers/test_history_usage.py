"""History usage: counted as it is written; replies are not kept above the limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from app.domain.history_usage import ATTEMPT_BYTES, RUN_BYTES, attempt_bytes, bare
from app.domain.limits import UNLIMITED
from app.domain.run import RunState
from app.store import history_usage as store
from app.store.settling import NOT_KEPT, Settlement
from app.store.single_settling import settle_singly_if_needed
from tests.factories import add_account, book, claim_and_take, connect, one
from tests.store.test_settling import settlement_of
from tests.workers.harness import SECRET
from workers.dispatch.history_usage import JUDGE_S, HistoryUsage
from workers.dispatch.leased_run import LeasedRun, lease

LIMIT = 1000


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Written:
    """Runs of one account, settled as the settler does."""

    def __init__(self, connection: psycopg.Connection, limit: int | None = LIMIT) -> None:
        self.connection = connection
        self.clock = Clock()
        limits = replace(UNLIMITED, history_bytes=limit)
        self.usage = HistoryUsage(limits, clock=self.clock)

    def settle(self, account: int, state: RunState | None = RunState.SUCCEEDED) -> Settlement:
        """A run of the account that was just called, as it was written."""
        book(self.connection, account, due_in=-1)
        (taken,) = claim_and_take(self.connection)
        leased = lease(taken, (SECRET,), sent_at=0.0, answered=0.0)
        batch: list[tuple[LeasedRun, Settlement]] = [(leased, settlement_of(taken, state))]
        batch = self.usage.pruned(batch)
        settled = settle_singly_if_needed(self.connection, [each for _, each in batch])
        assert settled.done
        self.usage.count(batch, settled)
        self.usage.flush(self.connection)
        return batch[0][1]


def test_what_is_written_is_counted_by_account_and_day(connection: psycopg.Connection) -> None:
    mine, theirs = add_account(connection, "mine"), add_account(connection, "theirs")
    written = Written(connection, None)

    settlements = [written.settle(mine), written.settle(mine, None), written.settle(theirs)]

    sizes = [attempt_bytes(each.attempt) for each in settlements if each.attempt]
    assert min(sizes) > ATTEMPT_BYTES
    expected = {mine: sum(sizes[:2]) + RUN_BYTES, theirs: sizes[2] + RUN_BYTES}
    assert store.of_accounts(connection, [mine, theirs]) == expected
    assert one(connection, "SELECT count(DISTINCT day) FROM history_usage") <= 2


def test_above_the_limit_attempts_are_kept_without_what_receivers_sent(
    connection: psycopg.Connection,
) -> None:
    mine, theirs = add_account(connection, "mine"), add_account(connection, "theirs")
    written = Written(connection)
    kept = "SELECT headers, body, status, total_ms FROM attempt WHERE run_id = %s"

    first = written.settle(mine)
    assert connection.execute(kept, (first.id,)).fetchall()[0][1] is not None
    written.settle(mine)
    written.clock.now += JUDGE_S
    written.settle(mine)
    last = written.settle(mine)

    assert connection.execute(kept, (last.id,)).fetchall() == [(NOT_KEPT, None, 204, 2.0)]
    assert one(connection, "SELECT state FROM run WHERE id = %s", last.id) == "succeeded"
    other = written.settle(theirs)
    assert connection.execute(kept, (other.id,)).fetchall()[0][1] is not None


def test_what_retention_drops_is_given_back(connection: psycopg.Connection) -> None:
    mine = add_account(connection, "mine")
    written = Written(connection)
    for _ in range(3):
        settlement = written.settle(mine)
    written.clock.now += JUDGE_S
    written.settle(mine)
    day = settlement.due_at.date()

    assert store.drop_before(connection, day) == 0
    assert store.drop_before(connection, day + timedelta(days=2)) >= 1

    assert store.of_accounts(connection, [mine]) == {}
    written.clock.now += JUDGE_S
    written.settle(mine)
    again = written.settle(mine)
    assert again.attempt is not None
    assert again.attempt.reply.kept is True


def test_an_attempt_that_is_bare_says_so_and_keeps_its_status(
    connection: psycopg.Connection,
) -> None:
    mine = add_account(connection, "mine")
    settlement = Written(connection, None).settle(mine)
    assert settlement.attempt is not None
    left = bare(settlement.attempt)
    assert (left.reply.headers, left.reply.body, left.reply.kept) == ((), b"", False)
    assert left.reply.status == settlement.attempt.reply.status
    assert attempt_bytes(left) == ATTEMPT_BYTES
