"""A limit on the runs under way: what asks for more is refused, what is due waits in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.limits import DEFAULTS, UNLIMITED
from app.domain.run import RunState
from app.domain.run_filter import RunFilter
from app.domain.timings.limits import RUN_COUNT_NEAR_S, RUN_COUNT_S
from app.errors import LimitReached
from app.service import accounts, jobs, limits, manual_calls, runs
from app.service.context import Context
from app.store import runs_under_way
from app.store.claims import claim
from app.store.connection import ReconnectingConnection
from app.store.settling import settle
from tests.factories import add_account, book, claim_and_take, connect, one
from tests.service.test_jobs import QUARTERLY, booking, due_now
from tests.store.test_settling import settlement_of
from workers.firing_limits import KnownFirings
from workers.run_counter import RunCounter

LIMIT = 3


def allow(context: Context, caller: Caller, number: int | str) -> None:
    accounts.set_limits(context, caller.account.name, {"runsUnderWay": number})
    context.limit_cache.put(
        caller.account.id, {} if isinstance(number, str) else {"runsUnderWay": number}
    )


@pytest.fixture
def full(context: Context, caller: Caller, connection: psycopg.Connection) -> list[Any]:
    """An account with as many runs under way as it may have; they are held."""
    allow(context, caller, LIMIT)
    for _ in range(LIMIT):
        due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
    taken = claim_and_take(connection)
    assert runs_under_way.count_all(connection)
    return taken


def failed_run(context: Context, caller: Caller, connection: psycopg.Connection) -> Any:
    due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
    (taken,) = claim_and_take(connection)
    settle(connection, [settlement_of(taken, state=RunState.FAILED)])
    return taken


FAILED = RunFilter(states=frozenset({RunState.FAILED}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda context, caller, job, _run: manual_calls.call_now(context, caller, job),
        lambda context, caller, _job, run: runs.redeliver(context, caller, run),
        lambda context, caller, _job, _run: runs.redeliver_all(context, caller, FAILED, after=None),
    ],
    ids=["by hand", "again", "many again"],
)
def test_what_asks_for_another_run_is_refused(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    full: list[Any],
    ask: Callable[..., Any],
) -> None:
    allow(context, caller, "default")
    run = failed_run(context, caller, connection)
    allow(context, caller, LIMIT)
    job = jobs.create(context, caller, booking(QUARTERLY))
    under_way = "SELECT count(*) FROM inflight"
    before = one(connection, under_way)

    with pytest.raises(LimitReached) as refusal:
        ask(context, caller, job.id, run.id)

    assert (refusal.value.limit, refusal.value.allowed, refusal.value.used) == (
        "runsUnderWay",
        LIMIT,
        LIMIT,
    )
    assert refusal.value.remedy
    assert one(connection, under_way) == before

    settle(connection, [settlement_of(each) for each in full[:1]])
    runs_under_way.count_all(connection)
    ask(context, caller, job.id, run.id)
    assert one(connection, under_way) == before


def test_a_dry_run_asks_for_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection, full: list[Any]
) -> None:
    assert runs.count_redeliverable(context, caller, FAILED, after=None).count == 0


def test_the_account_shows_what_it_uses(
    context: Context, caller: Caller, connection: psycopg.Connection, full: list[Any]
) -> None:
    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == LIMIT

    settle(connection, [settlement_of(each) for each in full])
    runs_under_way.count_all(connection)

    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == 0


def test_what_is_due_waits_until_others_have_ended(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str, full: list[Any]
) -> None:
    known = KnownFirings(UNLIMITED)
    allowed = known.limits(connection)
    assert allowed.of[caller.account.id].runs == LIMIT
    late = [book(connection, caller.account.id, due_in=n - 10) for n in range(3)]

    assert claim_with(connection, known) == []
    rows = connection.execute("SELECT job_id, owed_for FROM due WHERE next_at = owed_till")
    assert dict(rows.fetchall()) == dict.fromkeys(late, "runsUnderWay")

    settle(connection, [settlement_of(each) for each in full[:2]])
    runs_under_way.count_all(connection)
    known = KnownFirings(UNLIMITED)

    assert claim_with(connection, known) == late[:2], "the earliest due first"
    assert claim_with(connection, known) == [], "what began since the count is counted on"
    reason = one(connection, "SELECT reason FROM inflight WHERE job_id = %s", late[0])
    assert reason == "postponed: the account may have 3 runs under way (runsUnderWay)"


def claim_with(connection: psycopg.Connection, known: KnownFirings) -> list[Any]:
    """The jobs of what a scheduler claims that knows these limits."""
    claims = claim(
        connection,
        budget=100,
        ahead=0.3,
        unreadable=lambda *_: None,
        limits=known.limits(connection),
    )
    known.count(Counter(each.account_id for each in claims.runs))
    known.postponed(claims.postponed)
    query = "SELECT job_id FROM inflight WHERE id = ANY (%s) ORDER BY due_at"
    ids = [each.run_id for each in claims.runs]
    return [row[0] for row in connection.execute(query, (ids,)).fetchall()]


def test_one_process_counts_at_a_time(
    connection: psycopg.Connection, database: str, full: list[Any]
) -> None:
    with connect(database) as other, other.transaction():
        assert runs_under_way.count_all(other)
        assert runs_under_way.count_all(connection) is False
    assert runs_under_way.count_all(connection) is True


def test_it_is_counted_more_often_where_an_account_is_near_its_limit(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str, full: list[Any]
) -> None:
    run_counter = RunCounter(
        ReconnectingConnection(database, "run_counter"), limits=DEFAULTS, clock=lambda: 0.0
    )
    run_counter.run_once()
    assert run_counter.interval == RUN_COUNT_NEAR_S

    settle(connection, [settlement_of(each) for each in full])
    add_account(connection, "neighbour")
    run_counter.run_once()
    assert run_counter.interval == RUN_COUNT_S
    run_counter.close()
