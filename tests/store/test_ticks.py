"""Ticks: those that a run called besides its own are stored, and its job continues after them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import Mock
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from app.domain.dapr.schedule import DaprSchedule
from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.run import Attempt, Reply, RunState, Timing
from app.domain.trigger import to_document
from app.store.claims import claim
from app.store.rescue import check
from app.store.settling import CalledTicks, Settlement, settle
from app.store.single_settling import settle_singly_if_needed
from app.store.takes import Taken, take
from tests.factories import (
    claim_all,
    claim_and_take,
    connect,
    in_seconds,
    in_thread,
    one,
    wait_until_blocked,
)
from tests.store.test_settling import settlement_of

STEP: Final = timedelta(milliseconds=10)
OK: Final = Reply(status=200, timing=Timing(total=1.0))


def book(
    connection: psycopg.Connection, account_id: int, *, late: float, remaining: int | None = None
) -> UUID:
    """A Dapr job that ticks every 10 ms, and began so many seconds ago."""
    job_id = UUID(int=uuid7().int)
    start = in_seconds(-late)
    ticks = DaprSchedule(schedule="@every 10ms", start=start, first=start)
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled, misfire, name, dialect,"
        " endpoint, written)"
        " VALUES (%s, %s, 1, '/job/a', %s, true, 'all', 'a', 'dapr', 'app', '{}')",
        (job_id, account_id, Jsonb(to_document(ticks))),
    )
    connection.execute(
        "INSERT INTO due (job_id, account_id, version, recurring, serial, remaining, next_at)"
        " VALUES (%s, %s, 1, true, true, %s, %s)",
        (job_id, account_id, remaining, start),
    )
    return job_id


def attempt(run: Taken) -> Attempt:
    return Attempt(1, run.send_at, 1.0, OK)


def called(
    run: Taken,
    number: int,
    *,
    state: RunState | None = RunState.SUCCEEDED,
    retry_at: datetime | None = None,
    token: int | None = None,
) -> Settlement:
    """What came of a run that has called so many further ticks, the last of which came to this."""
    further = run.further or []
    whole = Settlement(
        *(run.id, token or run.token, run.job_id, run.job_version, run.due_at),
        *(RunState.SUCCEEDED, None, f"{number + 1} ticks", further[number] is None, False),
        attempt(run),
        serial=True,
    )
    ticks = CalledTicks(run.id, number, further[0] or run.due_at, further[number], None)
    if state is RunState.SUCCEEDED:
        return whole._replace(ticks=ticks)
    due_at = further[number - 1] or run.due_at
    return whole._replace(
        id=UUID(int=run.id.int + number),
        due_at=due_at,
        state=state,
        retry_at=retry_at,
        reason="it failed",
        ticks=ticks._replace(before=whole._replace(reason=f"{number} ticks", ends_job=False)),
    )


def history(connection: psycopg.Connection, job_id: UUID) -> list[tuple[Any, ...]]:
    return connection.execute(
        "SELECT r.id, r.due_at, state, attempts, reason,"
        " (SELECT count(*) FROM attempt a WHERE a.run_id = r.id AND a.due_at = r.due_at)"
        " FROM run r WHERE job_id = %s ORDER BY due_at",
        [job_id],
    ).fetchall()


def due(connection: psycopg.Connection, job_id: UUID) -> tuple[Any, ...] | None:
    query = "SELECT next_at, held_at, remaining FROM due WHERE job_id = %s"
    return connection.execute(query, [job_id]).fetchone()


def test_a_row_without_ticks_left_does_not_keep_others_from_being_claimed(
    connection: psycopg.Connection, account_id: int
) -> None:
    empty = book(connection, account_id, late=5.0, remaining=0)
    connection.execute("UPDATE job SET name = 'b' WHERE id = %s", [empty])
    other = book(connection, account_id, late=5.0)

    claim_all(connection)

    assert due(connection, empty) == (None, None, 0)
    assert one(connection, "SELECT count(*) FROM inflight WHERE job_id = %s", other) == 1


def test_a_claim_hands_over_what_is_due_and_comes_soon(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=0.1)
    (run,) = claim_and_take(connection)
    further = run.further or []

    assert further == [run.due_at + (n + 1) * STEP for n in range(len(further))]
    assert 30 <= len(further) <= 501
    # They have not been called yet: after a crash they are claimed again.
    assert due(connection, job) == (None, further[0], None)


def test_ticks_that_are_counted_are_handed_over_up_to_the_last(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=7)
    ((claimed),) = claim_all(connection)
    assert claimed.firings == 7
    further = one(connection, "SELECT further FROM inflight WHERE job_id = %s", job)
    assert (len(further), further[-1]) == (7, None)


def test_no_tick_is_handed_over_that_is_due_after_what_the_clock_is_believed(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0)
    start = one(connection, "SELECT next_at FROM due")
    for number, ahead in enumerate((0.0, 0.3)):
        # The database's clock is ahead of `until`, and is not believed.
        until = start + (5 + number) * timedelta(milliseconds=100)
        claim(connection, budget=10, ahead=ahead, unreadable=Mock(), until=until)
        further = one(connection, "SELECT further FROM inflight WHERE job_id = %s", job)

        # The last is the one that comes after those that are handed over.
        assert further[-2:] == [until, until + STEP]
        connection.execute("DELETE FROM inflight")
        connection.execute("UPDATE due SET next_at = %s, held_at = NULL", [start])


def test_each_tick_counts_as_a_firing_and_all_together_as_one_run(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, late=5.0, remaining=50)
    limits = FiringLimits(of={account_id: Allowed(per_second=2, runs=10)})
    claims = claim(connection, budget=10, ahead=0.3, unreadable=Mock(), limits=limits)

    assert [each.firings for each in claims.runs] == [50]
    query = "SELECT begun, spent_until - now() > interval '10 s' FROM firing_pace"
    assert connection.execute(query).fetchall() == [(1, True)]


def test_what_was_called_is_one_run_and_the_job_goes_on_after_it(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=100)
    (run,) = claim_and_take(connection)

    assert settle(connection, [called(run, 9)]) == {run.id}

    assert history(connection, job) == [(run.id, run.due_at, "succeeded", 1, "10 ticks", 1)]
    assert due(connection, job) == (run.due_at + 10 * STEP, None, 90)
    (following,) = claim_and_take(connection)
    assert following.due_at == run.due_at + 10 * STEP


def test_the_last_tick_ends_the_job(connection: psycopg.Connection, account_id: int) -> None:
    job = book(connection, account_id, late=5.0, remaining=10)
    (run,) = claim_and_take(connection)
    settle(connection, [called(run, 9)])

    assert due(connection, job) is None
    assert one(connection, "SELECT count(*) FROM job") == 0
    assert len(history(connection, job)) == 1


def test_a_tick_that_fails_is_a_run_of_its_own_and_is_tried_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=10)
    (run,) = claim_and_take(connection)
    retry_at = datetime.now(UTC)
    settle(connection, [called(run, 9, state=None, retry_at=retry_at)])

    assert history(connection, job) == [(run.id, run.due_at, "succeeded", 1, "9 ticks", 1)]
    row = connection.execute(
        "SELECT id, due_at, state, attempts, final, further, send_at, token > %s FROM inflight",
        [run.token],
    ).fetchone()
    own = (UUID(int=run.id.int + 9), run.due_at + 9 * STEP)
    assert row == (*own, "waiting", 1, True, None, retry_at, True)
    assert due(connection, job) == (None, None, 0)
    assert one(connection, "SELECT count(*) FROM attempt WHERE run_id = %s", own[0]) == 1


def test_a_tick_that_could_not_be_called_is_looked_at_and_called_as_a_run_of_its_own(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=10)
    (run,) = claim_and_take(connection)
    due_at = run.due_at + 4 * STEP
    interrupted = called(run, 4, state=None, retry_at=due_at)._replace(attempt=None)

    assert settle(connection, [interrupted]) == {interrupted.id}

    assert history(connection, job) == [(run.id, run.due_at, "succeeded", 1, "4 ticks", 1)]
    row = connection.execute("SELECT state, attempts, reason FROM inflight").fetchone()
    assert row == ("waiting", 0, "it failed")
    checked = check(connection, limit=10, leases_count=True)
    assert [each.run_id for each in checked.to_notify] == [interrupted.id]
    (tick,) = take(connection, [(each.run_id, each.token) for each in checked.to_notify])
    assert (tick.due_at, tick.attempts, tick.planned_at) == (due_at, 0, due_at)
    settle(connection, [settlement_of(tick)])
    assert [each[1] for each in history(connection, job)] == [run.due_at, due_at]


def test_a_tick_does_not_end_with_the_result_of_the_one_before(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET completion = 'failed', completion_message = 'no'")

    settle(connection, [called(run, 2, state=None, retry_at=datetime.now(UTC))])

    query = "SELECT state, completion, completion_message FROM inflight"
    assert connection.execute(query).fetchone() == ("waiting", None, None)


def test_a_tick_takes_over_no_count_and_no_waiting_of_the_one_before(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    connection.execute(
        "UPDATE inflight SET missed = 3, attempts = 2, tried = 2, planned_at = due_at,"
        " destination = 'http://127.0.0.1:2'"
    )

    settle(connection, [called(run, 2, state=None, retry_at=datetime.now(UTC))])

    query = "SELECT missed, attempts, tried, planned_at, destination FROM inflight"
    assert connection.execute(query).fetchone() == (0, 1, 0, None, None)


def test_a_tick_that_is_given_up_counts_and_the_next_is_free(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    settle(connection, [called(run, 2, state=RunState.FAILED)])

    assert [row[2:5] for row in history(connection, job)] == [
        ("succeeded", 1, "2 ticks"),
        ("failed", 1, "it failed"),
    ]
    assert due(connection, job) == (run.due_at + 3 * STEP, None, None)


def test_nothing_is_written_under_an_old_token(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    before = due(connection, job)
    for state in (RunState.SUCCEEDED, RunState.FAILED, None):
        late = called(run, 3, state=state, retry_at=datetime.now(UTC), token=run.token - 1)
        assert settle(connection, [late]) == set()

    assert history(connection, job) == []
    assert due(connection, job) == before


def test_nothing_is_written_of_a_run_that_is_taken_away_just_then(
    connection: psycopg.Connection, account_id: int, database: str
) -> None:
    job = book(connection, account_id, late=0.1)
    (run,) = claim_and_take(connection)
    failed = called(run, 2, state=None, retry_at=in_seconds(60))
    connection.execute("UPDATE inflight SET lease_until = now(), look_at = now()")
    with connect(database) as scheduler, scheduler.transaction():
        assert check(scheduler, limit=9, leases_count=True).reclaimed == 1
        with in_thread(lambda: settle(connection, [failed])) as written:
            wait_until_blocked(scheduler)
            scheduler.execute("COMMIT")
            assert written() == set()
            scheduler.execute("BEGIN")

    assert history(connection, job) == []
    assert one(connection, "SELECT state FROM inflight") == "claimed"


def test_a_job_that_was_changed_meanwhile_goes_on_as_it_was_changed(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=50)
    (run,) = claim_and_take(connection)
    at = in_seconds(3600)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")
    connection.execute(
        "UPDATE due SET version = 2, next_at = %s, held_at = NULL, remaining = 3", [at]
    )
    connection.execute("UPDATE job SET version = 2")
    settle(connection, [called(run, 4)])

    assert due(connection, job) == (at, None, 3)
    assert len(history(connection, job)) == 1


def test_a_job_that_was_changed_meanwhile_is_not_moved_though_its_next_tick_is_the_same(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0, remaining=50)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE due SET version = 2, remaining = 3")
    connection.execute("UPDATE job SET version = 2")

    settle(connection, [called(run, 4)])

    assert due(connection, job) == (run.due_at + STEP, None, 3)


def test_a_tick_of_a_withdrawn_run_ends_with_the_reason_of_its_withdrawal(
    connection: psycopg.Connection, account_id: int
) -> None:
    job = book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp(), reason = 'deleted'")

    settle(connection, [called(run, 2, state=None, retry_at=datetime.now(UTC))])
    settle(connection, check(connection, limit=10, leases_count=True).ended)

    assert [row[2:5] for row in history(connection, job)] == [
        ("succeeded", 1, "2 ticks"),
        ("cancelled", 1, "deleted"),
    ]


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.FAILED])
def test_rows_that_are_locked_elsewhere_are_left_for_later(
    connection: psycopg.Connection,
    other: psycopg.Connection,
    account_id: int,
    state: RunState,
) -> None:
    book(connection, account_id, late=5.0)
    (run,) = claim_and_take(connection)
    for table in ("due", "inflight"):
        with other.transaction():
            other.execute(f"SELECT FROM {table} FOR UPDATE")
            settled = settle_singly_if_needed(connection, [called(run, 4, state=state)], wait=False)
            assert len(settled.busy) == 1
    assert len(settle_singly_if_needed(connection, [called(run, 4, state=state)]).done) == 1
