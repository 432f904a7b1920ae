"""Text that PostgreSQL cannot store (NUL, halves of surrogate pairs) is refused before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.native.documents import job as job_document
from tests.api.routes import VALUES, routes, rules
from tests.api.test_worst_text import status_of

UNSTORABLE = ("\0", "a\0b", "\ud800", "a\udfffb")
ESCAPED = ("%00", "a%00b", "%ED%A0%80", "%ff")
PARAMETERS = (
    *("limit", "cursor", "tag", "state", "job", "after", "before", "type", "dryRun"),
    *("name", "app", "count", "dialect"),
)
HEADERS = (
    *("x-content-signature", "content-type", "idempotency-key", "dapr-app-id", "accept"),
    *("x-api-key", "authorization", "dapr-api-token"),
)


def ways(app: Flask) -> Iterator[tuple[str, str]]:
    """Each method and path of the application, with each of its variable parts unstorable."""
    for rule in rules(app):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for name in rule.arguments:
                for text in ESCAPED:
                    yield method, filled(rule.rule, {**VALUES, name: text})


def filled(rule: str, values: dict[str, str]) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: values[found[1]], rule)


def test_no_variable_part_of_a_path_reaches_postgresql(app: Flask, key: str) -> None:
    asked = list(ways(app))
    assert ("GET", "/1/dapr-apps/%00") in asked
    assert ("DELETE", "/1/fusion-runners/a%00b") in asked

    for method, path in asked:
        status = status_of(app, method, path, {"x-api-key": key})

        assert status < 500 or is_dapr(path, status), (method, path)


def is_dapr(path: str, status: int) -> bool:
    """Whether the answer is that of Dapr for any invalid name, which is the contract."""
    return path.startswith(("/v1.0/jobs/", "/v1.0-alpha1/jobs/")) and status == 500


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_dapr_name_is_refused_before_postgresql_sees_it(client: FlaskClient, method: str) -> None:
    client.put("/1/dapr-apps/a", json={"url": "http://127.0.0.1:2"})

    answer = client.open("/v1.0/jobs/a%00b", method=method, json={"schedule": "@daily"})

    assert answer.status_code == 500
    assert answer.json is not None
    assert "job name is invalid" in answer.json["message"]


def test_no_parameter_of_a_query_reaches_postgresql(app: Flask, key: str) -> None:
    for route in (each for each in routes(app) if not each.is_public):
        for name in PARAMETERS:
            for text in ("a%00b", "%ED%A0%80"):
                query = f"{name}={text}"
                fields = {"x-api-key": key}
                status = status_of(app, route.method, route.path, fields, query)

                assert status < 500 or is_dapr(route.path, status), (route, query)


def test_no_header_reaches_postgresql(app: Flask, key: str) -> None:
    for route in (each for each in routes(app) if not each.is_public):
        for name in HEADERS:
            for text in ("\0", "a\0b", "\xff"):
                status = status_of(app, route.method, route.path, {"x-api-key": key, name: text})

                assert status < 500 or is_dapr(route.path, status), (route, name, text)


JOB = {"url": "http://127.0.0.1/", "when": "2099-01-01T00:00:00Z"}
DUE = {"dueTime": "1h", "overwrite": True}
TASK = {"id": "a", "type": "rest-call", "callParams": {"uri": "http://127.0.0.1", "method": "put"}}


SCHEDULE = "/api/jobs/task:a/schedule"
CRON = {"type": "cron", "expression": "0 0 0 ? * *"}

# Documents in which a member of each name is unstorable, and a member that has such a name.
FLAT: tuple[tuple[str, str, dict[str, Any], tuple[str, ...]], ...] = (
    ("POST", "/1/jobs", JOB, tuple(job_document.JOB.members)),
    ("PUT", "/1/jobs/by-name/a", JOB, tuple(job_document.JOB.members)),
    ("POST", "/1/preview", {}, ("when", "cron", "timezone", "onGap", "dialect", "after")),
    ("POST", "/1/preview", {"dialect": "dapr"}, ("schedule", "dueTime", "ttl", "repeats")),
    ("POST", "/1/preview", {"dialect": "fusion"}, ("resource", "enabled", "triggers", "default")),
    ("POST", "/1/runs/redeliver", {}, ("state", "job", "after", "before", "cursor", "dryRun")),
    ("PUT", "/1/dapr-apps/a", {"url": "http://127.0.0.1"}, ("url", "token", "id")),
    ("PUT", "/1/fusion-runners/spark", {"url": "http://127.0.0.1"}, ("url", "type")),
    ("POST", "/1/secrets/rotate", {}, ("overlap",)),
    ("POST", "/1/keys", {"scope": "book"}, ("label", "scope", "daprApp", "expires")),
    ("POST", "/v1.0/jobs/a", DUE, ("name", "schedule", "dueTime", "ttl", "data", "failurePolicy")),
    ("POST", "/api/tasks", TASK, ("id", "type", "callParams", "hidden")),
    ("PUT", SCHEDULE, {"triggers": []}, ("resource", "enabled", "triggers", "default", "other")),
    ("POST", "/api/jobs/task:a/actions", {"action": "start"}, ("action", "comment")),
)
# Documents in which it stands further inside.
DEEP: tuple[tuple[str, str, Callable[[str], Any]], ...] = (
    ("POST", "/1/jobs/bulk", lambda text: [{**JOB, "name": text}]),
    ("POST", "/1/jobs", lambda text: {**JOB, "tags": [text]}),
    ("POST", "/1/jobs", lambda text: {**JOB, "headers": {"A": text}}),
    ("POST", "/1/jobs", lambda text: {**JOB, "headers": {text: "a"}}),
    ("POST", "/1/jobs", lambda text: {**JOB, "retry": {text: 1}}),
    ("POST", "/v1.0/jobs/a", lambda text: {**DUE, "data": {text: text}}),
    ("POST", "/v1.0/jobs/a", lambda text: {"job": {"dueTime": text}}),
    ("PUT", "/api/tasks/a", lambda text: task(uri=text)),
    ("PUT", "/api/tasks/a", lambda text: task(method=text)),
    ("PUT", "/api/tasks/a", lambda text: task(entity=text)),
    ("PUT", "/api/tasks/a", lambda text: task(headers={"A": text})),
    ("PUT", "/api/tasks/a", lambda text: task(headers={text: "a"})),
    ("PUT", "/api/tasks/a", lambda text: task(queryParams={text: "a"})),
    ("PUT", "/api/tasks/a", lambda text: task(queryParams={"a": text})),
    ("PUT", SCHEDULE, lambda text: {"triggers": [], "other": {text: [text]}}),
    ("PUT", SCHEDULE, lambda text: {"triggers": [{**CRON, "expression": text}]}),
    ("PUT", SCHEDULE, lambda text: {"triggers": [{**CRON, text: "a"}]}),
    ("PUT", SCHEDULE, lambda text: {"triggers": [{"type": "job", "otherJob": text}]}),
)


def task(**params: Any) -> dict[str, Any]:
    called = {"uri": "http://127.0.0.1", "method": "put"}
    return {"id": "a", "type": "rest-call", "callParams": {**called, **params}}


def documents(text: str) -> Iterator[tuple[str, str, Any]]:
    """Requests with a JSON document, of which one member is `text` or has it for a name."""
    for method, path, members, names in FLAT:
        for name in (*names, text):
            yield method, path, {**members, name: text}
    for method, path, build in DEEP:
        yield method, path, build(text)


@pytest.mark.parametrize("text", UNSTORABLE)
def test_no_member_of_a_document_reaches_postgresql(client: FlaskClient, text: str) -> None:
    client.put("/1/dapr-apps/a", json={"url": "http://127.0.0.1"})
    client.post("/api/tasks", json=TASK)

    for method, path, body in documents(text):
        answer = client.open(path, method=method, json=body)

        refused_as_dapr = path.startswith("/v1.0/") and b"DAPR_" in answer.data
        assert answer.status_code < 500 or refused_as_dapr, (path, body, answer.data)


def test_nul_is_a_byte_of_a_payload_like_any_other(client: FlaskClient) -> None:
    made = client.post("/1/jobs", json={**JOB, "data": "a\0b"})

    found = client.get(made.headers["Location"])

    assert found.json is not None
    assert found.json["data"] == "a\0b"
