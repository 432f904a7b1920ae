"""Postponing: above a limit of its account a firing waits in order, and is never early or lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.misfire import Misfire, MisfirePolicy
from app.store import postponing, queries
from app.store.claims import Claims, claim
from app.store.postponing import queued_accounts
from app.store.queries import Rows
from app.store.rescue import check
from tests.factories import (
    add_account,
    book,
    call_by_hand,
    connect,
    in_thread,
    one,
    wait_until_blocked,
)

RATE = 20


def limited(account_id: int, *, rate: int = RATE, queued: bool = False) -> FiringLimits:
    of = {account_id: Allowed(per_second=rate)}
    return FiringLimits(of=of, queued=frozenset(of) if queued else frozenset())


def claim_limited(
    connection: psycopg.Connection, limits: FiringLimits, *, budget: int = 1000
) -> Claims:
    return claim(connection, budget=budget, ahead=0.3, unreadable=lambda *_: None, limits=limits)


def book_many(connection: psycopg.Connection, account_id: int, count: int) -> list[UUID]:
    """So many overdue jobs, the first due first."""
    return [book(connection, account_id, due_in=n / 1000 - 5) for n in range(count)]


def earlier(connection: psycopg.Connection, seconds: float) -> None:
    """Let so many seconds have passed since anything began."""
    connection.execute(
        "UPDATE firing_pace SET spent_until = spent_until - make_interval(secs => %s)", (seconds,)
    )


def exhaust(connection: psycopg.Connection) -> None:
    """Let the accounts have spent so much that nothing more begins while the test goes on."""
    earlier(connection, -3600)


def made(connection: psycopg.Connection) -> list[UUID]:
    """The jobs whose runs are in flight, in the order in which these were made."""
    rows = connection.execute("SELECT job_id FROM inflight ORDER BY due_at")
    return [row[0] for row in rows]


def test_what_is_above_the_limit_waits_and_comes_in_the_order_of_its_due_time(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs = book_many(connection, account_id, 50)

    first = claim_limited(connection, limited(account_id))

    assert len(first.runs) == RATE
    assert first.postponed == {account_id: 30}
    assert first.found == 50
    assert made(connection) == jobs[:RATE]
    assert queued_accounts(connection) == {account_id}

    exhaust(connection)
    assert claim_limited(connection, limited(account_id, queued=True)).runs == []
    earlier(connection, 3600.2)
    again = claim_limited(connection, limited(account_id, queued=True)).runs
    assert 4 <= len(again) <= RATE
    assert made(connection) == jobs[: RATE + len(again)]
    for _ in range(2):
        earlier(connection, 60)
        claim_limited(connection, limited(account_id, queued=True))
    assert made(connection) == jobs
    assert queued_accounts(connection) == set()


def test_a_postponed_run_says_so_and_keeps_its_due_time(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs = book_many(connection, account_id, RATE + 1)
    due_at = one(connection, "SELECT next_at FROM due WHERE job_id = %s", jobs[-1])
    claim_limited(connection, limited(account_id))
    earlier(connection, 1)
    before = datetime.now(UTC)

    claim_limited(connection, limited(account_id, queued=True))

    query = "SELECT due_at, send_at, reason, final FROM inflight WHERE job_id = %s"
    (row,) = connection.execute(query, (jobs[-1],)).fetchall()
    assert row[0] == due_at
    assert row[1] >= before, "its lateness counts from when it might begin"
    assert row[2] == f"postponed: the account may begin {RATE} runs a second (firingsPerSecond)"
    assert row[3] is True
    assert one(connection, "SELECT count(*) FROM inflight WHERE reason IS NOT NULL") == 1
    assert one(connection, "SELECT next_at FROM due WHERE job_id = %s", jobs[-1]) is None


def test_each_row_is_postponed_once_and_stands_at_the_head_of_no_claim(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_many(connection, account_id, 100)
    limits = limited(account_id)
    claim_limited(connection, limits)
    exhaust(connection)
    rows = "SELECT array_agg(xmin::text ORDER BY job_id) FROM due WHERE next_at IS NOT NULL"
    before = one(connection, rows)

    for _ in range(5):
        again = claim_limited(connection, limited(account_id, queued=True))
        assert (again.runs, again.found, again.postponed) == ([], 0, {})

    assert one(connection, rows) == before


def test_what_nobody_looked_for_comes_by_itself_when_it_was_expected(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs = book_many(connection, account_id, RATE + 2)
    claim_limited(connection, limited(account_id))
    earlier(connection, 60)
    connection.execute(
        "UPDATE due SET next_at = now() - interval '1 s', owed_till = now() - interval '1 s'"
        " WHERE owed_at IS NOT NULL"
    )

    assert len(claim_limited(connection, FiringLimits()).runs) == 2
    assert made(connection) == jobs
    assert one(connection, "SELECT count(*) FROM inflight WHERE reason ^@ 'postponed'") == 2


def test_other_accounts_are_not_delayed(connection: psycopg.Connection, account_id: int) -> None:
    neighbour = add_account(connection, "neighbour")
    book_many(connection, account_id, 100)
    theirs = [book(connection, neighbour, due_in=-0.1) for _ in range(30)]

    claim_limited(connection, limited(account_id))

    rows = connection.execute("SELECT job_id FROM inflight WHERE account_id = %s", (neighbour,))
    assert {row[0] for row in rows} == set(theirs)


def test_an_account_that_nothing_is_known_of_is_bounded_as_well(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_many(connection, account_id, 50)
    limits = FiringLimits(default=Allowed(per_second=RATE), quiet=2)

    assert len(claim_limited(connection, limits).runs) == RATE
    assert one(connection, "SELECT spent_until > now() FROM firing_pace")


def test_few_firings_are_counted_nowhere(connection: psycopg.Connection, account_id: int) -> None:
    book_many(connection, account_id, 2)
    limits = FiringLimits(default=Allowed(per_second=RATE), quiet=2)

    assert len(claim_limited(connection, limits).runs) == 2
    assert one(connection, "SELECT count(*) FROM firing_pace") == 0


def test_two_schedulers_share_one_allowance(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book_many(connection, account_id, 100)
    # So few a second that the time which passes here makes no difference.
    slow = limited(account_id, rate=1)

    numbers = [
        len(claim_limited(each, slow, budget=40).runs) for each in (connection, other, connection)
    ]

    assert numbers[0] == 1
    assert sum(numbers) <= 3
    connection.execute("UPDATE firing_pace SET spent_until = now() - interval '1 hour'")
    again = limited(account_id, rate=1, queued=True)
    numbers = [len(claim_limited(each, again).runs) for each in (connection, other)]
    assert numbers[0] == 1
    assert sum(numbers) <= 2


@pytest.mark.parametrize("policy", [MisfirePolicy.ONE, MisfirePolicy.SKIP, MisfirePolicy.ALL])
def test_a_recurring_job_is_re_armed_only_when_it_is_made(
    connection: psycopg.Connection, account_id: int, policy: MisfirePolicy
) -> None:
    book_many(connection, account_id, RATE)
    misfire = Misfire(policy=policy)
    job_id = book(connection, account_id, due_in=-1, cron="0 0/10 * * * ?", misfire=misfire)
    due_at = one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)
    claim_limited(connection, limited(account_id))
    assert one(connection, "SELECT owed_at FROM due WHERE job_id = %s", job_id) == due_at
    # So long that it would be skipped had it not been postponed.
    connection.execute(
        "UPDATE due SET owed_at = owed_at - interval '5 minutes' WHERE job_id = %s", (job_id,)
    )
    earlier(connection, 60)

    claim_limited(connection, limited(account_id, queued=True))

    query = "SELECT due_at FROM inflight WHERE job_id = %s"
    assert one(connection, query, job_id) == due_at - timedelta(minutes=5)
    query = "SELECT next_at > owed_at, owed_at IS NULL FROM due WHERE job_id = %s"
    assert connection.execute(query, (job_id,)).fetchall() == [(None, True)]
    assert one(connection, "SELECT count(*) FROM run") == 0


def test_what_is_too_late_is_left_out_whatever_the_limit(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_many(connection, account_id, RATE)
    misfire = Misfire(policy=MisfirePolicy.SKIP, window=1)
    book(connection, account_id, due_in=-3600, cron="0 0 0 1 1 ?", misfire=misfire)

    claim_limited(connection, limited(account_id))

    assert one(connection, "SELECT state FROM run") == "cancelled"
    assert one(connection, "SELECT count(*) FROM due WHERE owed_at IS NOT NULL") == 0


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM job WHERE id = %s",
        "UPDATE due SET next_at = NULL WHERE job_id = %s",
        "UPDATE due SET next_at = now() + interval '1 hour' WHERE job_id = %s",
    ],
)
def test_moving_a_job_ends_its_postponement(
    connection: psycopg.Connection, account_id: int, change: str
) -> None:
    """The release before does not know that there is one."""
    jobs = book_many(connection, account_id, RATE + 1)
    claim_limited(connection, limited(account_id))

    connection.execute(change, (jobs[-1],))

    assert queued_accounts(connection) == set()
    earlier(connection, 60)
    assert claim_limited(connection, limited(account_id, queued=True)).runs == []


def test_a_run_that_stands_in_the_queue_is_counted_neither_up_nor_down(
    connection: psycopg.Connection, account_id: int
) -> None:
    """One that was sent again, and whose request counted it among the runs under way."""
    book_many(connection, account_id, RATE + 5)
    limits = limited(account_id, queued=True)
    claim_limited(connection, limited(account_id))
    exhaust(connection)
    begun = one(connection, "SELECT begun FROM firing_pace")
    assert begun == RATE
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " token, send_at, look_at) SELECT gen_random_uuid(), job_id, account_id, 1, 'scheduled',"
        " now(), false, 'claimed', 2, now(), now() FROM due WHERE next_at = owed_till LIMIT 1"
    )

    for _ in range(3):
        assert check(connection, limit=10, leases_count=True, limits=limits).postponed == 1
        connection.execute("UPDATE inflight SET look_at = now() WHERE token = 2")

    assert one(connection, "SELECT begun FROM firing_pace") == begun


def test_runs_that_no_claim_made_wait_for_their_turn_too(
    connection: psycopg.Connection, account_id: int
) -> None:
    call_by_hand(connection, account_id, 50)

    checked = check(connection, limit=1000, leases_count=True, limits=limited(account_id))

    assert len(checked.to_notify) == RATE
    exhaust(connection)
    assert (checked.postponed, checked.begun) == (30, {account_id: 50})
    rows = connection.execute(
        "SELECT send_at, planned_at, look_at, reason FROM inflight"
        " WHERE state = 'waiting' ORDER BY due_at"
    ).fetchall()
    turns = [send_at for send_at, *_ in rows]
    assert turns == sorted(turns)
    assert (turns[-1] - turns[0]) == pytest.approx(
        timedelta(seconds=29 / RATE), abs=timedelta(milliseconds=1)
    )
    assert all(planned == send_at for send_at, planned, *_ in rows)
    assert {reason for *_, reason in rows} == {
        f"postponed: the account may begin {RATE} runs a second (firingsPerSecond)"
    }

    again = check(connection, limit=1000, leases_count=True, limits=limited(account_id))
    assert again.begun == {}, "each was counted once"
    connection.execute("UPDATE inflight SET look_at = now() WHERE state = 'waiting'")
    late = check(connection, limit=1000, leases_count=True, limits=limited(account_id))
    assert len(again.to_notify) + len(late.to_notify) == 30


@pytest.mark.parametrize("cron", [None, "0 0/10 * * * ?"])
@pytest.mark.parametrize("tick", ["claim", "check"])
def test_two_schedulers_with_the_same_accounts_do_not_wait_in_a_circle(
    connection: psycopg.Connection,
    other: psycopg.Connection,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    tick: str,
    cron: str | None,
) -> None:
    """One postpones firings of the second account; both count those of both, and missed ones."""
    first, second = add_account(connection, "first"), add_account(connection, "second")
    limits = FiringLimits(of={first: Allowed(runs=1000), second: Allowed(per_second=RATE)})
    begin_beside: list[Callable[[], None]] = []

    def run_beside(connection: psycopg.Connection, name: str, params: dict[str, Any]) -> Rows:
        answer = queries.run(connection, name, params)
        if name == "lock_pace" and begin_beside:
            begin_beside.pop()()
        return answer

    with connect(database) as booking, ExitStack() as threads:

        def begin() -> None:
            for account_id in (first, second):
                book(booking, account_id, due_in=-3600, cron=cron)
            beside = partial(claim_limited, other, limits)
            threads.callback(threads.enter_context(in_thread(beside)))
            wait_until_blocked(booking)

        begin_beside.append(begin)
        monkeypatch.setattr(postponing, "run", run_beside)
        if tick == "claim":
            book_many(connection, second, RATE + 1)
            book(connection, first, due_in=-3600, cron=cron)
            claim_limited(connection, limits)
        else:
            call_by_hand(connection, first, 1)
            call_by_hand(connection, second, RATE + 1)
            check(connection, limit=1000, leases_count=True, limits=limits)
    assert len(made(connection)) == RATE + (3 if tick == "claim" else 4)
