"""Overdue runs that a worker begins by itself: claimed and taken in one, once, and not others'."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from app.domain.call_options import CallOptions
from app.domain.firing_rate import Allowed, FiringLimits
from app.domain.job import MAX_DATA
from app.domain.timings.claiming import MAX_INSTANT
from app.store import overdue
from app.store.overdue import Slots
from app.store.rescue import check
from app.store.takes import Taken, renew_leases, take
from tests.factories import URL, add_account, book, claim_all, in_thread, one


def begin(
    connection: psycopg.Connection,
    *,
    budget: int = 100,
    limits: FiringLimits | None = None,
    slots: Slots | None = None,
) -> list[Taken]:
    def unreadable(run: Taken, error: Exception) -> None:
        raise AssertionError(f"{run.id}: {error}")

    return overdue.begin(
        connection,
        slots or find(connection).slots,
        budget=budget,
        limits=limits or FiringLimits(),
        unreadable=unreadable,
    )


def find(
    connection: psycopg.Connection, *, until: datetime = MAX_INSTANT, counted: tuple[int, ...] = ()
) -> overdue.Overdue:
    return overdue.find(connection, lookback=60, until=until, most=100, counted=counted)


def test_an_overdue_run_is_taken_with_all_that_is_needed_to_send(
    connection: psycopg.Connection, account_id: int
) -> None:
    options = CallOptions(method="PUT", headers=(("X-A", "1"),))
    job_id = book(connection, account_id, due_in=-1, data=b"\x00\xff", options=options)

    (run,) = begin(connection)

    assert (run.job_id, run.account_id, run.url, run.data) == (job_id, account_id, URL, b"\x00\xff")
    assert run.call_options == options
    assert -3 < run.remaining <= -1
    assert run.send_at == run.due_at
    assert (run.ends_job, run.attempts, run.reclaims, run.missed, run.size) == (True, 0, 0, 0, 0)
    assert one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id) is None


def test_what_is_written_is_what_a_claim_and_a_take_write(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (at_once,) = begin(connection)
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    (in_two,) = take(connection, [(claimed.run_id, claimed.token)])

    varying = {"id", "job_id", "due_at", "send_at", "look_at", "lease_until"}
    first, second = (
        {
            name: value
            for name, value in one(
                connection, "SELECT to_jsonb(i) FROM inflight i WHERE id = %s", run.id
            ).items()
            if name not in varying
        }
        for run in (at_once, in_two)
    )
    assert first == second
    assert set(renew_leases(connection, [(at_once.id, at_once.token)])) == {at_once.id}
    differing = {"id", "job_id", "due_at", "send_at", "remaining"}
    assert {
        name
        for name, one_value, other in zip(Taken._fields, at_once, in_two, strict=True)
        if one_value != other
    } <= differing


def test_only_slots_that_are_over_by_a_believed_clock_are_offered(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=0.3)
    ahead = find(connection)
    now = datetime.now(UTC)
    believed = find(connection, until=now - timedelta(seconds=5)).slots

    assert ahead.plain == 0
    assert (ahead.slots.last + 1) / 10 <= now.timestamp() + 1
    assert believed.last < (now.timestamp() - 5) * 10
    assert begin(connection) == []


def test_what_needs_a_decision_is_left_to_the_scheduler(
    connection: psycopg.Connection, account_id: int
) -> None:
    counted, suspended = add_account(connection, "counted"), add_account(connection, "suspended")
    book(connection, account_id, due_in=-1, cron="0 0/15 * * * ?")
    book(connection, counted, due_in=-1)
    book(connection, suspended, due_in=-1)
    connection.execute("UPDATE account SET suspended_at = now() WHERE id = %s", (suspended,))
    postponed = book(connection, account_id, due_in=-1)
    connection.execute(
        "UPDATE due SET owed_till = next_at, owed_at = next_at, owed_for = 'firingsPerSecond'"
        " WHERE job_id = %s",
        (postponed,),
    )
    limits = FiringLimits(of={counted: Allowed(per_second=10)})

    assert begin(connection, limits=limits) == []
    assert find(connection, counted=(counted,)).plain == 0
    assert one(connection, "SELECT count(*) FROM due WHERE next_at IS NOT NULL") == 4
    book(connection, account_id, due_in=-1)
    assert find(connection, counted=(counted,)).plain == 1


def test_an_account_with_more_than_may_stay_uncounted_is_left_to_the_scheduler(
    connection: psycopg.Connection, account_id: int
) -> None:
    few = add_account(connection, "few")
    for _ in range(4):
        book(connection, account_id, due_in=-2)
    for _ in range(3):
        book(connection, few, due_in=-1)

    begun = begin(connection, limits=FiringLimits(quiet=3))

    assert [run.account_id for run in begun] == [few] * 3


def test_the_earliest_begin_first_and_no_more_than_the_budget(
    connection: psycopg.Connection, account_id: int
) -> None:
    jobs = [book(connection, account_id, due_in=-9 + n) for n in range(6)]

    assert {run.job_id for run in begin(connection, budget=2)} == set(jobs[:2])
    assert {run.job_id for run in begin(connection)} == set(jobs[2:])


def test_two_workers_begin_each_firing_once(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    for _ in range(20):
        book(connection, account_id, due_in=-1)
    slots = find(connection).slots

    with in_thread(lambda: begin(connection, budget=12, slots=slots)) as finish:
        begun = [*begin(other, budget=12, slots=slots), *finish()]

    assert len({run.job_id for run in begun}) == len(begun)
    assert len(begun) + len(claim_all(other)) == 20


def test_a_firing_that_has_a_run_already_gets_no_second_one(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    due_at = one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id)
    claim_all(connection)
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (due_at, job_id))

    with pytest.raises(psycopg.errors.UniqueViolation):
        begin(connection)

    assert claim_all(connection) == []
    assert one(connection, "SELECT next_at FROM due WHERE job_id = %s", job_id) is None
    assert one(connection, "SELECT count(*) FROM inflight") == 1


def test_a_job_that_is_updated_meanwhile_is_left(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    # The due row is in a version of which the job's row is not seen.
    connection.execute("UPDATE due SET version = 2 WHERE job_id = %s", (job_id,))

    assert begin(connection) == []
    assert one(other, "SELECT next_at IS NOT NULL FROM due WHERE job_id = %s", job_id)


def test_a_long_payload_is_left_in_the_database(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1, data=b"x" * (MAX_DATA + 1))

    (run,) = begin(connection)

    assert (run.size, run.data) == (MAX_DATA + 1, None)


def test_a_run_whose_worker_died_is_reclaimed(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = begin(connection)
    connection.execute(
        "UPDATE inflight SET lease_until = now() - interval '1 s', look_at = now() - interval '1 s'"
    )

    checked = check(connection, limit=10, leases_count=True)

    assert [each.run_id for each in checked.to_notify] == [run.id]
    assert checked.to_notify[0].token > run.token
