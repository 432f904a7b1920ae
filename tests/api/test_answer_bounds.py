"""Bounds of responses: each route with a body has one, and its longest response keeps it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from psycopg.types.json import Jsonb
from werkzeug.test import TestResponse

from app.api import dialects
from app.api.bodies import MAX_DOCUMENT, MAX_LONG
from app.api.pages import MAX_ANSWER_BYTES, MAX_PAGE_BYTES
from app.domain import idempotency
from tests.api.native.booked import JSON, ONCE, booked, ids
from tests.api.native.test_long_runs import add_runs
from tests.api.routes import rules
from tests.factories import connect, one

KIB: Final = 1024
SMALL: Final = 64 * KIB
JOB: Final = 256 * KIB
DOCUMENT: Final = 512 * KIB
RUN: Final = 2 * KIB * KIB
DESCRIPTION: Final = KIB * KIB
STREAMED: Final = -1
"""Set down in a file where it is long, and sent in pieces."""

BOUNDS: Final = {
    "GET /1/jobs": STREAMED,
    "POST /1/jobs": JOB,
    "POST /1/jobs/bulk": MAX_ANSWER_BYTES,
    "POST /1/jobs/<booking_path:_booking_path>": JOB,
    "POST /1/preview": SMALL,
    # A Dapr job has up to 4 MiB of data.
    "GET /1/jobs/<uuid:job_id>": MAX_ANSWER_BYTES,
    "PUT /1/jobs/<uuid:job_id>": JOB,
    "POST /1/jobs/<uuid:job_id>/pause": MAX_ANSWER_BYTES,
    "POST /1/jobs/<uuid:job_id>/resume": MAX_ANSWER_BYTES,
    "GET /1/jobs/by-name/<job_name:_job_name>": JOB,
    "PUT /1/jobs/by-name/<job_name:_job_name>": JOB,
    "GET /1/runs": MAX_PAGE_BYTES,
    "GET /1/jobs/<uuid:job_id>/runs": MAX_PAGE_BYTES,
    "GET /1/runs/<uuid:run_id>/attempts": MAX_PAGE_BYTES,
    "GET /1/runs/<uuid:run_id>": RUN,
    "POST /1/runs/<uuid:run_id>/redeliver": RUN,
    "POST /1/runs/<uuid:run_id>/complete": RUN,
    "POST /1/jobs/<uuid:job_id>/fire": RUN,
    "POST /1/runs/redeliver": SMALL,
    "GET /1/runs/counts": MAX_PAGE_BYTES,
    "GET /1/upcoming": MAX_PAGE_BYTES,
    "GET /1/upcoming/counts": SMALL,
    "GET /1/runs/failures": JOB,
    "GET /1/destinations": SMALL,
    "GET /1/dapr-apps": MAX_PAGE_BYTES,
    "GET /1/dapr-apps/<app_id>": SMALL,
    "PUT /1/dapr-apps/<app_id>": SMALL,
    "GET /1/fusion-runners": SMALL,
    "GET /1/fusion-runners/<runner_type>": SMALL,
    "PUT /1/fusion-runners/<runner_type>": SMALL,
    "GET /1/secrets": SMALL,
    "POST /1/secrets/rotate": SMALL,
    "GET /1/keys": MAX_PAGE_BYTES,
    "GET /1/keys/<key_id>": SMALL,
    "GET /1/audit": MAX_PAGE_BYTES,
    "GET /1/inboxes": SMALL,
    "POST /1/inboxes": SMALL,
    "GET /1/inboxes/<uuid:inbox_id>": SMALL,
    "PUT /1/inboxes/<uuid:inbox_id>": SMALL,
    "GET /1/inboxes/<uuid:inbox_id>/calls": MAX_PAGE_BYTES,
    "GET /1/inboxes/<uuid:inbox_id>/calls/<call_number>": JOB,
    "POST /1/keys": SMALL,
    "GET /1/accuracy": SMALL,
    "GET /1/account": SMALL,
    "GET /api/jobs": MAX_PAGE_BYTES,
    "GET /api/jobs/<resource>": SMALL,
    # 1,000 entries with a message of at most 1,024 characters.
    "GET /api/jobs/<resource>/history": MAX_ANSWER_BYTES,
    "GET /api/jobs/<resource>/schedule": DOCUMENT,
    "PUT /api/jobs/<resource>/schedule": DOCUMENT,
    "POST /api/jobs/<resource>/actions": SMALL,
    "GET /api/tasks": MAX_PAGE_BYTES,
    "POST /api/tasks": DOCUMENT,
    "GET /api/tasks/<task_id>": DOCUMENT,
    "PUT /api/tasks/<task_id>": DOCUMENT,
    "GET /v1.0/jobs/<dapr_name:_name>": MAX_ANSWER_BYTES,
    "GET /v1.0/metadata": SMALL,
    "GET /healthz": SMALL,
    "GET /readyz": SMALL,
    "GET /metrics": SMALL,
    "GET /problems/<code>": SMALL,
    "GET /schemas/job.xsd": SMALL,
    **{
        f"GET {path}.{extension}": DESCRIPTION
        for path in ("/openapi", "/openapi/dapr", "/openapi/fusion")
        for extension in ("json", "yaml")
    },
}
"""The most bytes that the answer of each route may have."""

EMPTY: Final = {
    "POST /v1.0/jobs/<dapr_name:_name>",
    "GET /v1.0/healthz",
    "GET /v1.0/healthz/outbound",
}
"""Routes that answer without a body unless they refuse."""

XML: Final = {"Accept": "application/xml"}
FORMATS: Final = (JSON, XML)
# Each is five or six bytes in one of the formats.
AMPERSANDS: Final = "&" * 2000
CONTROLS: Final = "\x01" * 1020
LARGE_JOB: Final[dict[str, Any]] = {
    **ONCE,
    "url": f"https://example.com/?{AMPERSANDS}",
    "signature": "&" * 1024,
    "contentType": "&" * 1024,
    "data": "&" * 2048,
    "name": "&" * 128,
    "tags": [f"{number:02}" + "&" * 62 for number in range(20)],
    "headers": {f"X-{number}": "&" * 190 for number in range(20)},
    "retry": {"schedule": [1.5] * 19},
    "onSuccess": f"https://example.com/?{AMPERSANDS}",
    "onFailure": f"https://example.com/?{AMPERSANDS}",
}


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def routes(app: Flask) -> set[str]:
    """Every route that may answer with a body, those of several addresses once."""
    return {
        f"{method} {rule.rule}"
        for rule in rules(app)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS", "DELETE"}
        if not rule.rule.startswith(("/api/apollo", "/api/apps", "/v1.0-alpha1", "/static"))
    }


def test_every_route_has_a_bound(app: Flask) -> None:
    assert set(BOUNDS) | EMPTY == routes(app)
    assert max(BOUNDS.values()) <= MAX_ANSWER_BYTES
    assert idempotency.MAX_ANSWER <= MAX_ANSWER_BYTES


def test_an_account_has_one_answer_in_pages_made_at_a_time() -> None:
    """So that no account keeps the interpreter busy with several lists while others wait."""
    paged = {route for route, bound in BOUNDS.items() if bound in {MAX_PAGE_BYTES, STREAMED}}
    for route in paged:
        path = re.sub(r"<.*?>", "x", route.removeprefix("GET "))
        assert dialects.is_list("GET", path), route
    assert {"GET /1/upcoming", "GET /1/runs/counts", "GET /1/jobs"} <= paged


def keeps(route: str, answer: TestResponse, status: int = 200) -> TestResponse:
    """The answer, which is within the bound of its route."""
    assert answer.status_code == status, answer.text[:1000]
    assert len(answer.data) <= BOUNDS[route], route
    return answer


def test_descriptions_keep_the_bounds(client: FlaskClient) -> None:
    for route in (each for each, bound in BOUNDS.items() if bound == DESCRIPTION):
        keeps(route, client.get(route.removeprefix("GET ")))


def test_the_largest_jobs_keep_the_bounds(client: FlaskClient) -> None:
    for headers in FORMATS:
        made = keeps("POST /1/jobs", client.post("/1/jobs", json=LARGE_JOB, headers=headers), 201)
        path = made.headers["Location"]
        keeps(
            "GET /1/jobs/by-name/<job_name:_job_name>",
            client.get(f"/1/jobs/by-name/{'%26' * 128}", headers=headers),
        )
        for data in (LARGE_JOB["data"], "\x01" * 2048):
            changed = {**LARGE_JOB, "data": data}
            keeps("PUT /1/jobs/<uuid:job_id>", client.put(path, json=changed, headers=headers))
            assert len(client.get(path, headers=headers).data) <= JOB
        client.delete(path)


@pytest.mark.parametrize("headers", FORMATS)
def test_many_jobs_whose_answer_is_too_long_are_not_booked(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    large = {name: value for name, value in LARGE_JOB.items() if name != "name"}
    # In XML an ampersand takes five bytes, in JSON a control character six, as base64 brings it.
    document = {**large, "data": "AQEB" * 682, "dataEncoding": "base64"}
    if headers is JSON:
        document = {**ONCE, "data": "AQEB" * 682, "dataEncoding": "base64"}
    body = [document] * (1000 if headers is JSON else 250)
    assert len(json.dumps(body)) < MAX_LONG
    for query in ("", "?dryRun=true"):
        refused = client.post(f"/1/jobs/bulk{query}", json=body, headers=headers)
        assert refused.status_code == 413
        assert "Accept: text/plain" in refused.text
    assert ids(client) == []
    made = client.post("/1/jobs/bulk", json=body, headers={"Accept": "text/plain"})
    keeps("POST /1/jobs/bulk", made, 201)
    assert len(ids(client)) == len(body)


@pytest.mark.parametrize("character", ["\\\\", "<", "\\u0001", "x"])
def test_the_largest_dapr_job_keeps_the_bounds(client: FlaskClient, character: str) -> None:
    client.put("/1/dapr-apps/app", json={"url": "http://127.0.0.1:6200"})
    data = character * ((MAX_LONG - 100) // len(character))
    body = f'{{"dueTime": "1h", "data": "{data}"}}'
    assert client.post("/v1.0/jobs/x", data=body).status_code == 204
    response = keeps("GET /v1.0/jobs/<dapr_name:_name>", client.get("/v1.0/jobs/x"))
    assert response.get_json()["data"]["value"] == json.loads(f'"{data}"')
    (job_id,) = ids(client)
    for headers in FORMATS:
        shown = keeps("GET /1/jobs/<uuid:job_id>", client.get(f"/1/jobs/{job_id}", headers=headers))
        for action in ("pause", "resume"):
            answer = client.post(f"/1/jobs/{job_id}/{action}", headers=headers)
            keeps(f"POST /1/jobs/<uuid:job_id>/{action}", answer)
        # What is not mostly escapes is shown as the text that it is.
        assert (b"dataEncoding" in shown.data) == (character != "x")


def test_the_largest_runs_keep_the_bounds(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    job = booked(client)["id"]
    headers = Jsonb([[f"X-Header-{number}", CONTROLS.replace("\x01", "&")] for number in range(8)])
    add_runs(connection, 5, 20, headers)
    connection.execute(
        "UPDATE attempt SET body = repeat('&', 1024)::bytea, detail = repeat('&', 1024)"
    )
    connection.execute("UPDATE run SET job_id = %s, reason = repeat('&', 1024)", (job,))
    run: UUID = one(connection, "SELECT id FROM run LIMIT 1")
    for accept in FORMATS:
        for route, path in (
            ("GET /1/runs", "/1/runs?limit=1000"),
            ("GET /1/jobs/<uuid:job_id>/runs", f"/1/jobs/{job}/runs?limit=1000"),
            ("GET /1/runs/<uuid:run_id>/attempts", f"/1/runs/{run}/attempts?limit=1000"),
            ("GET /1/runs/<uuid:run_id>", f"/1/runs/{run}"),
        ):
            assert len(keeps(route, client.get(path, headers=accept)).data) > SMALL
    connection.execute(
        "UPDATE attempt SET headers = %s",
        (Jsonb([[f"X-{number}", CONTROLS] for number in range(8)]),),
    )
    keeps("GET /1/runs/<uuid:run_id>", client.get(f"/1/runs/{run}"))
    answer = client.post(f"/1/runs/{run}/redeliver", headers=XML)
    keeps("POST /1/runs/<uuid:run_id>/redeliver", answer, 202)
    answer = client.post("/1/runs/redeliver", json={})
    keeps("POST /1/runs/redeliver", answer, 202)
    answer = client.post(f"/1/runs/{run}/complete", json={"status": "failed"})
    assert len(answer.data) <= BOUNDS["POST /1/runs/<uuid:run_id>/complete"]
    keeps("POST /1/jobs/<uuid:job_id>/fire", client.post(f"/1/jobs/{job}/fire"), 202)


def test_the_largest_fusion_documents_keep_the_bounds(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    call = {"uri": "http://127.0.0.1/", "method": "post", "entity": "\x01" * 10_800}
    task = {"id": "large", "type": "rest-call", "callParams": call}
    body = json.dumps(task)
    assert MAX_DOCUMENT * 0.95 < len(body) <= MAX_DOCUMENT
    keeps("POST /api/tasks", client.post("/api/tasks", data=body))
    keeps("PUT /api/tasks/<task_id>", client.put("/api/tasks/large", data=body))
    keeps("GET /api/tasks/<task_id>", client.get("/api/tasks/large"))
    keeps("GET /api/tasks", client.get("/api/tasks"))
    triggers = [
        {"type": "job", "jobID": f"spark:{number:03}{'x' * 125}", "runOnSuccess": True}
        for number in range(100)
    ]
    path = "/api/jobs/task:large"
    answer = client.put(f"{path}/schedule", json={"triggers": triggers})
    keeps("PUT /api/jobs/<resource>/schedule", answer)
    keeps("GET /api/jobs/<resource>/schedule", client.get(f"{path}/schedule"))
    assert len(keeps("GET /api/jobs/<resource>", client.get(path)).data) > 20 * KIB
    keeps("GET /api/jobs", client.get("/api/jobs"))
    keeps(
        "POST /api/jobs/<resource>/actions",
        client.post(f"{path}/actions", json={"action": "start"}),
    )
    job = one(connection, "SELECT id FROM job")
    add_runs(connection, 1000, 1)
    connection.execute("UPDATE run SET job_id = %s, reason = repeat(E'\\u0001', 1024)", (job,))
    history = client.get(f"{path}/history?limit=1000")
    assert len(keeps("GET /api/jobs/<resource>/history", history).get_json()) == 1000
    assert len(history.data) > MAX_PAGE_BYTES


def test_the_other_answers_keep_their_bounds(client: FlaskClient) -> None:
    url = "http://127.0.0.1/" + "&" * 2000
    for headers in FORMATS:
        for number in range(2):
            status = 200 if number or headers is XML else 201
            for kind, name in (
                ("dapr-apps/<app_id>", "a" * 256),
                ("fusion-runners/<runner_type>", "spark"),
            ):
                answer = client.put(
                    f"/1/{kind.split('/')[0]}/{name}", json={"url": url}, headers=headers
                )
                keeps(f"PUT /1/{kind}", answer, status)
                path = f"/1/{kind.split('/')[0]}"
                keeps(f"GET /1/{kind}", client.get(f"{path}/{name}", headers=headers))
                keeps(f"GET {path}", client.get(path, headers=headers))
        for path in ("/1/secrets", "/1/accuracy", "/1/account"):
            keeps(f"GET {path}", client.get(path, headers=headers))
        keeps("POST /1/secrets/rotate", client.post("/1/secrets/rotate", headers=headers), 201)
        preview = {
            "cron": "0 0/10 * * * ?",
            "timezone": "Africa/Casablanca",
            "onOverlap": "both",
            "count": 100,
        }
        keeps("POST /1/preview", client.post("/1/preview", json=preview, headers=headers))
    triggers = [{"type": "cron", "expression": f"0 {n % 60} {n % 24} 1/2 * ?"} for n in range(100)]
    preview = {"dialect": "fusion", "triggers": triggers, "count": 100}
    keeps("POST /1/preview", client.post("/1/preview", json=preview))
    keeps("GET /v1.0/metadata", client.get("/v1.0/metadata"))
    keeps("GET /problems/<code>", client.get("/problems/conflict"))
    keeps("GET /schemas/job.xsd", client.get("/schemas/job.xsd"))
