"""Below a path prefix: references in responses lead back to the service (RFC 3986)."""

from __future__ import annotations

import json
import re
from typing import Any
from unittest.mock import create_autospec
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api.context import context_of
from app.api.health import QuickAnswers
from app.service.health_watch import HealthWatch
from tests.api.conftest import MakeApp, client_of
from tests.api.fusion.documents import saved
from tests.api.native.booked import JSON, ONCE, booked

HOST = "https://example.com"


# Some begin as paths of the service do.
@pytest.fixture(params=["/tools/wakecall", "/api", "/1", "/problems"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def below(make_app: MakeApp, key: str, prefix: str) -> FlaskClient:
    """A client of the service as it stands behind a proxy, which takes the prefix off each path."""
    return client_of(make_app(WAKECALL_PATH_PREFIX=prefix), key)


def followed(client: FlaskClient, asked: str, reference: str) -> TestResponse:
    """What a client gets that resolves a reference in the answer to what it asked for."""
    prefix = context_of(client.application).settings.path_prefix
    target = urlsplit(urljoin(f"{HOST}{prefix}{asked}", reference))
    assert target.path.startswith(f"{prefix}/")
    path = target.path.removeprefix(prefix)
    return client.get(f"{path}?{target.query}", headers=JSON)


def next_page(answer: TestResponse) -> str:
    found = re.fullmatch(r'<([^>]+)>; rel="next"', answer.headers["Link"])
    assert found is not None
    return found[1]


def test_a_location_leads_to_what_was_made(below: FlaskClient) -> None:
    made = below.post("/1/jobs", json=ONCE)
    assert followed(below, "/1/jobs", made.headers["Location"]).get_json()["id"] == made.text

    fired = below.post(f"/1/jobs/{made.text}/fire")
    path = f"/1/jobs/{made.text}/fire"
    assert followed(below, path, fired.headers["Location"]).get_json()["job"] == made.text

    app = below.put("/1/dapr-apps/a", json={"url": "http://127.0.0.1:6200"})
    assert followed(below, "/1/dapr-apps/a", app.headers["Location"]).get_json()["id"] == "a"


def test_a_kept_answer_is_given_again_as_it_was(below: FlaskClient, prefix: str) -> None:
    first, second = (
        below.post("/1/jobs", json=ONCE, headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert second.headers["Idempotency-Replayed"] == "true"
    assert (
        first.headers["Location"] == second.headers["Location"] == f"{prefix}/1/jobs/{first.text}"
    )


def test_a_link_leads_to_the_next_page(below: FlaskClient) -> None:
    jobs = {booked(below)["id"] for _ in range(2)}
    page = below.get("/1/jobs?limit=1", headers=JSON)
    assert {*page.get_json(), *followed(below, "/1/jobs", next_page(page)).get_json()} == jobs

    for name in ("a", "b"):
        saved(below, resource=f"spark:{name}")
    page = below.get("/api/jobs?limit=1")
    following = followed(below, "/api/jobs", next_page(page)).get_json()
    assert [each["resource"] for each in following] == ["spark:b"]


def test_the_type_of_a_problem_leads_to_its_meaning(below: FlaskClient) -> None:
    refused = below.get("/1/jobs?x=1", headers=JSON)
    meaning = followed(below, "/1/jobs", refused.get_json()["type"])
    assert (refused.status_code, meaning.status_code) == (400, 200)


def test_the_type_of_a_problem_from_the_asgi_layer_leads_to_its_page(
    below: FlaskClient,
) -> None:
    problem = stale_metrics(path_prefix=context_of(below.application).settings.path_prefix)
    meaning = followed(below, "/metrics", problem["type"])
    assert (problem["status"], meaning.status_code) == (503, 200)


def stale_metrics(path_prefix: str) -> dict[str, Any]:
    """The problem that the ASGI application tells of figures that have not come."""
    watch = create_autospec(HealthWatch, instance=True)
    watch.metrics.return_value = None
    quick = QuickAnswers(watch, with_metrics=True, path_prefix=path_prefix)
    answer = quick.answer({"PATH_INFO": "/metrics", "REQUEST_METHOD": "GET"})
    assert answer is not None
    problem: dict[str, Any] = json.loads(answer.start)
    return problem


def test_without_a_prefix_references_begin_at_the_root(client: FlaskClient) -> None:
    made = client.post("/1/jobs", json=ONCE)
    assert made.headers["Location"] == f"/1/jobs/{made.text}"
    assert client.get("/1/jobs?x=1").get_json()["type"] == "/problems/invalid-member"
