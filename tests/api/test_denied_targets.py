"""Every URL that a tenant may give is judged by the ports and networks that are denied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.service import accounts
from tests.api.conftest import MakeApp, client_of

GOOD = "http://192.0.43.10/"
WHEN = "2099-01-01T00:00:00Z"
DENIED = {
    "the operator's network": "http://8.8.8.8/",
    "the port of another protocol": "http://192.0.43.10:25/",
    "a name without a domain": "http://postgres:5432/",
    "a name without a domain, with its dot": "http://postgres.:5432/",
    "an inner name": "http://db.internal/",
}


def task(url: str) -> dict[str, Any]:
    return {"id": "a", "type": "rest-call", "callParams": {"uri": url, "method": "get"}}


# How a URL is given: method, path, document.
WAYS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "a job": ("POST", "/1/jobs", lambda url: {"url": url, "when": WHEN}),
    "jobs": ("POST", "/1/jobs/bulk", lambda url: [{"url": url, "when": WHEN}]),
    "a named job": ("PUT", "/1/jobs/by-name/a", lambda url: {"url": url, "when": WHEN}),
    "success": ("POST", "/1/jobs", lambda url: {"url": GOOD, "when": WHEN, "onSuccess": url}),
    "failure": ("POST", "/1/jobs", lambda url: {"url": GOOD, "when": WHEN, "onFailure": url}),
    "an app": ("PUT", "/1/dapr-apps/a", lambda url: {"url": url}),
    "a runner": ("PUT", "/1/fusion-runners/spark", lambda url: {"url": url}),
    "a task": ("PUT", "/api/tasks/a", task),
}


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    return make_app(WAKECALL_ALLOW_TARGETS="", WAKECALL_DENY_TARGETS="8.8.0.0/16, 2001:4860::/32")


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    with app.app_context():
        return client_of(app, accounts.create(current_context(), "demo"))


@pytest.mark.parametrize("way", WAYS)
def test_no_url_is_taken_that_is_denied(client: FlaskClient, way: str) -> None:
    method, path, document = WAYS[way]

    for url in DENIED.values():
        answer = client.open(path, method=method, json=document(url))
        assert answer.status_code == 400, (url, answer.data)
        assert b"may not reach" in answer.data
    assert client.open(path, method=method, json=document(GOOD)).status_code in {200, 201}


def test_a_path_form_is_judged_too(client: FlaskClient) -> None:
    answer = client.post("/1/jobs/2099-01-01T00%3A00Z/http%3A%2F%2F8.8.8.8%2F")

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["detail"] == "8.8.8.8 is an address that callbacks may not reach."
