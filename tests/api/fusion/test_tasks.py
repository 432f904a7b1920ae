"""Tasks over HTTP: created, returned, replaced and deleted, each with its job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.fusion.documents import CLEAN, DAILY, TASK, after, put, saved, status
from tests.factories import connect, one

CALL: dict[str, Any] = TASK["callParams"]  # type: ignore[assignment] # one of two types of member


def test_a_task_is_created_shown_and_has_a_job(client: FlaskClient) -> None:
    # In the order in which its members are written.
    created = client.post("/api/tasks", data=json.dumps(TASK))
    assert (created.status_code, created.get_json()) == (200, TASK)
    assert client.get("/api/tasks/clean-up").get_json() == TASK
    assert client.get("/api/tasks").get_json() == [TASK]
    assert list(client.get("/api/tasks/clean-up").get_json()["callParams"]) == list(CALL)
    assert status(client, CLEAN) == {"resource": CLEAN, "enabled": True}


def test_a_task_that_is_there_is_not_created_again(client: FlaskClient) -> None:
    client.post("/api/tasks", json=TASK)
    refused = client.post("/api/tasks", json=TASK)
    assert (refused.status_code, refused.get_json()["member"]) == (409, "id")
    assert "PUT /api/tasks/clean-up" in refused.get_json()["remedy"]


def test_a_task_is_replaced_and_keeps_its_schedule(client: FlaskClient, database: str) -> None:
    assert client.put("/api/tasks/clean-up", json=TASK).status_code == 200
    assert put(client, resource=CLEAN).status_code == 200
    before = status(client, CLEAN)
    changed = {**TASK, "callParams": {**CALL, "method": "get", "entity": ""}, "hidden": True}
    answer = client.put("/api/tasks/clean-up", json=changed)
    assert (answer.status_code, answer.get_json()) == (200, changed)
    assert client.get("/api/tasks/clean-up").get_json() == changed
    schedule = client.get(f"/api/jobs/{CLEAN}/schedule").get_json()
    assert schedule == {"resource": CLEAN, **DAILY}
    assert status(client, CLEAN) == before
    with connect(database) as connection:
        assert one(connection, "SELECT version FROM job") == 3
        # Sent again, it changes nothing.
        assert client.put("/api/tasks/clean-up", json=changed).status_code == 200
        assert one(connection, "SELECT version FROM job") == 3


def test_a_task_goes_with_its_job(client: FlaskClient) -> None:
    client.post("/api/tasks", json=TASK)
    saved(client, after(CLEAN), "spark:rollup")
    assert "extra" not in status(client, "spark:rollup")
    gone = client.delete("/api/tasks/clean-up")
    assert (gone.status_code, gone.data) == (204, b"")
    assert status(client, "spark:rollup")["extra"]["missing"] == [CLEAN]
    for answer in (
        client.get("/api/tasks/clean-up"),
        client.delete("/api/tasks/clean-up"),
        client.get(f"/api/jobs/{CLEAN}"),
        put(client, resource=CLEAN),
    ):
        assert answer.status_code == 404
        assert "POST the task to /api/tasks" in answer.get_json()["remedy"]


def test_another_account_has_tasks_of_its_own(
    client: FlaskClient, other_client: FlaskClient
) -> None:
    client.post("/api/tasks", json=TASK)
    assert other_client.get("/api/tasks").get_json() == []
    assert other_client.get("/api/tasks/clean-up").status_code == 404
    assert other_client.delete("/api/tasks/clean-up").status_code == 404
    assert other_client.post("/api/tasks", json=TASK).status_code == 200


@pytest.mark.parametrize(
    ("document", "member"),
    [
        ({}, "id"),
        ({**TASK, "id": "a b"}, "id"),
        ({**TASK, "type": "log-cleanup"}, "type"),
        ({**TASK, "colour": "red"}, "colour"),
        ({**TASK, "callParams": {**CALL, "uri": "solr://movies"}}, "callParams.uri"),
        ({**TASK, "callParams": {**CALL, "uri": "http://10.0.0.1/"}}, "callParams.uri"),
        ({**TASK, "callParams": {**CALL, "method": "trace"}}, "callParams.method"),
        (
            {**TASK, "callParams": {**CALL, "headers": {"webhook-id": "1"}}},
            "callParams.headers.webhook-id",
        ),
    ],
)
def test_what_cannot_be_called_is_refused(
    client: FlaskClient, document: dict[str, Any], member: str
) -> None:
    for method, path in (("POST", "/api/tasks"), ("PUT", f"/api/tasks/{document.get('id', 'x')}")):
        refused = client.open(path, method=method, json=document)
        expected = "type" if method == "PUT" and not document else member
        assert (refused.status_code, refused.get_json()["member"]) == (400, expected)
    assert client.get("/api/tasks").get_json() == []


def test_a_long_entity_is_taken_and_one_too_long_is_not(client: FlaskClient) -> None:
    long = {**TASK, "callParams": {**CALL, "entity": "x" * 60_000}}
    assert client.post("/api/tasks", json=long).status_code == 200
    assert client.get("/api/tasks/clean-up").get_json() == long
    longer = {**TASK, "callParams": {**CALL, "entity": "x" * 65_536}}
    assert client.put("/api/tasks/clean-up", json=longer).status_code == 413
