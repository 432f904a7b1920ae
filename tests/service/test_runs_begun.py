"""Runs under way never exceed their limit, whatever the concurrency of requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest

from app.api.fusion import schedule_document
from app.domain.account import Caller
from app.domain.fusion import resource
from app.domain.limits import UNLIMITED, Limits
from app.domain.run import RunState
from app.domain.run_filter import RunFilter
from app.errors import LimitReached
from app.service import jobs, limits, manual_calls, runs
from app.service.context import Context
from app.service.fusion import actions, schedules
from app.store import redelivery, runs_under_way
from app.store.rescue import check
from app.store.settling import settle
from tests.factories import add_account, book, claim_and_take, connect, one
from tests.service.test_jobs import QUARTERLY, booking, due_now
from tests.service.test_runs_under_way import FAILED, allow, claim_with
from tests.store.test_settling import settlement_of
from workers.firing_limits import KnownFirings

LIMIT = 5
DUE = 40
BY_DEFAULT = replace(UNLIMITED, runs_under_way=LIMIT)


def at_once(count: int, do: Callable[[], Any]) -> None:
    """Do it in so many threads, which begin together."""
    barrier = Barrier(count)

    def run() -> None:
        barrier.wait()
        do()

    threads = [Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def under_way(connection: psycopg.Connection) -> int:
    found: int = one(connection, "SELECT count(*) FROM inflight")
    return found


def limit_account(connection: psycopg.Connection, account_id: int) -> None:
    connection.execute(
        "UPDATE account SET limits = jsonb_build_object('runsUnderWay', %s::int) WHERE id = %s",
        (LIMIT, account_id),
    )


@pytest.mark.parametrize("own", [True, False], ids=["its own limit", "the usual limit"])
def test_of_many_that_are_due_at_one_instant_as_many_begin_as_may(
    connection: psycopg.Connection, *, own: bool
) -> None:
    account_id = add_account(connection)
    if own:
        limit_account(connection, account_id)
    booked = [book(connection, account_id, due_in=n / 1000 - 5) for n in range(DUE)]
    known = KnownFirings(UNLIMITED if own else BY_DEFAULT)

    assert claim_with(connection, known) == booked[:LIMIT]
    for _ in range(3):
        assert claim_with(connection, known) == []
        # Another process, which knows nothing but what the database does.
        assert claim_with(connection, KnownFirings(UNLIMITED if own else BY_DEFAULT)) == []
    runs_under_way.count_all(connection)
    assert claim_with(connection, known) == []
    assert under_way(connection) == LIMIT


def test_those_that_are_due_one_after_the_other_count_as_well(
    connection: psycopg.Connection,
) -> None:
    account_id = add_account(connection)
    known = KnownFirings(BY_DEFAULT)
    for _ in range(2 * LIMIT):
        book(connection, account_id, due_in=-1)
        claim_with(connection, known)

    assert under_way(connection) == LIMIT


@pytest.mark.parametrize("defaults", [BY_DEFAULT, replace(UNLIMITED, runs_under_way=300)])
def test_schedulers_that_claim_at_once_begin_no_more_together(
    connection: psycopg.Connection, database: str, defaults: Limits
) -> None:
    account_id = add_account(connection)
    for n in range(4 * 150):
        book(connection, account_id, due_in=n / 1000 - 5)

    def claim() -> None:
        with connect(database) as own:
            claim_with(own, KnownFirings(defaults))

    at_once(4, claim)
    at_once(4, claim)

    assert under_way(connection) <= (defaults.runs_under_way or 0)
    claim_with(connection, KnownFirings(defaults))
    assert under_way(connection) == defaults.runs_under_way


def test_requests_that_ask_at_once_begin_no_more_together(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    allow(context, caller, LIMIT)
    booked = [jobs.create(context, caller, booking(QUARTERLY)) for _ in range(3 * LIMIT)]
    refused = []

    def fire() -> None:
        try:
            manual_calls.call_now(context, caller, booked.pop().id)
        except LimitReached as refusal:
            refused.append((refusal.allowed, refusal.used))

    at_once(3 * LIMIT, fire)

    assert under_way(connection) == LIMIT
    assert refused == [(LIMIT, LIMIT)] * 2 * LIMIT


def test_jobs_of_fusion_that_are_started_one_after_the_other_count_at_once(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    allow(context, caller, LIMIT)
    sources = [resource.parse(f"datasource:movies{n}") for n in range(LIMIT + 1)]
    for each in sources:
        sent = schedule_document.parse({"triggers": []}, resource=each, now=caller.now)
        schedules.put(context, caller, each, sent, app=None)

    for each in sources[:LIMIT]:
        assert actions.start(context, caller, each, app=None).accepted
    with pytest.raises(LimitReached):
        actions.start(context, caller, sources[LIMIT], app=None)

    assert under_way(connection) == LIMIT


def test_what_is_sent_again_at_once_is_no_more_together(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    fail_runs(context, caller, connection, 4 * LIMIT)
    allow(context, caller, LIMIT)
    counts = []

    def again() -> None:
        wanted = RunFilter(states=frozenset({RunState.FAILED}))
        try:
            counts.append(runs.redeliver_all(context, caller, wanted, after=None).count)
        except LimitReached:
            counts.append(0)

    at_once(4, again)

    assert under_way(connection) == sum(counts) == LIMIT


def test_the_rest_of_what_could_be_sent_again_is_named_by_a_cursor(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    fail_runs(context, caller, connection, LIMIT + 2)
    allow(context, caller, LIMIT)

    first = runs.redeliver_all(context, caller, FAILED, after=None)
    assert (first.count, first.more_after is not None) == (LIMIT, True)
    allow(context, caller, 2 * LIMIT)
    rest = runs.redeliver_all(context, caller, FAILED, after=first.more_after)
    assert (rest.count, rest.more_after) == (2, None)


def fail_runs(context: Context, caller: Caller, connection: psycopg.Connection, count: int) -> None:
    for _ in range(count):
        due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
    settle(
        connection,
        [settlement_of(each, state=RunState.FAILED) for each in claim_and_take(connection)],
    )


def test_no_claim_waits_for_a_request_that_locks_further_jobs(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Claims lock jobs and then the account's row: who did it the other way round met them."""
    fail_runs(context, caller, connection, 3)
    allow(context, caller, LIMIT)
    monkeypatch.setattr("app.service.runs._BATCH", 1)
    locked: list[Any] = []

    def lock_jobs(connection: Any, job_ids: Any) -> None:
        lock_job_rows(connection, job_ids)
        with connect(database) as other:
            other.execute("SELECT FROM firing_pace FOR UPDATE NOWAIT")
        locked.append(job_ids)

    lock_job_rows = redelivery.lock_jobs
    monkeypatch.setattr(redelivery, "lock_jobs", lock_jobs)
    connection.execute(
        "INSERT INTO firing_pace VALUES (%s, now(), now()) ON CONFLICT DO NOTHING",
        (caller.account.id,),
    )

    with context.database.unit_of_work():
        assert runs.redeliver_all(context, caller, FAILED, after=None).count == 3

    assert len(locked) == 3
    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == 3


def test_a_request_that_is_stored_as_a_whole_begins_all_or_none(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fail_runs(context, caller, connection, 3)
    allow(context, caller, 2)
    # What was read before others began runs of the account.
    monkeypatch.setattr(limits, "check_runs", lambda *_: 3)

    with pytest.raises(LimitReached) as refusal, context.database.unit_of_work():
        runs.redeliver_all(context, caller, FAILED, after=None)

    assert refusal.value.allowed == 2
    assert under_way(connection) == 0


@pytest.mark.parametrize("granted", [0, 2])
def test_runs_that_exceed_the_free_slots_are_left_and_reported(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    granted: int,
) -> None:
    """They began runs of the account after this request was let through."""
    fail_runs(context, caller, connection, 5)
    allow(context, caller, LIMIT)
    monkeypatch.setattr(limits, "begin_runs", lambda *_: granted)

    if not granted:
        with pytest.raises(LimitReached):
            runs.redeliver_all(context, caller, FAILED, after=None)
        return
    first = runs.redeliver_all(context, caller, FAILED, after=None)
    assert (first.count, under_way(connection)) == (granted, granted)
    monkeypatch.undo()
    rest = runs.redeliver_all(context, caller, FAILED, after=first.more_after)
    assert (rest.count, rest.more_after) == (5 - granted, None)


def test_each_run_is_counted_once_whatever_begins_it(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    """By hand, again and when due; counted before, between and after."""
    allow(context, caller, 4 * LIMIT)
    due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
    known = KnownFirings(UNLIMITED)
    claim_with(connection, known)
    settle(
        connection,
        [settlement_of(each, state=RunState.FAILED) for each in claim_and_take(connection)],
    )
    for count in (False, True):
        if count:
            runs_under_way.count_all(connection)
        manual_calls.call_now(context, caller, jobs.create(context, caller, booking(QUARTERLY)).id)
        check(connection, limit=100, leases_count=True, limits=known.limits(connection))
        due_now(connection, jobs.create(context, caller, booking(QUARTERLY)))
        claim_with(connection, known)
    runs.redeliver_all(context, caller, FAILED, after=None)
    check(connection, limit=100, leases_count=True, limits=known.limits(connection))

    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == under_way(connection)
    runs_under_way.count_all(connection)
    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == under_way(connection)


def test_what_begins_while_it_is_counted_is_not_lost(
    context: Context, caller: Caller, connection: psycopg.Connection, database: str
) -> None:
    allow(context, caller, LIMIT)
    job = jobs.create(context, caller, booking(QUARTERLY))
    with connect(database) as other, other.transaction():
        other.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("SELECT count(*) FROM inflight")
        manual_calls.call_now(context, caller, job.id)
        # The count sees what there was before the run, and is written after it.
        assert runs_under_way.count_all(other)

    used = {each.limit.name: each.used for each in limits.states(context, caller.account)}
    assert used["runsUnderWay"] == 1
