"""Idempotency-Key on every POST: done once, answered as often as asked, kept for a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from sqlalchemy import event
from werkzeug.test import TestResponse

from app.api import bodies, rate, wsgi_bridge
from app.service import idempotency as service
from app.store.engine import db
from app.store.idempotency import purge
from tests.api.native.booked import ABSENT, JSON, ONCE, booked, ids
from tests.factories import connect, one

BY_PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/http%3A%2F%2F127.0.0.1%2Fwake"
KEPT = "SELECT count(*) FROM kept_answer"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def post(
    client: FlaskClient,
    path: str = "/1/jobs",
    *,
    json: Any = ONCE,
    key: str = "k1",
    **headers: str,
) -> TestResponse:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, json=json, headers={**JSON, "Idempotency-Key": key, **fields})


def replayed(answer: TestResponse) -> bool:
    return answer.headers.get("Idempotency-Replayed") == "true"


def test_a_repeat_is_answered_as_the_first_was_and_marked(client: FlaskClient) -> None:
    first = post(client)
    second = post(client)

    assert (first.status_code, replayed(first)) == (201, False)
    assert "Idempotency-Replayed" not in first.headers
    assert (second.status_code, second.data, replayed(second)) == (201, first.data, True)
    for name in ("Content-Type", "Location", "Content-Length", "Vary"):
        assert second.headers[name] == first.headers[name]
    assert second.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert ids(client) == [first.get_json()["id"]]


def test_without_a_key_each_post_is_a_job_of_its_own(client: FlaskClient) -> None:
    assert booked(client)["id"] != booked(client)["id"]


def test_a_key_is_one_account_s_and_the_same_with_quotes(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    first, quoted, theirs = post(client), post(client, key='"k1"'), post(other_client)
    assert quoted.data == first.data
    assert replayed(quoted)
    assert not replayed(theirs)
    assert (len(ids(client)), len(ids(other_client))) == (1, 1)


def test_another_request_under_the_key_is_refused(client: FlaskClient) -> None:
    post(client)
    for answer in (
        post(client, json={**ONCE, "data": "other"}),
        post(client, BY_PATH),
        post(client, "/1/jobs?dryRun=false"),
        post(client, X_Content_Signature="mine"),
        post(client, Content_Type="application/json; charset=utf-8"),
    ):
        problem = answer.get_json()
        assert answer.status_code == 422
        assert problem["type"] == "/problems/idempotency-key-reused"
        assert problem["member"] == "Idempotency-Key"
        assert not replayed(answer)
    assert len(ids(client)) == 1


def test_accept_makes_no_other_request_and_the_answer_keeps_its_type(client: FlaskClient) -> None:
    first = post(client)
    second = post(client, Accept="text/xml")
    assert (second.data, second.content_type) == (first.data, "application/json")
    response = post(client, Accept="text/xml", json={"url": "x"})
    assert response.content_type.startswith("application/problem+xml")
    assert etree.fromstring(response.data).findtext("{*}status") == "422"


def test_the_path_form_is_repeated_with_its_body(client: FlaskClient) -> None:
    def book(body: bytes) -> TestResponse:
        headers = {"Idempotency-Key": "k", "Content-Type": "text/plain"}
        return client.post(BY_PATH, data=body, headers=headers)

    first, second, other = book(b"a"), book(b"a"), book(b"b")
    assert (second.data, replayed(second)) == (first.data, True)
    assert other.status_code == 422
    assert client.get(f"/1/jobs/{first.text}").get_json()["data"] == "a"


def test_a_refusal_that_is_the_request_s_own_is_kept(client: FlaskClient) -> None:
    wrong = {**ONCE, "when": "never"}
    first, second = post(client, json=wrong), post(client, json=wrong)
    assert (first.status_code, replayed(first)) == (400, False)
    assert (second.status_code, second.data, replayed(second)) == (400, first.data, True)
    assert second.content_type == "application/problem+json"
    assert post(client).status_code == 422
    assert post(client, key="k2").status_code == 201


def test_what_may_come_out_otherwise_next_time_is_not_kept(
    app: Flask, client: FlaskClient, connection: psycopg.Connection
) -> None:
    nobody = app.test_client()
    assert post(nobody).status_code == 401
    assert post(client, "/1/nothing").status_code == 404
    assert post(client, f"/1/jobs/{ABSENT}").status_code == 405
    connection.execute("ALTER TABLE due RENAME TO out_of_reach")
    assert post(client).status_code >= 500
    connection.execute("ALTER TABLE out_of_reach RENAME TO due")

    assert one(connection, KEPT) == 0
    assert (one(connection, "SELECT count(*) FROM job"), post(client).status_code) == (0, 201)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_do_not_need_it(
    client: FlaskClient, connection: psycopg.Connection, method: str
) -> None:
    path = f"/1/jobs/{booked(client)['id']}"
    headers = {"Idempotency-Key": "k", **JSON}
    answer = client.open(path, method=method, json=ONCE, headers=headers)
    assert answer.status_code < 300
    assert one(connection, KEPT) == 0


def test_an_invalid_idempotency_key_is_refused_and_nothing_is_done(client: FlaskClient) -> None:
    for key in ("", " ", "a b", "x" * 256, "a,b", '"a'):
        answer = post(client, key=key)
        assert (answer.status_code, answer.get_json()["member"]) == (400, "Idempotency-Key")
    assert ids(client) == []


def test_who_sends_no_key_pays_nothing(app: Flask, client: FlaskClient) -> None:
    said: list[str] = []

    def hear(_c: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", hear)
        booked(client)
        without = list(said)
        post(client)
    assert not [each for each in without if "kept_answer" in each or "advisory" in each]
    assert len(said) > 2 * len(without)


def test_each_sending_counts_once_against_the_rate(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    monkeypatch.setattr(rate, "count", lambda account_id, _limit: counted.append(account_id))
    assert [replayed(post(client)) for _ in range(2)] == [False, True]
    assert len(counted) == 2


def test_after_a_day_the_key_is_free_again(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    first = post(client)
    post(client, key="young")
    connection.execute(
        "UPDATE kept_answer SET kept_at = clock_timestamp() - interval '24 h' WHERE key = 'k1'"
    )
    second = post(client)
    assert (second.status_code, replayed(second)) == (201, False)
    assert second.data != first.data
    assert replayed(post(client))

    connection.execute(
        "UPDATE kept_answer SET kept_at = clock_timestamp() - interval '24 h' WHERE key = 'k1'"
    )
    assert [purge(connection, limit=10), purge(connection, limit=10)] == [1, 0]
    assert one(connection, "SELECT key FROM kept_answer") == "young"


def test_purging_goes_in_small_steps(client: FlaskClient, connection: psycopg.Connection) -> None:
    for number in range(5):
        post(client, key=f"k{number}")
    connection.execute("UPDATE kept_answer SET kept_at = kept_at - interval '2 days'")
    assert [purge(connection, limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_an_answer_too_large_to_be_stored_rolls_its_request_back(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_ANSWER", 10)
    answer = post(client)
    assert (answer.status_code, answer.get_json()["member"]) == (413, "Idempotency-Key")
    assert ids(client) == []


def test_a_body_that_never_came_is_refused_as_without_a_key(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    for failure in bodies.BodyFailure:
        for path in ("/1/jobs", BY_PATH):
            asked: dict[str, Any] = {
                "environ_overrides": {bodies.FAILURE: failure},
                "content_type": "application/json",
            }
            keyed = client.post(path, headers={"Idempotency-Key": "k"}, **asked)
            plain = client.post(path, **asked)
            assert keyed.status_code >= 400
            assert (keyed.status_code, keyed.data) == (plain.status_code, plain.data)
    assert one(connection, KEPT) == 0


def test_a_body_of_unknown_length_is_bounded(client: FlaskClient) -> None:
    answer = client.post(
        "/1/jobs",
        input_stream=BytesIO(b" " * (bodies.MAX_DOCUMENT + 1)),
        headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


# Whatever a route does is undone with its answer; each POST there is must be shown to be so.

Sample = Callable[[FlaskClient, psycopg.Connection], tuple[str, Any]]


def test_a_dry_run_is_checked_again_and_its_answer_is_not_kept(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    for path, body in (
        ("/1/jobs?dryRun=true", ONCE),
        ("/1/jobs/bulk?dryRun=true", [ONCE] * 5),
        ("/1/preview", {"cron": "0 15 10 ? * *"}),
    ):
        for _ in range(2):
            answer = post(client, path, json=body)
            assert (answer.status_code, replayed(answer)) == (200, False)
    assert one(connection, "SELECT count(*) FROM kept_answer") == 0
    # The key is as free as it was.
    assert post(client, "/1/jobs", json=ONCE).status_code == 201


NEW_KEY = "Send the corrected request with a new Idempotency-Key"


@pytest.mark.parametrize("accept", ["application/json", "text/xml", "text/plain"])
def test_a_refusal_that_is_kept_says_that_another_key_is_needed(
    client: FlaskClient, accept: str
) -> None:
    wrong = {**ONCE, "url": "ftp://x"}
    without = client.post("/1/jobs", json=wrong, headers={"Accept": accept})
    first, again = (post(client, json=wrong, Accept=accept) for _ in range(2))
    assert [each.status_code for each in (without, first, again)] == [400, 400, 400]
    assert NEW_KEY not in without.text
    assert NEW_KEY in first.text
    assert (again.data, replayed(again)) == (first.data, True)
    assert post(client).status_code == 422
    assert post(client, key="k2").status_code == 201


def test_a_refusal_that_is_not_kept_does_not_say_so(client: FlaskClient) -> None:
    job = post(client, f"/1/jobs/{ABSENT}/fire")
    assert (job.status_code, NEW_KEY in job.text) == (404, False)
    post(client, key="other")
    reused = post(client, json={**ONCE, "data": "x"}, key="other")
    assert (reused.status_code, NEW_KEY in reused.text) == (422, False)


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/1/jobs", {"data": b"x" * (bodies.MAX_DOCUMENT + 1)}, 413),
        (f"/1/jobs/{'x' * wsgi_bridge.MAX_TARGET}", {}, 414),
        ("/1/jobs", {"data": b"{}", "headers": {"Content-Encoding": "gzip"}}, 415),
        ("/1/jobs?unheardOf=1", {"json": ONCE}, 400),
    ],
)
def test_what_is_refused_before_the_key_is_read_leaves_it_free(
    client: FlaskClient, path: str, sent: dict[str, Any], status: int
) -> None:
    headers = {"Idempotency-Key": "k1", **sent.get("headers", {})}
    refused = client.post(path, **{**sent, "headers": headers})
    assert (refused.status_code, NEW_KEY in refused.text) == (status, False)
    assert post(client).status_code == 201


def test_a_payload_that_is_too_long_is_kept(client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    refused = client.post(BY_PATH, data=b"x" * 2049, headers=headers)
    assert (refused.status_code, NEW_KEY in refused.text) == (413, True)
    assert post(client).status_code == 422
