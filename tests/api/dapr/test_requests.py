"""Requests of the Dapr API: their paths and bodies, the order of the checks, what is stored."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from app.api import bodies, wsgi_bridge
from app.service.dapr import jobs as service
from app.store import job_names
from tests.api.dapr.calls import APP, DUE, JOBS, add_app, error_of, schedule
from tests.factories import claim_and_take, one

FAILED = "failed to schedule job due to: rpc error: code ="
MALFORMED = "ERR_MALFORMED_REQUEST"


def scheduled(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT name, version FROM job ORDER BY name").fetchall()


def test_a_job_is_booked_shown_and_deleted(
    dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    for version in ("v1.0", "v1.0-alpha1"):
        path = f"/{version}/jobs/R2-D2"
        body = {"dueTime": "15s", "data": {"Value": "R2-D2:Oil Change"}}
        booked = dapr.post(path, data=json.dumps(body))
        assert (booked.status_code, booked.data) == (204, b"")
        assert "Content-Type" not in booked.headers
        found = dapr.get(path)
        assert (found.status_code, found.content_type) == (200, "application/json")
        assert found.data == (
            b'{"name":"R2-D2", "dueTime":"15s", "data":{"@type":"type.googleapis.com/'
            b'google.protobuf.Value", "value":{"Value": "R2-D2:Oil Change"}}, '
            b'"failurePolicy":{"constant":{"interval":"1s", "maxRetries":3}}}'
        )
        assert (dapr.delete(path).status_code, dapr.delete(path).status_code) == (204, 204)
        assert error_of(dapr.get(path)) == (
            500,
            "DAPR_SCHEDULER_GET_JOB",
            "failed to get job due to: rpc error: code = NotFound desc = job not found: R2-D2",
        )
    assert scheduled(connection) == []


def test_what_is_booked_is_one_job_as_every_other(
    dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    policy = {"constant": {"interval": "2s", "maxRetries": 1}}
    schedule(dapr, "a%20b|c", {"schedule": "@every 5m", "repeats": 7, "failurePolicy": policy})
    row = connection.execute(
        "SELECT url, endpoint, dialect, name, data, content_type, misfire, manner,"
        " trigger ->> 'kind', serial, standing, recurring, remaining,"
        " next_at > clock_timestamp() + interval '4 min'"
        " FROM job JOIN due ON job_id = id"
    ).fetchone()
    assert row == (
        *("/job/a%20b%7Cc", APP, "dapr", "a b|c", None, "application/json", "all"),
        {"timeout": 60, "retry": {"constant": {"interval": 2, "max_retries": 1}}},
        *("ticks", True, False, True, 7, True),
    )


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
def test_an_address_that_is_too_long_is_refused_without_mention_of_another_api(
    dapr: FlaskClient, method: str
) -> None:
    answer = dapr.open(f"{JOBS}/test?x={'x' * 20_000}", method=method, data=json.dumps(DUE))
    assert error_of(answer) == (
        414,
        "ERR_ADDRESS_TOO_LONG",
        f"The URL has more than {wsgi_bridge.MAX_TARGET} characters. Shorten the URL.",
    )


def test_a_one_shot_may_be_due_at_once(dapr: FlaskClient, connection: psycopg.Connection) -> None:
    for name, due in (("now", "0s"), ("past", "2020-01-01T00:00:00Z"), ("ago", "-5s")):
        assert schedule(dapr, name, {"dueTime": due}).status_code == 204
    query = "SELECT count(*) FROM due WHERE next_at <= clock_timestamp() AND NOT serial"
    assert one(connection, query) == 3
    early = {each.url: each.precedes_version for each in claim_and_take(connection)}
    assert early["/job/past"], "it does not tell how late the service is"
    assert early["/job/ago"]


def test_content_type_and_accept_are_not_looked_at(dapr: FlaskClient) -> None:
    for number, (sent, wanted) in enumerate(
        (("text/plain", "text/html"), ("application/xml", "x"), ("", "image/png;q=1, */*;q=0"))
    ):
        fields = {"Content_Type": sent, "Accept": wanted}
        assert schedule(dapr, f"x{number}", **fields).status_code == 204
        assert dapr.get(f"{JOBS}/x{number}", headers={"Accept": wanted}).status_code == 200
        refused = dapr.get(f"{JOBS}/y", headers={"Accept": wanted})
        assert (refused.status_code, refused.content_type) == (500, "application/json")


def test_the_checks_come_in_dapr_s_order(dapr: FlaskClient) -> None:
    long = b'{"name":"x"' + b" " * bodies.MAX_LONG + b"}"
    wrong: dict[str, Any] = {"name": "x", "repeats": 0}
    for name, body, code in (
        ("%20", long, "ERR_BODY_READ"),
        ("%20", {**wrong, "ttl": 5}, MALFORMED),
        ("%20", wrong, "DAPR_SCHEDULER_JOB_NAME"),
        ("%20", {"repeats": 0}, "DAPR_SCHEDULER_JOB_NAME_EMPTY"),
        ("a%2Fb", {"repeats": 0}, "DAPR_SCHEDULER_SCHEDULE_EMPTY"),
        ("a%2Fb", {"schedule": "x"}, "DAPR_SCHEDULER_SCHEDULE_JOB"),
    ):
        assert error_of(schedule(dapr, name, body))[1] == code
    assert "name is invalid" in error_of(schedule(dapr, "a%2Fb", {"schedule": "x"}))[2]
    schedule(dapr, "x")
    assert error_of(schedule(dapr, "x", {"schedule": "x"}))[0] == 500
    assert error_of(schedule(dapr, "x"))[0] == 409


def test_the_details_of_an_error_are_those_of_dapr(dapr: FlaskClient) -> None:
    both = {"appID": APP, "namespace": "default"}
    for body, metadata in (
        ({"name": "x"}, {"appID": APP}),
        ({}, both),
        ({"schedule": "x"}, both),
        ("[", None),
    ):
        answer = schedule(dapr, "test", body).get_json()
        if metadata is None:
            assert "details" not in answer
            continue
        (detail,) = answer["details"]
        assert detail == {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": metadata,
            "reason": answer["errorCode"],
        }


def test_the_refusal_of_a_taken_name_has_its_key(dapr: FlaskClient) -> None:
    schedule(dapr, "x")
    assert error_of(schedule(dapr, "x")) == (
        409,
        "DAPR_SCHEDULER_SCHEDULE_JOB",
        f"{FAILED} AlreadyExists desc = job already exists: 'app||default||job-service||x'",
    )
    assert schedule(dapr, "X").status_code == 204


def test_the_refusal_of_a_body_that_is_not_json_has_the_position(dapr: FlaskClient) -> None:
    assert error_of(schedule(dapr, "x", "[")) == (
        400,
        MALFORMED,
        "failed deserializing HTTP body: syntax error (line 1, column 1): { is expected",
    )
    assert error_of(dapr.post(f"{JOBS}/%zz", data="{}")) == (
        400,
        MALFORMED,
        'invalid URL escape "%zz"',
    )
    status, code, message = error_of(dapr.get(f"{JOBS}/%FF"))
    assert (status, code) == (400, MALFORMED)
    assert "UTF-8" in message


def test_a_body_may_have_four_megabytes(dapr: FlaskClient, connection: psycopg.Connection) -> None:
    frame = '{"dueTime":"1h","data":"%s"}'
    most = frame % ("x" * (bodies.MAX_LONG - len(frame) + 2))
    assert len(most) == bodies.MAX_LONG
    assert schedule(dapr, "x", most).status_code == 204
    assert one(connection, "SELECT length(data) FROM job") == bodies.MAX_LONG - len(frame) + 4
    assert error_of(schedule(dapr, "y", most + " ")) == (
        400,
        "ERR_BODY_READ",
        "failed to read request body: stream too large",
    )


@pytest.mark.parametrize("failure", [bodies.BodyFailure.CUT, bodies.BodyFailure.SLOW])
def test_a_body_that_is_not_to_be_had(dapr: FlaskClient, failure: bodies.BodyFailure) -> None:
    answer = dapr.post(f"{JOBS}/x", environ_overrides={bodies.FAILURE: failure})
    assert error_of(answer)[:2] == (400, "ERR_BODY_READ")


def test_overwriting_starts_the_schedule_from_the_beginning(
    dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    schedule(dapr, "x", {"schedule": "@every 1h", "repeats": 5})
    connection.execute("UPDATE due SET remaining = 2")
    again = {"schedule": "@every 2h", "repeats": 9, "overwrite": True}
    assert schedule(dapr, "x", again).status_code == 204
    found = dapr.get(f"{JOBS}/x").get_json()
    assert (found["schedule"], found["repeats"]) == ("@every 2h", 9)
    assert "overwrite" not in found
    assert scheduled(connection) == [("x", 2)]
    assert one(connection, "SELECT remaining FROM due") == 9
    assert schedule(dapr, "new", {**DUE, "overwrite": True}).status_code == 204


def test_a_job_that_ends_meanwhile_makes_room(
    dapr: FlaskClient, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule(dapr, "x")
    seen = job_names.holder

    def late(*args: Any) -> Any:
        found = seen(*args)
        connection.execute("DELETE FROM job")
        return found

    monkeypatch.setattr("app.service.dapr.jobs.holder", late)
    assert schedule(dapr, "x", {**DUE, "overwrite": True}).status_code == 204
    assert scheduled(connection) == [("x", 1)]


def test_an_unreachable_database_is_answered_as_an_unreachable_scheduler_of_dapr(
    dapr: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(service, "book", away)
    answer = schedule(dapr)
    status, code, message = error_of(answer)
    assert (status, code) == (503, "DAPR_SCHEDULER_SCHEDULE_JOB")
    assert "code = Unavailable" in message
    assert answer.headers["Retry-After"] == "1"


def test_the_response_to_a_defect_has_no_details(
    dapr: FlaskClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(service, "book", fail)
    status, code, message = error_of(schedule(dapr))
    assert (status, code) == (500, "ERR_INTERNAL")
    assert "secret" not in message
    logged = capsys.readouterr()
    assert "request.failed" in logged.out + logged.err


def test_a_post_can_be_repeated_under_a_key(
    app: Flask, dapr: FlaskClient, connection: psycopg.Connection
) -> None:
    first = schedule(dapr, "x", Idempotency_Key="k")
    again = schedule(dapr, "x", Idempotency_Key="k")
    assert (first.status_code, again.status_code) == (204, 204)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert error_of(schedule(dapr, "y", Idempotency_Key="k"))[:2] == (
        422,
        "ERR_IDEMPOTENCY_KEY_REUSED",
    )
    add_app(app, "other", port=6201)
    mine, theirs = (
        schedule(dapr, "z", Idempotency_Key="l", dapr_app_id=app_id) for app_id in (APP, "other")
    )
    assert (mine.status_code, theirs.status_code) == (204, 422)
    assert len(scheduled(connection)) == 2


def test_clients_of_dapr_get_answers_to_their_first_requests(app: Flask, dapr: FlaskClient) -> None:
    anybody = app.test_client()
    for path in ("/v1.0/healthz", "/v1.0/healthz/outbound"):
        assert (anybody.get(path).status_code, anybody.get(path).data) == (204, b"")
    assert anybody.get("/v1.0/metadata").status_code == 401
    found = dapr.get("/v1.0/metadata")
    assert (found.status_code, found.get_json()["id"]) == (200, APP)


def test_the_asgi_layer_accepts_long_bodies_for_these_paths_only() -> None:
    environ = {"REQUEST_METHOD": "POST"}
    for path, most in (
        ("/v1.0/jobs/x", bodies.MAX_LONG),
        ("//v1.0-alpha1//jobs/a\nb", bodies.MAX_LONG),
        ("/v1.0/state/x", bodies.MAX_DOCUMENT),
        ("/x/v1.0/jobs/x", bodies.MAX_DOCUMENT),
    ):
        assert bodies.max_size({**environ, "PATH_INFO": path}) == most
    assert bodies.max_size({"REQUEST_METHOD": "GET", "PATH_INFO": "/v1.0/jobs/x"}) < bodies.MAX_LONG
