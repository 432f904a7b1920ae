"""Completion over HTTP: the token or a key, the document, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from app.api import rate
from app.api.context import context_of
from app.api.native.codecs.reader import Body
from app.api.native.documents import completion as completion_document
from app.domain.completion import Completion, Result, Tokens
from tests.api.golden import golden
from tests.api.native.booked import ABSENT
from tests.api.native.test_runs import AT, LATE
from tests.factories import connect, one

RUN = UUID("01a20290-027f-7fc0-b123-b43bd8583de0")
JOB = UUID(ABSENT)
SETTLED = datetime(2026, 11, 22, 10, tzinfo=UTC)
PATH = f"/1/runs/{RUN}/complete"
DONE = {"status": "succeeded"}
LOST = Completion(result=Result.FAILED, message="the disk is full")


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


@pytest.fixture
def token(app: Flask) -> str:
    return Tokens(context_of(app).settings.secret_keys).make(RUN)


def add_running(connection: psycopg.Connection, state: str = "running") -> None:
    """A run of account-1 that was called once and is to be completed."""
    connection.execute(
        "INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, final, state,"
        " send_at, attempts, look_at, complete_by, lease_until) SELECT %s, %s, id, 1, 'scheduled',"
        " %s, false, %s, %s, 1, now(), CASE WHEN %s = 'running' THEN now() END,"
        " CASE WHEN %s = 'taken' THEN now() END FROM account WHERE name = 'account-1'",
        (RUN, JOB, AT, state, AT, state, state),
    )
    connection.execute(
        "INSERT INTO attempt (run_id, due_at, number, started_at, lateness_ms, status, headers,"
        " dns_ms, connect_ms, tls_ms, first_byte_ms, total_ms) VALUES (%s, %s, 1, %s, 1.5, 202,"
        """ '[["Wakecall-Complete", "later"]]', 1, 2, 3, 4, 5)""",
        (RUN, AT, LATE),
    )


def complete(
    client: FlaskClient, bearer: str | None, document: Any = DONE, **headers: str
) -> TestResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if bearer is not None:
        fields["Authorization"] = f"Bearer {bearer}"
    return client.post(PATH, json=document, headers=fields)


def refusal(answer: TestResponse) -> tuple[int, str | None]:
    return answer.status_code, answer.get_json().get("member")


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_a_completion_on_the_wire(
    app: Flask, key: str, connection: psycopg.Connection, token: str, format_: str
) -> None:
    assert key
    add_running(connection)
    media_type = "application/json" if format_ == "json" else "text/xml"

    answer = app.test_client().post(
        PATH,
        data=golden(f"completion.request.{format_}"),
        headers={
            "Authorization": f"Bearer {token}",
            "Content-Type": media_type,
            "Accept": media_type,
        },
    )

    assert answer.status_code == 200
    connection.execute("UPDATE run SET settled_at = %s", (SETTLED,))
    response = app.test_client().get(
        f"/1/runs/{RUN}", headers={"X-API-Key": key, "Accept": media_type}
    )
    assert response.data == golden(f"completed.response.{format_}")
    sent = Body(golden(f"completion.request.{format_}"), media_type)
    assert completion_document.read(sent) == LOST


def test_a_run_that_is_running_says_until_when(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_running(connection)

    (run,) = client.get("/1/runs?state=running").get_json()

    assert run["state"] == "running"
    assert run["completeBy"].endswith("Z")
    assert client.get("/1/runs?state=waiting").get_json() == []
    assert client.post(f"/1/runs/{RUN}/redeliver").status_code == 409


def test_a_key_of_the_account_completes_as_well(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_running(connection)
    assert complete(client, None).get_json()["state"] == "succeeded"


def test_while_the_call_is_being_answered_it_is_accepted(
    app: Flask, key: str, connection: psycopg.Connection, token: str
) -> None:
    assert key
    add_running(connection, "taken")
    for _ in range(2):
        answer = complete(app.test_client(), token)
        assert (answer.status_code, answer.get_json()["state"]) == (202, "taken")
    assert refusal(complete(app.test_client(), token, {"status": "failed"})) == (409, "status")


def test_a_caller_without_key_and_token_gets_the_same_answer_for_every_run(
    app: Flask, key: str, connection: psycopg.Connection, token: str
) -> None:
    assert key
    add_running(connection)
    foreign = Tokens(context_of(app).settings.secret_keys).make(JOB)
    client = app.test_client()
    answers = [
        complete(client, bearer)
        for bearer in (None, "", foreign, token[:-1], token + "x", "wk_x", "x" * 600, "\xe9")
    ]
    answers += [
        client.post(f"/1/runs/{run}/complete", data=b"?", headers={"Authorization": "Bearer x"})
        for run in (RUN, JOB)
    ]

    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert "completion token" in answers[0].get_json()["detail"]
    assert one(connection, "SELECT state FROM inflight") == "running"


def test_another_account_is_answered_that_there_is_no_such_run(
    other_client: FlaskClient, connection: psycopg.Connection, token: str
) -> None:
    add_running(connection)
    assert refusal(complete(other_client, None)) == (404, "id")
    # The token is enough, from any sender.
    assert complete(other_client, token).status_code == 200


def test_a_run_that_retention_took_is_unknown_to_its_own_token(
    app: Flask, key: str, token: str
) -> None:
    assert key
    assert refusal(complete(app.test_client(), token)) == (404, "id")


def test_a_token_is_not_counted_against_the_rate_limit(
    app: Flask,
    client: FlaskClient,
    connection: psycopg.Connection,
    token: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(rate, "count", lambda account_id, _: counted.append(account_id))
    add_running(connection)

    complete(app.test_client(), token)
    assert counted == []
    complete(client, None)
    assert len(counted) == 1


@pytest.mark.parametrize("key_sent", ["k1", "not a key, at all"])
def test_an_idempotency_key_makes_no_difference(
    app: Flask, key: str, connection: psycopg.Connection, token: str, key_sent: str
) -> None:
    assert key
    add_running(connection)
    first, second = (complete(app.test_client(), token, Idempotency_Key=key_sent) for _ in range(2))
    other = complete(app.test_client(), token, {"status": "failed"}, Idempotency_Key=key_sent)

    assert (first.status_code, second.data) == (200, first.data)
    assert "Idempotency-Replayed" not in second.headers
    assert other.status_code == 409
    assert one(connection, "SELECT count(*) FROM kept_answer") == 0


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({}, "status"),
        ({"status": "done"}, "status"),
        ({"status": None}, "status"),
        ({"status": "cancelled"}, "status"),
        ({"status": "failed", "message": 7}, "message"),
        ({"status": "failed", "message": "x" * 1025}, "message"),
        ({"status": "failed", "message": "a\0b"}, "message"),
        ({"status": "failed", "message": "\ud800"}, "message"),
        ({"status": "failed", "why": "x"}, "why"),
        ([], None),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(
    client: FlaskClient, connection: psycopg.Connection, document: Any, member: str | None
) -> None:
    add_running(connection)
    body = json.dumps(document).encode()
    answer = client.post(PATH, data=body, content_type="application/json")

    assert refusal(answer) == (400, member)
    assert answer.get_json()["remedy"]
    assert one(connection, "SELECT state FROM inflight") == "running"


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (b"<completion/>", "status"),
        (b"<completion><status>done</status></completion>", "status"),
        (b"<completion><status>failed</status><why/></completion>", "why"),
        (b"<completion><status>failed</status><status/></completion>", "status"),
        (b"<run><status>failed</status></run>", None),
        (b"<completion>", None),
    ],
)
def test_so_it_is_in_xml(
    client: FlaskClient, connection: psycopg.Connection, body: bytes, member: str | None
) -> None:
    add_running(connection)
    answer = client.post(PATH, data=body, content_type="text/xml", headers={"Accept": "text/xml"})

    assert answer.status_code == 400
    assert etree.fromstring(answer.data).findtext("{*}member") == member


def test_the_longest_message_is_kept_whole(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    add_running(connection)
    answer = complete(client, None, {"status": "succeeded", "message": "é" * 1024})
    assert answer.get_json()["reason"] == "é" * 1024


def test_other_formats_are_refused(client: FlaskClient, connection: psycopg.Connection) -> None:
    add_running(connection)
    assert client.post(PATH, data=b"succeeded", content_type="text/plain").status_code == 415
    assert complete(client, None, Accept="text/plain").status_code == 406
    assert client.get(PATH).status_code == 405
