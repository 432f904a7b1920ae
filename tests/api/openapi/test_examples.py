"""Every example that a client may send is taken, and answered as it is described."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.openapi.routes import DESCRIPTIONS
from tests.api.openapi.documents import Operation, described_at, native

# What has to happen first, by workers and receivers, does not happen here.
NOT_YET = {"runs.redeliver": 409, "runs.complete": 409, "inboxes.call": 404}
# These examples create what there must not be before.
CREATES = {
    "jobs.book": "/1/jobs/by-name/invoices",
    "jobs.replace": "/1/jobs/by-name/invoices",
    "schedule_job_alpha1": "/v1.0/jobs/R2-D2",
    "create_task": "/api/tasks/clean-up",
    "create_task_of_app": "/api/tasks/clean-up",
}
ORDER = {"PUT": 0, "POST": 1, "GET": 2, "DELETE": 3}
JOB = {"url": "https://example.com/wake", "when": "2099-05-11T15:30:00Z"}
TASK = {"type": "rest-call", "callParams": {"uri": "https://example.com", "method": "post"}}


def make(client: FlaskClient, description: str, path: str) -> dict[str, str]:
    """Something for each kind of path: the path before its parameter, and the name."""
    for inbox in client.get("/1/inboxes", headers={"Accept": "application/json"}).get_json():
        client.delete(f"/1/inboxes/{inbox['id']}")
    made = [client.post("/1/jobs", json=JOB).headers["Location"]]
    made.append(client.post(f"{made[0]}/fire").headers["Location"])
    made.append(client.post("/1/inboxes").headers["Location"])
    made.append(client.post("/1/keys", json={"scope": "read"}).headers["Location"])
    named: list[tuple[str, Any]] = [
        ("/1/jobs/by-name/invoices", JOB),
        ("/1/dapr-apps/job-service", {"url": "https://example.com"}),
        ("/1/fusion-runners/datasource", {"url": "https://example.com"}),
    ]
    if description.endswith("fusion"):
        below = "/apps/films" if path.startswith("/apps") else ""
        client.delete("/api/tasks/clean-up")
        named.append((f"/api{below}/tasks/clean-up", TASK))
    for each, document in named:
        assert client.put(each, json=document).status_code < 300
        made.append(each)
    return {begin: name for begin, _, name in (each.rpartition("/") for each in made)}


def path_of(operation: Operation, server: str, made: dict[str, str]) -> str:
    begin = operation.path.partition("/{")[0]
    parameters = {each["name"]: each for each in operation.members.get("parameters", ())}

    def value(match: re.Match[str]) -> str:
        is_first = match.start() == len(begin) + 1 and match[1] != "schedule"
        found = made.get(begin) if is_first else None
        return quote(str(found or parameters[match[1]]["example"]), safe="")

    return server.rstrip("/") + re.sub(r"\{(\w+)\}", value, operation.path)


def bodies(operation: Operation) -> list[dict[str, Any]]:
    """The arguments of a test client that send each of the examples."""
    contents = operation.members.get("requestBody", {}).get("content", {})
    return [
        {"json": each["value"]}
        if media_type == "application/json"
        else {"data": each["value"], "content_type": media_type.replace("*/*", "text/plain")}
        for media_type, content in contents.items()
        for each in content["examples"].values()
    ] or [{}]


@pytest.mark.parametrize("description", DESCRIPTIONS)
def test_examples_are_answered_as_described(
    app: Flask, client: FlaskClient, description: str
) -> None:
    document = described_at(app, description)
    server = document.members["servers"][0]["url"]
    for operation in sorted(document.operations, key=lambda each: ORDER[each.method]):
        for arguments in bodies(operation):
            made = make(client, description, operation.path)
            if operation.id in CREATES:
                client.delete(CREATES[operation.id])
            path = path_of(operation, server, made)
            answer = client.open(path, method=operation.method, **arguments)
            where = (operation.id, arguments, answer.text[:1000])
            assert answer.status_code == NOT_YET.get(operation.id, answer.status_code), where
            assert operation.id in NOT_YET or answer.status_code < 300, where


def test_a_url_that_is_accepted_is_one_of_the_description(app: Flask, client: FlaskClient) -> None:
    booked = client.post("/1/jobs", json={**JOB, "url": "https://example.com/a%zz/%"})
    shown = client.get(booked.headers["Location"], headers={"Accept": "application/json"})

    assert shown.get_json()["url"] == "https://example.com/a%zz/%"
    assert native(app).errors({"$ref": "#/components/schemas/Job"}, shown.get_json()) == []
