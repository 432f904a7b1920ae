"""Idempotency: changes and their response are stored together, or not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from uuid import UUID

import psycopg
import pytest

from app.domain.account import Caller
from app.domain.job import Booking
from app.domain.native.trigger import Cron
from app.errors import NotFound, StillRunning, Unavailable
from app.service import jobs
from app.service.context import Context
from app.service.idempotency import KeptResponse, perform_and_roll_back, perform_once
from tests.factories import one

BOOKING = Booking(url="http://127.0.0.1/", trigger=Cron(expression="0 0 12 ? * *"))
PRINT = bytes(32)
JOBS = "SELECT count(*) FROM job"
KEPT = "SELECT count(*) FROM kept_answer"


def booking(context: Context, caller: Caller, status: int) -> Callable[[], KeptResponse]:
    """Books a job, changes its mind about another, and answers with this status."""

    def perform() -> KeptResponse:
        job = jobs.create(context, caller, BOOKING)
        jobs.delete(context, caller, jobs.create(context, caller, BOOKING).id)
        return KeptResponse(status=status, headers=(("A", "b"),), body=str(job.id).encode())

    return perform


def never() -> KeptResponse:
    raise AssertionError("done twice")


@pytest.mark.parametrize(
    ("status", "stored", "kept"),
    [(201, 1, 1), (202, 1, 1), (400, 0, 1), (404, 0, 0), (409, 0, 0), (500, 0, 0), (503, 0, 0)],
)
def test_a_stored_answer_and_its_changes_are_one_transaction(
    context: Context,
    caller: Caller,
    connection: psycopg.Connection,
    status: int,
    stored: int,
    kept: int,
) -> None:
    answer = perform_once(context, caller, "k", PRINT, booking(context, caller, status))

    assert (answer.status, answer.replayed) == (status, False)
    assert (one(connection, JOBS), one(connection, KEPT)) == (stored, kept)
    if kept:
        again = perform_once(context, caller, "k", PRINT, never)
        assert (again.status, again.headers, again.body, again.replayed) == (
            status,
            (("A", "b"),),
            answer.body,
            True,
        )


def test_what_is_done_to_be_undone_leaves_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    assert perform_and_roll_back(context, booking(context, caller, 201)).status == 201
    assert (one(connection, JOBS), one(connection, KEPT)) == (0, 0)


def test_a_key_is_held_by_one_request_and_by_nobody_after_it(
    context: Context, caller: Caller
) -> None:
    before = copy_context()

    def meanwhile() -> KeptResponse:
        # Another connection: this one's lock would not stop itself.
        with pytest.raises(StillRunning):
            before.run(lambda: perform_once(context, caller, "k", PRINT, never))
        return KeptResponse(status=404, headers=(), body=b"")

    assert perform_once(context, caller, "k", PRINT, meanwhile).status == 404
    assert (
        perform_once(context, caller, "k", PRINT, booking(context, caller, 201)).replayed is False
    )


def test_a_session_that_is_ended_in_the_middle_stores_nothing(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    def cut() -> KeptResponse:
        booking(context, caller, 201)()
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return KeptResponse(status=201, headers=(), body=b"")

    with pytest.raises(Unavailable):
        perform_once(context, caller, "k", PRINT, cut)
    assert (one(connection, JOBS), one(connection, KEPT)) == (0, 0)
    assert perform_once(context, caller, "k", PRINT, booking(context, caller, 201)).status == 201


def test_one_that_stopped_in_the_middle_is_overtaken_and_never_finishes(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    elsewhere = copy_context()
    overtaking: list[KeptResponse] = []

    def stop() -> KeptResponse:
        answer = booking(context, caller, 201)()
        give_up = time.monotonic() + 60
        while not overtaking:
            assert time.monotonic() < give_up
            with suppress(StillRunning):
                overtaking.append(
                    elsewhere.run(
                        lambda: perform_once(
                            context, caller, "k", PRINT, booking(context, caller, 201)
                        )
                    )
                )
            time.sleep(0.1)  # nothing tells when a session was ended for idling
        return answer

    with pytest.raises(Unavailable):
        perform_once(context, caller, "k", PRINT, stop)
    assert one(connection, "SELECT id::text FROM job") == overtaking[0].body.decode()
    assert perform_once(context, caller, "k", PRINT, never).body == overtaking[0].body


def test_a_use_case_that_fails_leaves_the_others_of_its_transaction(
    context: Context, caller: Caller, connection: psycopg.Connection
) -> None:
    with context.database.unit_of_work():
        job = jobs.create(context, caller, BOOKING)
        jobs.delete(context, caller, jobs.create(context, caller, BOOKING).id)
        with pytest.raises(NotFound):
            jobs.delete(context, caller, UUID(int=7))
        assert one(connection, JOBS) == 0
    assert one(connection, "SELECT id FROM job") == job.id
