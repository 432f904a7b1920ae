"""Which answers caches may keep: those that are the same for everybody."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.dapr.calls import add_app, sidecar_of
from tests.api.routes import routes

KEYS = {"accept", "authorization", "x-api-key", "dapr-api-token"}


def varies(answer: TestResponse) -> set[str]:
    return {each.strip().lower() for each in answer.headers["Vary"].split(",")}


def test_no_answer_of_a_route_that_wants_a_key_is_kept_by_a_cache(
    app: Flask, client: FlaskClient
) -> None:
    add_app(app)
    asked = [each for each in routes(app) if not each.is_public]
    clients = {"with a key": client, "without": app.test_client(), "a sidecar's": sidecar_of(app)}
    statuses = set()
    for method, path, _ in asked:
        for whose, one in clients.items():
            for headers in ({}, {"Accept": "image/png"}, {"Origin": "https://evil.example"}):
                answer = one.open(path, method=method, headers=headers)
                request = (method, path, whose, headers)
                assert answer.headers.getlist("Cache-Control") == ["no-store"], request
                assert varies(answer) >= KEYS, request
                assert answer.headers["X-Content-Type-Options"] == "nosniff", request
                statuses.add(answer.status_code)
    assert statuses >= {200, 204, 400, 401, 403, 404, 406, 415}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("PATCH", "/1/jobs", 405),
        ("OPTIONS", "/1/jobs", 204),
        ("GET", "/1/jobs?" + "x" * 20_000, 414),
        ("GET", "/problems/none", 404),
        ("GET", "/healthz", 200),
        ("GET", "/metrics", 200),
        ("GET", "/readyz", 200),
        ("GET", "/v1.0/healthz", 204),
    ],
)
def test_nor_is_a_refusal_of_nobody_in_particular_or_what_changes_at_any_moment(
    app: Flask, method: str, path: str, status: int
) -> None:
    answer = app.test_client().open(path, method=method)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (status, "no-store")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", ["/problems/not-found", "/schemas/job.xsd"])
def test_what_everybody_reads_alike_may_be_kept(app: Flask, path: str) -> None:
    answer = app.test_client().get(path)
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert (answer.headers["Vary"], answer.headers["X-Content-Type-Options"]) == (
        "Accept",
        "nosniff",
    )
