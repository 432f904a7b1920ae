"""Limits on what an account stores: exact however many book at once, in every way of booking."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.service import accounts
from app.service.dapr import apps as dapr_apps
from app.store import idempotency, usage
from tests.api.conftest import client_of
from tests.api.fusion.documents import MOVIES, TASK, after, put
from tests.factories import connect, in_thread, one, wait_until_blocked

PROCESSES = 4
AT_ONCE = 8 * PROCESSES
URL = "http://127.0.0.1:2222/call"
ONCE = {"url": URL, "when": "2040-01-01T00:00:00Z", "data": "x" * 100}
DAPR = {"dueTime": "2040-01-01T00:00:00Z", "data": "x" * 100}

Send = Callable[[FlaskClient, int], Any]
AtOnce = Callable[[Send], Counter[int]]


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def limit(app: Flask, **amounts: int | str) -> None:
    with app.app_context():
        accounts.set_limits(current_context(), "account-1", amounts)


@pytest.fixture
def at_once(make_app: Callable[..., Flask], key: str) -> AtOnce:
    """Lets 32 clients send at one instant, to processes of eight threads; counts their statuses."""
    apps = [make_app() for _ in range(PROCESSES)]

    def send_at_once(send: Send) -> Counter[int]:
        barrier = Barrier(AT_ONCE)

        def one_of(number: int) -> int:
            client = client_of(apps[number % PROCESSES], key)
            barrier.wait(30)
            return int(send(client, number).status_code)

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return Counter(threads.map(one_of, range(AT_ONCE)))

    return send_at_once


def native(client: FlaskClient, number: int) -> Any:
    del number
    return client.post("/1/jobs", json=ONCE)


def by_path(client: FlaskClient, number: int) -> Any:
    return client.post(f"/1/jobs/2040-01-01T00%3A00Z/http%3A%2F%2F127.0.0.1%3A2222%2F{number}")


def by_name(client: FlaskClient, number: int) -> Any:
    return client.put(f"/1/jobs/by-name/n{number}", json=ONCE)


def keyed(client: FlaskClient, number: int) -> Any:
    return client.post("/1/jobs", json=ONCE, headers={"Idempotency-Key": f"k{number}"})


def by_dapr(client: FlaskClient, number: int) -> Any:
    return client.post(f"/v1.0/jobs/n{number}", data=json.dumps(DAPR))


def by_fusion(client: FlaskClient, number: int) -> Any:
    path = f"/api/jobs/datasource:d{number}/schedule"
    return client.put(path, json={"triggers": []})


@pytest.mark.parametrize(
    ("send", "done"),
    [
        (native, 201),
        (by_path, 201),
        (by_name, 201),
        (keyed, 201),
        (by_dapr, 204),
        (by_fusion, 200),
    ],
)
def test_exactly_as_many_jobs_are_booked_as_the_account_may_have(
    app: Flask, key: str, connection: psycopg.Connection, at_once: AtOnce, send: Send, done: int
) -> None:
    with app.app_context():
        dapr_apps.put(
            current_context(),
            accounts.get_account(current_context(), "account-1"),
            "app",
            url=URL,
            token=None,
        )
    limit(app, jobs=10)
    assert at_once(send) == {done: 10, 403: 22}
    assert one(connection, "SELECT count(*) FROM job") == 10

    client = client_of(app, key)
    for (job_id,) in connection.execute("SELECT id FROM job LIMIT 3").fetchall():
        assert client.delete(f"/1/jobs/{job_id}").status_code == 204
    again = at_once(lambda client, number: send(client, number + AT_ONCE))
    assert again == {done: 3, 403: 29}
    assert client.get("/1/account").get_json()["limits"]["jobs"] == {"limit": 10, "used": 10}


def test_a_command_with_other_settings_leaves_the_limits_of_the_web_as_they_are(
    make_app: Callable[..., Flask], key: str
) -> None:
    web, command = client_of(make_app(WAKECALL_LIMIT_JOBS="3"), key), make_app()
    assert [native(web, each).status_code for each in range(4)] == [201, 201, 201, 403]
    limit(command, connections=20)
    assert native(web, 4).status_code == 403


def test_a_booking_waits_where_quota_is_being_shared_out(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    assert native(client, 1).status_code == 201
    connection.execute("BEGIN")
    assert usage.renew_busy(connection, booked=0) == 1
    with in_thread(lambda: native(client, 2).status_code) as finish:
        wait_until_blocked(connection)
        connection.execute("COMMIT")
        assert finish() == 201
    assert client.get("/1/account").get_json()["limits"]["jobs"]["used"] == 2


def test_documents_of_several_jobs_are_booked_whole_or_not(
    app: Flask, key: str, connection: psycopg.Connection, at_once: AtOnce
) -> None:
    limit(app, jobs=100)
    statuses = at_once(lambda client, _number: client.post("/1/jobs/bulk", json=[ONCE] * 7))
    assert statuses == {201: 14, 403: 18}
    assert one(connection, "SELECT count(*) FROM job") == 98
    client = client_of(app, key)
    refused = client.post("/1/jobs/bulk", json=[ONCE] * 3).get_json()
    assert (refused["limit"], refused["allowed"], refused["used"]) == ("jobs", 100, 98)
    assert "needs 3 more" in refused["detail"]
    assert client.post("/1/jobs/bulk", json=[ONCE] * 2).status_code == 201
    assert client.post("/1/jobs/bulk?dryRun=true", json=[ONCE]).status_code == 403
    assert client.post("/1/jobs?dryRun=true", json=ONCE).status_code == 403


def test_exactly_as_many_bytes_are_stored_as_the_account_may_have(
    app: Flask, key: str, connection: psycopg.Connection, at_once: AtOnce
) -> None:
    each = len(URL) + 100
    limit(app, storedBytes=10 * each + each // 2)
    assert at_once(native) == {201: 10, 403: 22}
    assert one(connection, "SELECT sum(bytes) FROM usage_slot") == 10 * each
    refused = client_of(app, key).post("/1/jobs", json=ONCE).get_json()
    assert (refused["limit"], refused["used"]) == ("storedBytes", 10 * each)
    assert client_of(app, key).post("/1/jobs?dryRun=true", json=ONCE).status_code == 403


def test_what_replaces_a_job_is_not_a_new_one_and_counts_what_it_is_longer(
    app: Flask, key: str, client: FlaskClient, connection: psycopg.Connection
) -> None:
    with app.app_context():
        dapr_apps.put(
            current_context(),
            accounts.get_account(current_context(), "account-1"),
            "app",
            url=URL,
            token=None,
        )
    assert by_name(client, 1).status_code == 201
    assert by_dapr(client, 1).status_code == 204
    assert by_fusion(client, 1).status_code == 200
    limit(app, jobs=3)
    assert client.put("/1/jobs/by-name/n1", json={**ONCE, "data": "y"}).status_code == 200
    overwriting = {**DAPR, "data": "y", "overwrite": True}
    assert client.post("/v1.0/jobs/n1", data=json.dumps(overwriting)).status_code == 204
    longer = {"triggers": [{"type": "cron", "enabled": True, "expression": "0 15 10 ? * MON-FRI"}]}
    path = "/api/jobs/datasource:d1/schedule"
    assert client.put(path, json=longer).status_code == 200
    assert by_name(client, 2).status_code == 403

    used = client.get("/1/account").get_json()["limits"]["storedBytes"]["used"]
    limit(app, storedBytes=used + 5)
    for made in (
        client.put("/1/jobs/by-name/n1", json={**ONCE, "data": "y" * 100}),
        client.post("/v1.0/jobs/n1", data=json.dumps({**overwriting, "data": "y" * 100})),
        client.put(path, json={"triggers": longer["triggers"] * 9}),
    ):
        assert made.status_code == 403
    assert client.put("/1/jobs/by-name/n1", json={**ONCE, "data": "y" * 6}).status_code == 200
    assert client.put("/1/jobs/by-name/n1", json={**ONCE, "data": "y" * 7}).status_code == 403
    assert client.put("/1/jobs/by-name/n1", json={**ONCE, "data": ""}).status_code == 200
    assert client.put("/1/jobs/by-name/n1", json={**ONCE, "data": "y" * 6}).status_code == 200


def test_a_refusal_is_reported_in_the_words_of_its_dialect(app: Flask, client: FlaskClient) -> None:
    with app.app_context():
        dapr_apps.put(
            current_context(),
            accounts.get_account(current_context(), "account-1"),
            "app",
            url=URL,
            token=None,
        )
    limit(app, jobs=0)
    refused = by_dapr(client, 1)
    assert (refused.status_code, list(refused.get_json())) == (403, ["errorCode", "message"])
    assert refused.get_json()["errorCode"] == "ERR_LIMIT_REACHED"
    assert "may have 0 jobs" in refused.get_json()["message"]
    refused = by_fusion(client, 1)
    assert refused.content_type == "application/problem+json"
    assert refused.get_json()["limit"] == "jobs"
    task = client.post("/api/tasks", json=TASK)
    assert (task.status_code, task.get_json()["type"]) == (403, "/problems/limit-reached")


def test_pausing_and_deleting_need_no_room(app: Flask, client: FlaskClient) -> None:
    job_id = client.post("/1/jobs", json=ONCE, headers={"Accept": "application/json"}).get_json()[
        "id"
    ]
    limit(app, jobs=0, storedBytes=0)
    assert client.post(f"/1/jobs/{job_id}/pause").status_code == 200
    assert client.post(f"/1/jobs/{job_id}/resume").status_code == 200
    assert client.delete(f"/1/jobs/{job_id}").status_code == 204
    assert client.post("/1/jobs", json=ONCE).status_code == 403


def test_a_changed_limit_holds_at_once_and_a_setting_from_the_first_booking(
    make_app: Callable[..., Flask], app: Flask, key: str
) -> None:
    client = client_of(make_app(WAKECALL_LIMIT_JOBS="2"), key)
    statuses = [client.post("/1/jobs", json=ONCE).status_code for _ in range(3)]
    assert statuses == [201, 201, 403]
    for amount, status in ((3, 201), (3, 403), ("off", 201), ("default", 403)):
        with client.application.app_context():
            accounts.set_limits(current_context(), "account-1", {"jobs": amount})
        assert client.post("/1/jobs", json=ONCE).status_code == status
    del app


def test_room_is_made_of_what_ended_runs_sent_before_a_booking_is_refused(
    app: Flask, key: str, client: FlaskClient, connection: psycopg.Connection
) -> None:
    del key
    each = len(URL) + 100
    account_id = one(connection, "SELECT id FROM account")
    connection.execute(
        "INSERT INTO superseded (job_id, version, url, data, account_id) "
        "SELECT gen_random_uuid(), 1, %s, %s, %s FROM generate_series(1, 5)",
        (URL, b"x" * 100, account_id),
    )
    connection.execute("INSERT INTO usage_release VALUES (%s, 0, %s)", (account_id, -5 * each))
    limit(app, storedBytes=5 * each)
    for booked in range(1, 6):
        assert client.post("/1/jobs", json=ONCE).status_code == 201
        assert one(connection, "SELECT count(*) FROM superseded") == 5 - booked
        assert usage.used(connection, account_id).bytes == 5 * each
    assert client.post("/1/jobs", json=ONCE).status_code == 403


def test_exactly_as_many_apps_and_tasks_are_kept_as_the_account_may_have(
    app: Flask, client: FlaskClient, at_once: AtOnce
) -> None:
    limit(app, daprApps=3, fusionTasks=4)
    app_document = {"url": URL}
    assert at_once(lambda each, number: each.put(f"/1/dapr-apps/a{number}", json=app_document)) == {
        201: 3,
        403: 29,
    }
    named = client.get("/1/dapr-apps").get_json()[0]["id"]
    assert client.put(f"/1/dapr-apps/{named}", json=app_document).status_code == 200
    assert client.delete(f"/1/dapr-apps/{named}").status_code == 204
    assert client.put("/1/dapr-apps/another", json=app_document).status_code == 201
    assert client.put("/1/dapr-apps/one-more", json=app_document).get_json()["limit"] == "daprApps"

    def task(each: FlaskClient, number: int) -> Any:
        return each.put(f"/api/tasks/t{number}", json={**TASK, "id": f"t{number}"})

    assert at_once(task) == {200: 4, 403: 28}
    limits = client.get("/1/account").get_json()["limits"]
    assert limits["daprApps"] == {"limit": 3, "used": 3}
    assert limits["fusionTasks"] == {"limit": 4, "used": 4}
    assert client.post("/api/tasks", json=TASK).get_json()["limit"] == "fusionTasks"
    kept = client.get("/api/tasks").get_json()[0]["id"]
    assert client.put(f"/api/tasks/{kept}", json={**TASK, "id": kept}).status_code == 200


def test_exactly_as_many_keys_are_made_as_the_account_may_have(app: Flask, at_once: AtOnce) -> None:
    limit(app, keys=4)
    made = at_once(lambda each, _: each.post("/1/keys", json={"scope": "read"}))
    assert made == {201: 3, 403: 29}


def test_admin_keys_that_revoke_each_other_at_once_leave_one(
    app: Flask, client: FlaskClient, key: str, at_once: AtOnce
) -> None:
    """Every other client has the other key, and revokes that of its neighbour."""
    other = client.post("/1/keys", json={"scope": "admin"}).text

    def revoke(each: FlaskClient, number: int) -> Any:
        own, theirs = (key, other) if number % 2 else (other, key)
        return each.delete(f"/1/keys/{theirs[3:13]}", headers={"X-API-Key": own})

    at_once(revoke)
    statuses = [client_of(app, each).get("/1/keys").status_code for each in (key, other)]
    assert sorted(statuses) == [200, 401]


def test_no_more_jobs_follow_a_job_than_may(
    app: Flask, client: FlaskClient, at_once: AtOnce
) -> None:
    limit(app, followers=5)

    def follow(each: FlaskClient, number: int) -> Any:
        return put(each, after(MOVIES), resource=f"datasource:f{number}")

    assert at_once(follow) == {200: 5, 403: 27}
    refused = put(client, after(MOVIES), resource="datasource:another")
    assert (refused.get_json()["limit"], refused.get_json()["used"]) == ("followers", 5)
    following = [
        each["resource"]
        for each in client.get("/api/jobs").get_json()
        if put(client, after(MOVIES, how="on_failure"), resource=each["resource"]).status_code
        == 200
    ]
    assert len(following) == 5
    assert put(client, {"triggers": []}, resource=following[0]).status_code == 200
    assert follow(client, 99).status_code == 200


def test_answers_are_kept_as_far_as_the_account_may_and_nothing_is_done_without(
    app: Flask, key: str, connection: psycopg.Connection, at_once: AtOnce
) -> None:
    client = client_of(app, key)
    assert keyed(client, 100).status_code == 201
    each = client.get("/1/account").get_json()["limits"]["keptAnswerBytes"]["used"]
    assert each == one(connection, "SELECT sum(answer_bytes(key, headers, body)) FROM kept_answer")
    limit(app, keptAnswerBytes=6 * each)
    assert at_once(lambda client, number: keyed(client, 101 + number)) == {201: 5, 403: 27}
    assert one(connection, "SELECT count(*) FROM job") == 6
    refused = keyed(client, 200)
    assert refused.get_json()["limit"] == "keptAnswerBytes"
    assert "leave Idempotency-Key out" in refused.get_json()["remedy"]
    assert one(connection, "SELECT count(*) FROM job") == 6
    # A stored answer is repeated, and a request whose answer is not stored is carried out.
    assert keyed(client, 100).headers["Idempotency-Replayed"] == "true"
    assert native(client, 1).status_code == 201
    # Once answers have expired there is room again.
    connection.execute("UPDATE kept_answer SET kept_at = kept_at - interval '25 h'")
    assert keyed(client, 100).status_code == 201
    assert idempotency.purge(connection, limit=100) == 5
    assert keyed(client, 200).status_code == 201
