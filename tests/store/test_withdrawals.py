"""Withdrawals: each reaches the worker that holds the run, at a bounded cost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from app.store import fusion_aborts, inflight
from app.store.connection import ReconnectingConnection
from app.store.queries import SQL
from app.store.takes import Taken, acknowledge_withdrawn, poll_cancellations, take
from tests.factories import add_account, book, claim_all, claim_and_take, one
from tests.store.test_queries import nodes

MANY = 20_000
_CANCELLED = """
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state, send_at,
                      look_at, cancelled_at, lease_until, withdrawal_known)
SELECT gen_random_uuid(), gen_random_uuid(), %(account)s, 1, 'scheduled', now(), true, %(state)s,
       now(), now(), clock_timestamp(), CASE WHEN %(state)s = 'taken' THEN now() END, %(known)s
FROM generate_series(1, %(number)s)
"""
_ABORTED = """
INSERT INTO aborted (run_id, token, aborted_at)
SELECT gen_random_uuid(), 2, clock_timestamp() - make_interval(secs => %s)
FROM generate_series(1, %s)
"""
_CANCEL = "UPDATE inflight SET cancelled_at = clock_timestamp() WHERE id = %s"


def held(connection: psycopg.Connection, account_id: int, *, number: int = 1) -> list[Taken]:
    for _ in range(number):
        book(connection, account_id, due_in=-1)
    return claim_and_take(connection)


def test_the_poll_names_a_run_cancelled_while_taken_with_its_token(
    connection: psycopg.Connection, account_id: int
) -> None:
    _, cancelled, waiting = held(connection, account_id, number=3)
    assert poll_cancellations(connection)[0] == {}

    connection.execute(_CANCEL, (cancelled.id,))
    connection.execute(_CANCEL, (waiting.id,))
    connection.execute(
        "UPDATE inflight SET state = 'waiting', lease_until = NULL, attempts = 1 WHERE id = %s",
        (waiting.id,),
    )

    assert poll_cancellations(connection)[0] == {cancelled.id: cancelled.token}


def test_the_poll_names_a_recently_aborted_run_with_the_highest_token(
    connection: psycopg.Connection, account_id: int
) -> None:
    now, before, earlier = uuid4(), uuid4(), uuid4()
    connection.execute("INSERT INTO aborted (run_id, token) VALUES (%s, 7)", (now,))
    connection.execute("INSERT INTO aborted (run_id) VALUES (%s)", (before,))
    connection.execute(
        "INSERT INTO aborted VALUES (%s, clock_timestamp() - interval '11 s')", (earlier,)
    )
    (run,) = held(connection, account_id)
    connection.execute(_CANCEL, (run.id,))
    connection.execute("INSERT INTO aborted (run_id, token) VALUES (%s, 1)", (run.id,))

    # What the release before notes has no token, and counts for every holder.
    assert poll_cancellations(connection)[0] == {now: 7, before: 2**31 - 1, run.id: run.token}


def test_what_its_holder_knows_is_not_named_again(
    connection: psycopg.Connection, account_id: int
) -> None:
    cancelled, kept = held(connection, account_id, number=2)
    for run in (cancelled, kept):
        connection.execute(_CANCEL, (run.id,))
    aborted, again = uuid4(), uuid4()
    for run_id in (aborted, again):
        connection.execute("INSERT INTO aborted (run_id, token) VALUES (%s, 3)", (run_id,))

    # Who held the last two of them under lower tokens has nothing to say of these.
    acknowledge_withdrawn(
        connection,
        [(cancelled.id, cancelled.token), (aborted, 3), (kept.id, kept.token - 1), (again, 2)],
    )

    assert poll_cancellations(connection)[0] == {kept.id: kept.token, again: 3}


def test_a_run_locked_elsewhere_is_acknowledged_later_and_not_waited_for(
    connection: psycopg.Connection, other: psycopg.Connection, account_id: int
) -> None:
    locked, free = held(connection, account_id, number=2)
    for run in (locked, free):
        connection.execute(_CANCEL, (run.id,))
    tickets = [(run.id, run.token) for run in (locked, free)]

    with other.transaction():
        other.execute("SELECT FROM inflight WHERE id = %s FOR UPDATE", (locked.id,))
        acknowledge_withdrawn(connection, tickets)

    assert poll_cancellations(connection)[0] == {locked.id: locked.token}
    acknowledge_withdrawn(connection, tickets)
    assert poll_cancellations(connection)[0] == {}


@pytest.mark.parametrize("state", ["claimed", "taken"])
def test_only_a_run_that_is_held_has_to_be_named_when_its_job_is_withdrawn(
    connection: psycopg.Connection, account_id: int, state: str
) -> None:
    job_id = book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    if state == "taken":
        take(connection, [(claimed.run_id, claimed.token)])

    inflight.cancel_all(connection, job_id, "deleted")

    known = one(connection, "SELECT withdrawal_known FROM inflight")
    assert (known, len(poll_cancellations(connection)[0])) == (
        (False, 1) if state == "taken" else (True, 0)
    )


@pytest.mark.parametrize("state", ["claimed", "taken"])
def test_only_the_abort_of_a_run_that_is_held_is_noted(
    connection: psycopg.Connection, account_id: int, state: str
) -> None:
    book(connection, account_id, due_in=-1)
    (claimed,) = claim_all(connection)
    if state == "taken":
        take(connection, [(claimed.run_id, claimed.token)])

    assert fusion_aborts.end_run(connection, claimed.run_id, "aborted") is not None

    noted = connection.execute("SELECT run_id, token FROM aborted").fetchall()
    assert noted == ([(claimed.run_id, claimed.token + 1)] if state == "taken" else [])


@pytest.fixture
def worker(database: str) -> Iterator[psycopg.Connection]:
    """A connection as the workers have it."""
    reconnecting = ReconnectingConnection(database, "worker")
    with reconnecting.use() as opened:
        yield opened
    reconnecting.close()


def test_the_question_reads_no_more_whatever_another_account_withdraws(
    connection: psycopg.Connection, worker: psycopg.Connection, account_id: int
) -> None:
    (mine,) = held(connection, account_id)
    connection.execute(_CANCEL, (mine.id,))
    before = pages(worker)
    hog = add_account(connection, "hog")
    connection.execute(_ABORTED, (11, MANY))
    for state in ("claimed", "taken"):
        params = {"account": hog, "number": MANY // 2, "state": state, "known": True}
        connection.execute(_CANCELLED, params)
    connection.execute(_CANCEL, (mine.id,))

    assert poll_cancellations(worker)[0] == {mine.id: mine.token}
    # A page or two more where an index has become a level higher.
    assert pages(worker) <= before + 6


def pages(connection: psycopg.Connection) -> int:
    """How many pages the question reads."""
    explained = one(
        connection, f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {SQL['poll_cancellations']}"
    )
    found: Any = explained if isinstance(explained, list) else json.loads(explained)
    top = next(nodes(found[0]["Plan"]))
    return int(top["Shared Hit Blocks"]) + int(top["Shared Read Blocks"])


def test_the_question_is_asked_of_what_is_not_known_alone(worker: psycopg.Connection) -> None:
    explained = one(worker, f"EXPLAIN (FORMAT JSON) {SQL['poll_cancellations']}")

    used = {node.get("Index Name") for node in nodes(explained[0]["Plan"])}
    assert used - {None} == {"inflight_withdrawn", "aborted_age", "account_suspended"}


def test_an_acknowledged_abort_leaves_nothing_behind(connection: psycopg.Connection) -> None:
    run_id = UUID(int=1)
    connection.execute("INSERT INTO aborted (run_id, token) VALUES (%s, 2)", (run_id,))

    acknowledge_withdrawn(connection, [(run_id, 2)])

    assert one(connection, "SELECT count(*) FROM aborted") == 0
