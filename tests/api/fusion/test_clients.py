"""Clients as they were written for Fusion, over real sockets: none knows that this is another."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from app.api.problems import CHALLENGE
from tests.api.fusion.documents import DAILY
from tests.api.server import Web
from tests.api.test_proxies import Rewrite, as_it_came, decoded, decoded_and_merged, proxy

FORM = "application/x-www-form-urlencoded"


def call(
    port: int, password: str | None, method: str, path: str, body: str = "", media_type: str = FORM
) -> tuple[int, Any, Any]:
    """As `curl -u demo:PASSWORD -X METHOD -d BODY`; status, document and headers."""
    headers = {"Content-Type": media_type, "Content-Length": str(len(body))}
    if password is not None:
        pair = base64.b64encode(f"demo:{password}".encode()).decode()
        headers["Authorization"] = f"Basic {pair}"
    url = f"http://127.0.0.1:{port}{path}"
    asked = Request(url, body.encode(), headers, method=method)
    try:
        with urlopen(asked) as answer:
            text, status, received = answer.read(), answer.status, answer.headers
    except HTTPError as error:
        text, status, received = error.read(), error.code, error.headers
    return status, json.loads(text) if text else None, received


def test_a_client_that_sends_user_and_password_is_let_in_and_others_are_asked_for_them(
    web: Web, web_key: str
) -> None:
    for path in ("/api/jobs", "/api/apollo/apps/films/jobs", "/api/tasks"):
        assert call(web.port, web_key, "GET", path)[:2] == (200, [])
        for wrong in (None, "Lucidworks1"):
            status, problem, headers = call(web.port, wrong, "GET", path)
            assert (status, problem["status"]) == (401, 401)
            assert headers["WWW-Authenticate"] == CHALLENGE
            assert headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize("rewrite", [as_it_came, decoded, decoded_and_merged])
@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
def test_the_colon_of_a_resource_passes_every_proxy(
    web: Web, web_key: str, rewrite: Rewrite, colon: str
) -> None:
    name = f"datasource{colon}movies%20{rewrite.__name__}"
    with proxy(web, rewrite) as port:
        path = f"/api/jobs/{name}/schedule"
        status, saved, _ = call(port, web_key, "PUT", path, json.dumps(DAILY))
        assert status == 200
        assert saved["resource"] == f"datasource:movies {rewrite.__name__}"
        assert call(port, web_key, "GET", path)[:2] == (200, saved)


def test_a_monitor_reads_the_newest_run_and_its_times(web: Web, web_key: str) -> None:
    """As the one in the wild: `limit=1`, index 0, and a fraction in every time."""
    resource = "/api/jobs/spark:monitored"
    call(web.port, web_key, "PUT", f"{resource}/schedule", '{"triggers": []}')
    started = call(web.port, web_key, "POST", f"{resource}/actions", '{"action": "start"}')
    assert (started[0], started[1]["accepted"]) == (200, True)
    aborted = call(web.port, web_key, "POST", f"{resource}/actions", '{"action": "abort"}')
    assert (aborted[0], aborted[1]["accepted"]) == (200, True)

    status, runs, _ = call(web.port, web_key, "GET", f"{resource}/history?limit=1")
    newest = runs[0]
    ended = datetime.strptime(newest["endTime"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert (status, len(runs), newest["status"]) == (200, 1, "aborted")
    assert abs(datetime.now(UTC) - ended) < timedelta(hours=1)


def test_the_list_of_scheduled_jobs_has_their_next_times(web: Web, web_key: str) -> None:
    """As a client does it for want of a list of schedules."""
    for name, document in (("on", DAILY), ("off", {**DAILY, "enabled": "False"})):
        path = f"/api/apps/listed/jobs/datasource:{name}/schedule"
        assert call(web.port, web_key, "PUT", path, json.dumps(document))[0] == 200
    _, jobs, _ = call(web.port, web_key, "GET", "/api/apps/listed/jobs?type=datasource")
    assert [each["resource"] for each in jobs if "nextStartTime" in each] == ["datasource:on"]


def test_methods_that_are_not_offered_and_paths_that_are_not_there(web: Web, web_key: str) -> None:
    status, problem, headers = call(web.port, web_key, "PATCH", "/api/jobs/spark:a/schedule")
    assert (status, problem["type"]) == (405, "/problems/method-not-offered")
    assert headers["Allow"] == "DELETE, GET, HEAD, OPTIONS, PUT"
    for path in ("/api/jobs/", "/api/job", "/api/jobs/spark:a/b", "/api/query-pipelines"):
        status, problem, _ = call(web.port, web_key, "GET", path)
        assert (status, problem["type"]) == (404, "/problems/not-found")
        assert "/api/jobs/<type>:<id>" in problem["remedy"]
