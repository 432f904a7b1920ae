"""Requests that calls of Wakecall lead to: what they book has their depth, and 3 is too deep."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.domain.account import Account
from app.domain.run import DEPTH_HEADER
from app.service.dapr import apps as dapr_apps

ONCE = {"url": "http://127.0.0.1/", "when": "2099-05-11T15:30:00Z"}
EVERY = {"url": "http://127.0.0.1/", "cron": "0 0 12 1 1 ?"}
PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/http%3A%2F%2F127.0.0.1%2F"
TASK = {
    "id": "a",
    "type": "rest",
    "request": {"method": "post", "uri": "http://127.0.0.1/"},
}


def depths(database: str, table: str) -> list[int]:
    with psycopg.connect(database) as connection:
        rows = connection.execute(f"SELECT depth FROM {table} ORDER BY id")
        return [depth for (depth,) in rows]


@pytest.mark.parametrize("depth", [None, "0", "1", "2"])
def test_what_is_booked_has_the_request_s_depth(
    client: FlaskClient, database: str, depth: str | None
) -> None:
    headers = {} if depth is None else {DEPTH_HEADER: depth}
    first = client.post("/1/jobs", json=ONCE, headers=headers)
    again = client.post("/1/jobs", json=ONCE, headers=headers)
    by_path = client.post(PATH, headers=headers)
    many = client.post("/1/jobs/bulk", json=[ONCE, EVERY], headers=headers)
    named = client.put("/1/jobs/by-name/n", json=ONCE, headers=headers)
    answers = (first, again, by_path, many, named)
    assert {each.status_code for each in answers} == {201}
    assert depths(database, "job") == [int(depth or 0)] * 6
    client.put("/1/jobs/by-name/n", json=EVERY, headers={DEPTH_HEADER: "1"})
    assert depths(database, "job")[-1] == 1


def test_a_run_by_hand_has_the_request_s_depth(client: FlaskClient, database: str) -> None:
    job = client.post("/1/jobs", json=EVERY, headers={"Accept": "application/json"}).get_json()
    path = f"/1/jobs/{job['id']}/fire"
    for depth in ("2", None, "1"):
        headers = {} if depth is None else {DEPTH_HEADER: depth}
        assert client.post(path, headers=headers).status_code == 202
    assert depths(database, "inflight") == [2, 0, 1]
    assert depths(database, "job") == [0]


def dapr(app: Flask, client: FlaskClient, headers: dict[str, str]) -> Any:
    with app.app_context():
        account = Account(id=1, name="account-1")
        dapr_apps.put(current_context(), account, "a", url="http://127.0.0.1:8080", token=None)
    return client.post(
        "/v1.0/jobs/n", json={"dueTime": "1h"}, headers={**headers, "dapr-app-id": "a"}
    )


def test_jobs_of_dapr_apps_have_the_request_s_depth(
    app: Flask, client: FlaskClient, database: str
) -> None:
    assert dapr(app, client, {DEPTH_HEADER: "2"}).status_code == 204
    assert depths(database, "job") == [2]


@pytest.mark.parametrize("depth", ["3", "4", "9999"])
def test_what_is_too_deep_is_refused_and_stores_nothing(
    app: Flask, client: FlaskClient, database: str, depth: str
) -> None:
    headers = {DEPTH_HEADER: depth}
    refused = [
        client.post("/1/jobs", json=ONCE, headers=headers),
        client.post(PATH, headers=headers),
        client.post("/1/jobs/bulk", json=[ONCE], headers=headers),
        client.put("/api/tasks/a", json=TASK, headers=headers),
        client.post(f"/1/jobs/{UUID(int=1)}/fire", headers=headers),
    ]
    for answer in refused:
        assert answer.status_code == 508
        problem = answer.get_json()
        assert (problem["type"], problem["member"]) == ("/problems/loop-detected", DEPTH_HEADER)
    xml = client.post("/1/jobs", json=ONCE, headers={**headers, "Accept": "text/xml"})
    assert (xml.status_code, xml.mimetype) == (508, "application/problem+xml")
    assert dapr(app, client, headers).status_code == 508
    assert depths(database, "job") == []


@pytest.mark.parametrize("depth", ["-1", "x", "", "1, 1", "\u0661", "00001"])
def test_an_invalid_depth_is_refused(client: FlaskClient, depth: str) -> None:
    answer = client.post("/1/jobs", json=ONCE, headers={DEPTH_HEADER: depth})
    assert (answer.status_code, answer.get_json()["member"]) == (400, DEPTH_HEADER)


def test_no_job_sets_a_depth_of_its_own(client: FlaskClient) -> None:
    answer = client.post("/1/jobs", json={**ONCE, "headers": {"wakecall-depth": "0"}})
    assert (answer.status_code, answer.get_json()["type"]) == (400, "/problems/invalid-member")


def test_a_run_sent_again_keeps_its_depth_and_gets_the_request_s(
    client: FlaskClient, database: str
) -> None:
    client.post("/1/jobs", json=EVERY)
    with psycopg.connect(database) as connection:
        connection.execute(
            "INSERT INTO run (id, job_id, account_id, job_version, kind, due_at, missed, state,"
            " attempts, settled_at, depth) "
            "SELECT gen_random_uuid(), id, account_id, version, 'scheduled', now() - n * "
            "interval '1 s', 0, 'failed', 1, now(), n FROM job, generate_series(0, 2) AS n"
        )
    ids = [run["id"] for run in client.get("/1/runs?state=failed").get_json()]
    for run in ids:
        answer = client.post(f"/1/runs/{run}/redeliver", headers={DEPTH_HEADER: "1"})
        assert answer.status_code == 202
    assert sorted(depths(database, "inflight")) == [1, 1, 2]
