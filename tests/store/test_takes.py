"""Taking: one sender a run, under a token; a lease that only its holder extends."""

from __future__ import annotations

import psycopg
import pytest

from app.domain.call_options import CallOptions
from app.domain.job import MAX_DATA
from app.domain.retry_policy import Backoff, Constant, RetryPolicy
from app.domain.timings.leases import LEASE
from app.store.quarantine import suspects
from app.store.rescue import check
from app.store.takes import payloads, poll_cancellations, renew_leases, take, untaken
from tests.factories import URL, book, claim_all, claim_and_take, one


def test_a_take_returns_all_that_is_needed_to_send(
    connection: psycopg.Connection, account_id: int
) -> None:
    job_id = book(connection, account_id, due_in=0.2, data=b"\x00\xff")

    (run,) = claim_and_take(connection)

    assert (run.job_id, run.account_id, run.url, run.data) == (job_id, account_id, URL, b"\x00\xff")
    assert 0 < run.remaining <= 0.2
    assert run.send_at == run.due_at
    assert (run.ends_job, run.attempts, run.reclaims, run.missed) == (True, 0, 0, 0)
    assert not run.precedes_version
    query = "SELECT lease_until - clock_timestamp() <= %s FROM inflight"
    assert one(connection, query, LEASE) is True


def test_a_take_returns_the_call_options_and_nothing_for_the_defaults(
    connection: psycopg.Connection, account_id: int
) -> None:
    options = CallOptions(
        method="PUT",
        headers=(("X-B", "2"), ("X-A", "1")),
        timeout=2.5,
        retry=RetryPolicy(max_attempts=3, backoff=Backoff(initial=1.5, factor=2, max=60)),
    )
    book(connection, account_id, due_in=-1, options=options)
    book(connection, account_id, due_in=-1)

    taken = claim_and_take(connection)

    assert {run.call_options for run in taken} == {options, None}


def test_a_take_leaves_behind_what_is_longer_than_a_native_payload(
    connection: psycopg.Connection, account_id: int
) -> None:
    for size in (0, MAX_DATA, MAX_DATA + 1, 4 * 1024 * 1024):
        book(connection, account_id, due_in=-1, data=b"x" * size)

    taken = claim_and_take(connection)

    found = sorted((run.size, None if run.data is None else len(run.data)) for run in taken)
    assert found == [(0, 0), (0, MAX_DATA), (MAX_DATA + 1, None), (4 * 1024 * 1024, None)]


def test_what_was_left_behind_is_read_while_the_run_is_held_and_wanted(
    connection: psycopg.Connection, account_id: int
) -> None:
    long = {name: bytes([name]) * (MAX_DATA + 1) for name in range(3)}
    jobs = {book(connection, account_id, due_in=-1, data=data): data for data in long.values()}
    runs = claim_and_take(connection)
    held, cancelled, lost = runs
    connection.execute(
        "UPDATE inflight SET cancelled_at = clock_timestamp() WHERE id = %s", (cancelled.id,)
    )
    tickets = [(held.id, held.token), (cancelled.id, cancelled.token), (lost.id, lost.token - 1)]

    assert payloads(connection, tickets) == {held.id: jobs[held.job_id]}


def test_what_was_left_behind_is_of_the_run_s_own_version(
    connection: psycopg.Connection, account_id: int
) -> None:
    old = b"old" * MAX_DATA
    book(connection, account_id, due_in=-1, data=old)
    (run,) = claim_and_take(connection)
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, data) SELECT id, version, url, data FROM job"
    )
    connection.execute("UPDATE job SET version = 2, data = 'new'")

    assert payloads(connection, [(run.id, run.token)]) == {run.id: old}
    connection.execute("DELETE FROM superseded")
    assert payloads(connection, [(run.id, run.token)]) == {run.id: None}


@pytest.mark.parametrize("retry", [Constant(1.5, 3), Constant(0, 0), Constant(0.001, None)])
def test_a_take_returns_the_retries_of_another_dialect(
    connection: psycopg.Connection, account_id: int, retry: Constant
) -> None:
    book(connection, account_id, due_in=-1, options=CallOptions(retry=retry))

    (run,) = claim_and_take(connection)

    assert run.call_options == CallOptions(retry=retry)


def test_of_two_takers_at_once_one_gets_the_run(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    tickets = [(each.run_id, each.token) for each in claim_all(connection)]

    with connection.transaction():
        first = take(connection, tickets)
        beside = take(other, tickets)
    after = take(other, tickets)

    assert [run.id for run in first] == [tickets[0][0]]
    assert beside == []
    assert after == []


def test_a_run_notified_twice_is_taken_once(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    claim_all(connection)
    connection.execute("UPDATE inflight SET look_at = clock_timestamp()")
    (again,) = check(connection, limit=10, leases_count=True).to_notify
    ticket = (again.run_id, again.token)

    assert len(take(connection, [ticket, ticket])) == 1
    assert take(connection, [ticket]) == []


def test_a_run_whose_notification_was_lost_is_found(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)

    found = untaken(connection, late=0.1, limit=10)

    assert found == [(claimed.run_id, claimed.token)]
    assert len(take(connection, found)) == 1
    assert untaken(connection, late=0.1, limit=10) == []


def test_a_run_that_is_not_due_yet_is_found_only_when_asked_ahead(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=0.25)
    claim_all(connection)

    assert untaken(connection, late=0.1, limit=10) == []
    assert len(untaken(connection, late=-0.3, limit=10)) == 1


def test_a_suspect_is_found_apart_from_the_others(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    connection.execute("UPDATE inflight SET reclaims = 2")

    assert untaken(connection, late=0.1, limit=10) == []
    assert suspects(connection, limit=10) == [((claimed.run_id, claimed.token), None)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE inflight SET cancelled_at = clock_timestamp()",
        "UPDATE account SET suspended_at = clock_timestamp()",
    ],
)
def test_a_run_that_is_not_to_be_taken_is_not_found(
    connection: psycopg.Connection, account_id: int, change: str
) -> None:
    book(connection, account_id, due_in=-1)
    claim_all(connection)
    connection.execute(change)

    assert untaken(connection, late=0.1, limit=10) == []
    connection.execute("UPDATE inflight SET reclaims = 2")
    assert suspects(connection, limit=10) == []


def test_a_cancelled_run_is_not_taken(connection: psycopg.Connection, account_id: int) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp()")

    assert take(connection, [(claimed.run_id, claimed.token)]) == []


def test_the_poll_for_cancellations_returns_the_database_clock(
    connection: psycopg.Connection,
) -> None:
    instant = "SELECT extract(epoch FROM clock_timestamp())::float8"
    before = one(connection, instant)
    clock = poll_cancellations(connection).clock

    assert before <= clock <= one(connection, instant)


def test_only_the_holder_extends_a_lease(connection: psycopg.Connection, account_id: int) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET lease_until = clock_timestamp() + interval '1 s'")

    assert renew_leases(connection, [(run.id, run.token - 1)]) == {}
    assert renew_leases(connection, [(run.id, run.token)]) == {run.id: False}
    left = one(
        connection,
        "SELECT extract(epoch FROM lease_until - clock_timestamp())::float8 FROM inflight",
    )
    assert 4 < left <= 5


def test_the_renewal_of_a_lease_reports_that_the_run_is_withdrawn(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    (run,) = claim_and_take(connection)
    connection.execute("UPDATE inflight SET cancelled_at = clock_timestamp() - interval '1 hour'")

    assert renew_leases(connection, [(run.id, run.token)]) == {run.id: True}


def test_a_row_locked_elsewhere_is_passed_over_not_waited_for(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    book(connection, account_id, due_in=-1)
    locked, free = claim_and_take(connection)

    with other.transaction():
        other.execute("SELECT FROM inflight WHERE id = %s FOR UPDATE", (locked.id,))
        extended = renew_leases(connection, [(run.id, run.token) for run in (locked, free)])

    assert extended == {free.id: False}


def test_a_run_whose_version_is_nowhere_is_taken_without_content(
    connection: psycopg.Connection, account_id: int
) -> None:
    book(connection, account_id, due_in=-1)
    claimed = claim_all(connection)
    connection.execute("UPDATE job SET version = 7")

    (run,) = take(connection, [(each.run_id, each.token) for each in claimed])

    assert run.url is None
