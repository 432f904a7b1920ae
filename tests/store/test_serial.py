"""Serial jobs: one call at a time, what follows waits, and what starts when a job ends."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb
from uuid6 import uuid7

from app.domain.fusion.intervals import ByInterval, Unit
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.misfire import Misfire, MisfirePolicy
from app.domain.run import RunState
from app.domain.trigger import to_document
from app.store.fusion_jobs import list_runs
from app.store.orphans import rearm_orphans
from app.store.rescue import check
from app.store.settling import Settlement, settle
from app.store.takes import Taken
from tests.factories import (
    URL,
    claim_all,
    claim_and_take,
    in_seconds,
    in_thread,
    one,
    open_engine,
    wait_until_blocked,
)

MINUTE = timedelta(minutes=1)


def every_minute(start: datetime) -> TimeTriggers:
    return TimeTriggers(triggers=(ByInterval(start=start, every=1, unit=Unit.MINUTE),))


def book_serial(
    connection: psycopg.Connection,
    account_id: int,
    *,
    due_in: float | None,
    name: str = "task:a",
    remaining: int | None = None,
    permanent: bool = True,
    policy: MisfirePolicy = MisfirePolicy.ALL,
) -> UUID:
    """A job of a Fusion resource that is due every minute, or only when it is started."""
    job_id = UUID(int=uuid7().int)
    start = None if due_in is None else in_seconds(due_in)
    trigger = TimeTriggers() if start is None else every_minute(start)
    connection.execute(
        "INSERT INTO job (id, account_id, version, url, trigger, enabled, misfire, name, dialect,"
        " written) VALUES (%s, %s, 1, %s, %s, true, %s, %s, 'fusion', '{}')",
        (job_id, account_id, URL, Jsonb(to_document(trigger)), policy, name),
    )
    connection.execute(
        "INSERT INTO due (job_id, account_id, version, recurring, serial, standing, remaining,"
        " next_at) VALUES (%s, %s, 1, true, true, %s, %s, %s)",
        (job_id, account_id, permanent, remaining, start),
    )
    return job_id


def follow(connection: psycopg.Connection, job_id: UUID, upstream: str, *states: RunState) -> None:
    connection.execute(
        "INSERT INTO follow SELECT id, account_id, %s, %s FROM job WHERE id = %s",
        (upstream, [str(state) for state in states], job_id),
    )


def ended(run: Taken, state: RunState = RunState.FAILED) -> Settlement:
    return Settlement(
        *(run.id, run.token, run.job_id, run.job_version, run.due_at, state, None),
        *("it was tried", run.ends_job, False, None),
        serial=run.serial,
    )


def due_of(connection: psycopg.Connection, job_id: UUID) -> tuple[datetime | None, ...]:
    row = connection.execute(
        "SELECT next_at, held_at FROM due WHERE job_id = %s", (job_id,)
    ).fetchone()
    assert row is not None
    return tuple(row)


def test_what_follows_waits_until_the_call_before_it_is_settled(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book_serial(connection, account_id, due_in=-150)
    start = due_of(connection, job_id)[0]
    assert start is not None

    for n in range(3):
        (run,) = claim_and_take(connection)
        assert run.due_at == start + n * MINUTE
        assert run.serial
        assert due_of(connection, job_id) == (None, start + (n + 1) * MINUTE)
        assert claim_all(connection) == []

        settle(connection, [ended(run)])
        assert due_of(connection, job_id) == (start + (n + 1) * MINUTE, None)

    assert claim_all(connection) == []


def test_the_firings_that_are_left_are_counted_down_and_the_job_ends_with_the_last(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book_serial(connection, account_id, due_in=-600, remaining=2, permanent=False)

    (first,) = claim_and_take(connection)
    assert not first.ends_job
    settle(connection, [ended(first)])
    assert one(connection, "SELECT remaining FROM due") == 1
    (last,) = claim_and_take(connection)
    assert last.ends_job
    assert due_of(connection, job_id) == (None, None)
    settle(connection, [ended(last)])

    assert one(connection, "SELECT count(*) FROM job") == 0
    assert one(connection, "SELECT count(*) FROM run") == 2


def test_a_permanent_job_stays_though_no_firing_is_to_come(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book_serial(connection, account_id, due_in=-600, remaining=1)
    (run,) = claim_and_take(connection)

    settle(connection, [ended(run)])

    assert due_of(connection, job_id) == (None, None)
    connection.execute("UPDATE job SET updated_at = now() - interval '1 hour'")
    assert rearm_orphans(connection, limit=10, unreadable=_unreadable) == (0, 0)


def test_a_lost_settlement_is_made_up_for(connection: psycopg.Connection, account_id: int) -> None:
    job_id = book_serial(connection, account_id, due_in=-90)
    claim_and_take(connection)
    held = due_of(connection, job_id)[1]
    connection.execute("UPDATE job SET updated_at = now() - interval '1 hour'")
    assert rearm_orphans(connection, limit=10, unreadable=_unreadable) == (0, 0)

    connection.execute("DELETE FROM inflight")
    assert rearm_orphans(connection, limit=10, unreadable=_unreadable) == (1, 0)

    assert due_of(connection, job_id) == (held, None)


def test_two_calls_of_one_job_cannot_be_stored(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book_serial(connection, account_id, due_in=-90)
    (run,) = claim_and_take(connection)
    held = due_of(connection, job_id)[1]

    # As no code does it: the next firing is let go while the one before is under way.
    connection.execute("UPDATE due SET next_at = held_at, held_at = NULL")
    assert claim_all(connection) == []
    assert one(connection, "SELECT count(*) FROM inflight") == 1

    settle(connection, [ended(run)])
    assert held is not None
    assert due_of(connection, job_id) == (held + MINUTE, None)


def test_a_run_that_was_cancelled_is_in_nobodys_way(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_serial(connection, account_id, due_in=-150)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = now(), reason = 'aborted'")
    connection.execute("UPDATE due SET next_at = held_at, held_at = NULL")

    (following,) = claim_and_take(connection)
    settle(connection, [ended(run, RunState.CANCELLED)])

    assert following.due_at == run.due_at + MINUTE
    assert one(connection, "SELECT next_at IS NULL AND held_at IS NOT NULL FROM due") is True


def test_a_run_that_is_buried_lets_the_next_go(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book_serial(connection, account_id, due_in=-90)
    claim_and_take(connection)
    connection.execute(
        "UPDATE inflight SET reclaims = 5, look_at = now() - interval '1 s',"
        " lease_until = now() - interval '1 s'"
    )

    checked = check(connection, limit=10, leases_count=True)
    settle(connection, checked.ended)

    assert one(connection, "SELECT state FROM run") == "dead"
    assert due_of(connection, job_id)[0] is not None


def _unreadable(job_id: UUID, error: Exception) -> None:
    raise AssertionError(f"{job_id}: {error}")


@pytest.mark.parametrize(
    ("state", "starts"),
    [(RunState.SUCCEEDED, False), (RunState.FAILED, True), (RunState.DEAD, True)],
)
def test_a_job_starts_with_the_end_it_waits_for(
    connection: psycopg.Connection,
    account_id: int,
    state: RunState,
    *,
    starts: bool,
) -> None:
    book_serial(connection, account_id, due_in=-1)
    after = book_serial(connection, account_id, due_in=30, name="task:b")
    follow(connection, after, "task:a", RunState.FAILED, RunState.DEAD)
    by_time = due_of(connection, after)[0]
    (run,) = claim_and_take(connection)
    attempted(connection, run)

    settle(connection, [ended(run, state)])

    started = connection.execute(
        "SELECT kind, final, serial FROM inflight WHERE job_id = %s", (after,)
    ).fetchall()
    assert started == ([("chained", False, True)] if starts else [])
    assert due_of(connection, after) == ((None, by_time) if starts else (by_time, None))


@pytest.mark.parametrize(("after", "is_end"), [(-1.0, False), (0.1, True)])
def test_a_firing_withdrawn_ahead_is_not_an_end_however_late_it_is_settled(
    connection: psycopg.Connection, database: str, account_id: int, *, after: float, is_end: bool
) -> None:
    job_id = book_serial(connection, account_id, due_in=-1)
    following = book_serial(connection, account_id, due_in=None, name="task:b")
    follow(connection, following, "task:a", RunState.CANCELLED)
    claim_all(connection)
    connection.execute(
        "UPDATE inflight SET cancelled_at = due_at + make_interval(secs => %s),"
        " reason = 'changed', look_at = clock_timestamp()",
        (after,),
    )

    settle(connection, check(connection, limit=10, leases_count=True).ended)

    assert one(connection, "SELECT extract(epoch FROM settled_at - due_at)::float8 FROM run") == (
        after
    )
    started = one(connection, "SELECT count(*) FROM inflight WHERE job_id = %s", following)
    with open_engine(database).connect() as reading:
        shown = list_runs(reading, job_id, 10)
    assert (started, len(shown)) == (is_end, is_end)


def attempted(connection: psycopg.Connection, run: Taken) -> None:
    """As if a call had been made: a success was attempted."""
    connection.execute("UPDATE inflight SET attempts = 1 WHERE id = %s", (run.id,))


def test_a_job_that_is_under_way_or_disabled_is_not_started_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    book_serial(connection, account_id, due_in=-1)
    busy = book_serial(connection, account_id, due_in=-1, name="task:b")
    off = book_serial(connection, account_id, due_in=None, name="task:c")
    connection.execute("UPDATE job SET enabled = false WHERE id = %s", (off,))
    for each in (busy, off):
        follow(connection, each, "task:a", RunState.FAILED)
    runs = {run.job_id: run for run in claim_and_take(connection)}
    (upstream,) = [run for job_id, run in runs.items() if job_id != busy]

    settle(connection, [ended(upstream)])

    assert one(connection, "SELECT array_agg(id) FROM inflight") == [runs[busy].id]


def test_one_end_makes_one_start_under_concurrent_settlements(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    """Two ends that start the same job: the second finds it under way."""
    ups = [
        book_serial(connection, account_id, due_in=-1, name=f"task:{name}") for name in ("a", "b")
    ]
    after = book_serial(connection, account_id, due_in=None, name="task:c")
    for name in ("task:a", "task:b"):
        follow(connection, after, name, RunState.FAILED)
    runs = {run.job_id: run for run in claim_and_take(connection)}

    with connection.transaction():
        settle(connection, [ended(runs[ups[0]])])
        with in_thread(lambda: settle(other, [ended(runs[ups[1]])])) as finish:
            wait_until_blocked(connection)
            connection.execute("COMMIT")
            connection.execute("BEGIN")
            assert finish() == {runs[ups[1]].id}

    assert one(other, "SELECT count(*) FROM inflight WHERE job_id = %s", after) == 1


def test_a_crash_while_settling_leaves_both_as_they_were(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book_serial(connection, account_id, due_in=-1)
    after = book_serial(connection, account_id, due_in=None, name="task:b")
    follow(connection, after, "task:a", RunState.FAILED)
    (run,) = claim_and_take(connection)

    def settle_and_crash() -> None:
        with connection.transaction():
            settle(connection, [ended(run)])
            other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))

    with pytest.raises(psycopg.OperationalError):
        settle_and_crash()

    assert one(other, "SELECT count(*) FROM run") == 0
    assert settle(other, [ended(run)]) == {run.id}
    assert one(other, "SELECT kind FROM inflight") == "chained"


def test_a_misfire_policy_of_one_stands_for_what_passed_while_it_was_under_way(
    connection: psycopg.Connection, account_id: int
) -> None:
    misfire = Misfire(policy=MisfirePolicy.ONE)
    assert misfire.policy is not None
    book_serial(connection, account_id, due_in=-300, policy=misfire.policy)

    (run,) = claim_and_take(connection)
    settle(connection, [ended(run)])

    assert run.missed == 5
    assert claim_all(connection) == []
