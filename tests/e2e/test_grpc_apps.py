"""Apps that speak gRPC: their jobs through all processes, to a real gRPC server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import grpc
import psycopg

from app.domain.retry_policy import Constant
from app.protos import json_values
from app.protos.dapr_app_pb2 import JobEventRequest
from tests.delivery.grpc_app import ALPHA1, STABLE, GrpcApp, accept, end
from tests.e2e.apps import book_calls, book_ticks, end_of, put_app, reason_of
from tests.e2e.conftest import Report
from tests.e2e.firings import steadily
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds, one
from tests.receiver import Receiver, answer

TEXT = b" Oil Change \n"
LONG = b'{"long":[' + b",".join([b"1.5"] * 20_000) + b"]}"


def attempts_of(connection: psycopg.Connection, job: UUID) -> list[tuple[Any, ...]]:
    """Status, error and detail of the attempts of the job's only run."""
    return connection.execute(
        "SELECT a.status, a.error, a.detail FROM attempt a"
        " JOIN run r ON r.id = a.run_id AND r.due_at = a.due_at"
        " WHERE r.job_id = %s ORDER BY number",
        (job,),
    ).fetchall()


def book_one(connection: psycopg.Connection, app: str, **changes: Any) -> UUID:
    return next(iter(book_calls(connection, app, [in_seconds(1)], **changes)))


def event_of(app: GrpcApp, job: UUID) -> JobEventRequest:
    events = [JobEventRequest.FromString(call.message) for call in app.calls]
    return next(event for event in events if event.name == str(job))


def test_payloads_of_either_protocol_reach_apps_of_either(
    running: Instance, connection: psycopg.Connection
) -> None:
    value = json_values.encode(b'{"a":[1,null]}', most=1000)
    payloads: Sequence[tuple[bytes | None, str | None, tuple[bytes, str] | None, bytes]] = [
        (None, None, None, b""),
        (b"", "", (b"", ""), b""),
        (TEXT, "", (TEXT, ""), TEXT),
        (b"\xff\x00", "dapr.io/x", (b"\xff\x00", "dapr.io/x"), b"\xff\x00"),
        (value, json_values.TYPE_URL, (value, json_values.TYPE_URL), b'{"a":[1,null]}'),
        (
            b'{"a":1}',
            None,
            (json_values.encode(b'{"a":1}', most=1000), json_values.TYPE_URL),
            b'{"a":1}',
        ),
        (LONG, None, (json_values.encode(LONG, most=10**7), json_values.TYPE_URL), LONG),
        (TEXT * 10_000, "", (TEXT * 10_000, ""), TEXT * 10_000),
    ]
    with GrpcApp() as app, Receiver(answer(200)) as receiver:
        put_app(connection, "of-grpc", app.url, "grpc")
        put_app(connection, "of-http", receiver.url(""))
        for data, type_url, sent, body in payloads:
            booked = {"data": data, "type_url": type_url}
            job = book_one(connection, "of-grpc", **booked)
            other = book_one(connection, "of-http", **booked)
            assert end_of(connection, job)[0] == end_of(connection, other)[0] == "succeeded"
            event = event_of(app, job)
            assert event.method == f"job/{job}"
            assert event.HasField("data") is (sent is not None)
            if sent is not None:
                assert (event.data.value, event.data.type_url) == sent
            (request,) = (each for each in receiver.requests if each.target == f"/job/{other}")
            assert request.body == body
            assert request.header("content-type") == "application/json"
            assert attempts_of(connection, job) == [(200, None, None)]
    assert set(app.methods) == {"OnJobEvent"}


def test_a_value_that_does_not_decode_is_not_delivered(
    running: Instance, connection: psycopg.Connection
) -> None:
    with Receiver(answer(200)) as receiver:
        put_app(connection, "of-http", receiver.url(""))
        short = book_one(connection, "of-http", data=b"\xff", type_url=json_values.TYPE_URL)
        long = book_one(connection, "of-http", data=b"\xff" * 10_000, type_url=json_values.TYPE_URL)
        for job in (short, long):
            assert end_of(connection, job)[0] == "failed"
            errors = [error for _, error, _ in attempts_of(connection, job)]
            assert errors == ["invalid-request"] * 4
        assert receiver.requests == []


def test_an_app_without_a_handler_is_called_by_both_methods_four_times(
    running: Instance, connection: psycopg.Connection
) -> None:
    with GrpcApp({}) as app:
        put_app(connection, "bare", app.url, "grpc")
        job = book_one(connection, "bare")
        state, reason = end_of(connection, job)
        assert state == "failed"
        assert reason == (
            "The app answered UNIMPLEMENTED (12): no such job. All 4 attempts are used up."
        )
        assert app.methods == ["OnJobEvent", "OnJobEventAlpha1"] * 4
        detail = "The app answered UNIMPLEMENTED (12): no such job"
        assert attempts_of(connection, job) == [(None, "grpc-unimplemented", detail)] * 4
        assert [call.metadata["wakecall-attempt"] for call in app.calls] == list("11223344")


def test_not_found_ends_a_run_with_success_and_alpha1_is_called_where_it_is_all_there_is(
    running: Instance, connection: psycopg.Connection
) -> None:
    with GrpcApp({ALPHA1: end(grpc.StatusCode.NOT_FOUND, "no")}) as app:
        put_app(connection, "old", app.url, "grpc")
        job = book_one(connection, "old")
        assert end_of(connection, job)[0] == "succeeded"
        (attempt,) = attempts_of(connection, job)
        assert attempt == (None, "grpc-not-found", "The app answered NOT_FOUND (5): no")
        assert app.methods == ["OnJobEvent", "OnJobEventAlpha1"]


def test_an_app_that_is_away_gets_its_calls_once_it_is_back_and_no_attempt_is_used_up(
    running: Instance, connection: psycopg.Connection
) -> None:
    app = GrpcApp()
    app.start()
    put_app(connection, "sleeper", app.url, "grpc")
    first = book_one(connection, "sleeper")
    assert end_of(connection, first)[0] == "succeeded"
    app.stop()
    jobs = book_calls(connection, "sleeper", steadily(10, 1))
    waiting = "SELECT count(*) FROM inflight WHERE job_id = ANY (%s) AND state = 'waiting'"
    until(lambda: one(connection, waiting, list(jobs)) >= len(jobs) - 1, "all of them wait")
    assert "cannot be reached" in "".join(reason_of(connection, job) for job in jobs)
    app.start()
    try:
        app.wait_for(1 + len(jobs), seconds=60)
        assert {end_of(connection, job)[0] for job in jobs} == {"succeeded"}
        assert {call.metadata["wakecall-attempt"] for call in app.calls} == {"1"}
        assert all(len(attempts_of(connection, job)) == 1 for job in jobs)
    finally:
        app.stop()


def test_ticks_that_come_close_are_called_one_after_the_other(
    running: Instance, connection: psycopg.Connection, report: Report
) -> None:
    with GrpcApp() as app:
        put_app(connection, "clock", app.url, "grpc")
        job = book_ticks(connection, "clock", in_seconds(1), "@every 20ms", repeats=50)
        until(lambda: one(connection, "SELECT id FROM job WHERE id = %s", job) is None, "it ends")
        assert len(app.calls) == 50
        assert len({call.metadata["webhook-id"] for call in app.calls}) == 50
        runs = one(connection, "SELECT count(*) FROM run WHERE job_id = %s", job)
        report(f"50 ticks in {runs} runs")
        assert runs < 25


def test_a_failed_run_is_shown_with_its_status_and_sent_again_with_token_and_payload(
    running: Instance, connection: psycopg.Connection
) -> None:
    with GrpcApp({STABLE: end(grpc.StatusCode.INTERNAL, "out of oil")}) as app:
        document = {"url": app.url, "protocol": "grpc", "token": "s3cret"}
        assert running.ask("PUT", "/1/dapr-apps/garage", document).status == 201
        policy = Constant(0, 0)
        job = book_one(connection, "garage", data=b"\xff", type_url="oil", policy=policy)
        assert end_of(connection, job)[0] == "failed"
        run = one(connection, "SELECT id FROM run WHERE job_id = %s", job)
        shown = running.ask("GET", f"/1/runs/{run}").body
        (attempt,) = shown["attempts"]
        assert attempt["error"] == "grpc-internal"
        assert attempt["errorDetail"] == "The app answered INTERNAL (13): out of oil"
        assert {"name": "grpc-status", "value": "13"} in attempt["headers"]
        assert shown["reason"].startswith("The app answered INTERNAL (13): out of oil. ")

        app.handlers[STABLE] = accept
        assert running.ask("POST", f"/1/runs/{run}/redeliver").status == 202
        first, second = app.wait_for(2)
    assert first.message == second.message
    assert (event_of(app, job).data.value, event_of(app, job).data.type_url) == (b"\xff", "oil")
    assert {each.metadata["dapr-api-token"] for each in (first, second)} == {"s3cret"}
    assert {each.metadata["webhook-id"] for each in (first, second)} == {str(run)}
    assert second.metadata["wakecall-attempt"] == "2"
