"""Query parameters: those that a route declares are accepted, others are refused first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api import parameters
from app.errors import InvalidMember
from tests.api.dapr.calls import APP, JOBS, add_app, error_of, schedule
from tests.api.fusion.documents import MOVIES, saved
from tests.api.native.booked import JSON, ONCE, booked
from tests.api.routes import Route, routes
from tests.factories import connect, one

BY_PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/https%3A%2F%2Fexample.com%2Fwake"
DRY_RUNS = (
    *("dryRun", "dryrun", "DRYRUN", "dry_run", "dry-run"),
    *("dry run", "dry.run", "dryRun[]", " dryRun", "dryRun:", "[dry][run]"),
)


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def asked(client: FlaskClient, route: Route, **query: str) -> TestResponse:
    body: Any = [] if route.path.endswith("/bulk") else {}
    given = {} if route.method in {"GET", "DELETE"} else {"json": body}
    return client.open(route.path, method=route.method, query_string=query, **given)


def refused(answer: TestResponse) -> str | None:
    """The parameter that the answer refuses, None where it refuses none."""
    if answer.status_code != 400:
        return None
    document = answer.get_json()
    if document.get("errorCode") == "ERR_INVALID_MEMBER":
        name, _, reason = document["message"].partition(": ")
        assert "Omit it" in reason
        return str(name)
    if "is not supported here" not in document.get("detail", ""):
        return None
    assert document["type"] == "/problems/invalid-member"
    assert document["remedy"]
    return str(document["member"])


# All routes.


def test_every_route_declares_its_parameters(app: Flask) -> None:
    with app.app_context():
        declared = {each: parameters.declared_parameters(each.endpoint) for each in routes(app)}
    for route, taken in declared.items():
        native = route.path.startswith("/1/")
        assert taken.ignoring == (not native), route
    assert any(taken.names for taken in declared.values())


def test_every_route_refuses_what_it_does_not_declare_and_takes_what_it_does(
    app: Flask, client: FlaskClient
) -> None:
    add_app(app)
    client.environ_base["HTTP_DAPR_APP_ID"] = APP
    for route in routes(app):
        if route.is_public:
            continue
        with app.app_context():
            taken = parameters.declared_parameters(route.endpoint)
        unknown = None if taken.ignoring else "unheardOf"
        assert refused(asked(client, route, unheardOf="1")) == unknown, route
        for name in DRY_RUNS:
            mine = name in taken.names
            assert refused(asked(client, route, **{name: "true"})) == (None if mine else name)
        for name in taken.names:
            assert refused(asked(client, route, **{name: "1"})) is None, (route, name)


def test_what_is_given_once_is_not_given_twice(app: Flask, client: FlaskClient) -> None:
    for route in routes(app):
        with app.app_context():
            taken = parameters.declared_parameters(route.endpoint)
        for name in () if taken.ignoring else taken.once:
            answer = client.open(f"{route.path}?{name}=1&{name}=1", method=route.method)
            document = answer.get_json()
            assert (answer.status_code, document["member"]) == (400, name), route
            assert "more than once" in document["detail"]


def test_a_parameter_is_refused_to_those_alone_who_have_a_key(app: Flask) -> None:
    for route in routes(app):
        if not route.is_public:
            answer = asked(app.test_client(), route, unheardOf="1")
            assert answer.status_code == 401, route


def test_a_route_that_declares_nothing_takes_nothing(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(vars(app.view_functions["native.list_jobs"]), parameters._TAKEN)
    assert refused(client.get("/1/jobs?limit=1")) == "limit"
    assert client.get("/1/jobs").status_code == 200


# What would act.


@pytest.mark.parametrize("name", DRY_RUNS[1:])
def test_a_misspelt_dry_run_books_nothing(client: FlaskClient, name: str) -> None:
    for path, body in (
        ("/1/jobs", {"json": ONCE}),
        ("/1/jobs/bulk", {"json": [ONCE]}),
        (BY_PATH, {"data": b"x"}),
    ):
        for query in ({name: "true"}, {"dryRun": "true", name: "true"}):
            for keyed in ({}, {"Idempotency-Key": str(uuid4())}):
                answer = client.post(path, query_string=query, headers=keyed, **body)
                assert refused(answer) == name
                assert "The parameters are: dryRun." in answer.get_json()["remedy"]
    assert client.get("/1/jobs", headers=JSON).get_json() == []


def test_a_dry_run_elsewhere_is_not_carried_out(
    client: FlaskClient, connection: psycopg.Connection
) -> None:
    job = booked(client)
    before = client.get("/1/secrets").get_json()
    path = f"/1/jobs/{job['id']}"
    for answer in (
        client.post(f"{path}/fire?dryRun=true"),
        client.post(f"{path}/pause?dryRun=true"),
        client.put(f"{path}?dryRun=true", json={**ONCE, "data": "other"}),
        client.delete(f"{path}?dryRun=true"),
        client.post("/1/secrets/rotate?dryRun=true"),
    ):
        assert refused(answer) == "dryRun"
    assert client.get(path).get_json() == job
    assert client.get("/1/secrets").get_json() == before
    assert one(connection, "SELECT count(*) FROM inflight") == 0


def test_a_question_mark_of_a_callback_is_not_the_call_s_own(client: FlaskClient) -> None:
    for callback in ("https%3A%2F%2Fexample.com%2Fwake", "https://example.com/wake"):
        path = f"/1/jobs/2031-05-11T15%3A30%3A00Z/{callback}"
        answer = client.post(f"{path}?a=1&b=2")
        assert refused(answer) == "a"
        assert "Write a question mark within the callback as %3F." in answer.get_json()["remedy"]
        taken = client.post(f"{path}%3Fa=1&b=2", headers=JSON)
        assert taken.get_json()["url"] == "https://example.com/wake?a=1&b=2"


def test_the_completion_of_a_run_takes_no_parameters_with_its_own_token_either(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.service.completions.is_token_of", lambda *_: True)
    answer = app.test_client().post(
        f"/1/runs/{UUID(int=1)}/complete?status=succeeded",
        json={"status": "failed"},
        headers={"Authorization": "Bearer x"},
    )
    assert refused(answer) == "status"
    assert client.get("/1/runs").status_code == 200


# Bytes that are no text.


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("/1/jobs?tag=B%FCro", "tag"),
        ("/1/jobs?limit=1&t%61g=%ff", "tag"),
        ("/1/runs?state=%C3%28", "state"),
        ("/1/jobs?%FC=1", "%FC"),
        ("/api/jobs?type=%FC", "type"),
    ],
)
def test_a_parameter_that_is_not_utf8_is_refused(
    client: FlaskClient, path: str, member: str
) -> None:
    answer = client.get(path)
    document = answer.get_json()
    assert (answer.status_code, document["member"]) == (400, member)
    assert document["remedy"]


# What Dapr and Fusion ignore.


def test_dapr_ignores_parameters_but_a_dry_run(app: Flask, client: FlaskClient) -> None:
    add_app(app)
    client.environ_base["HTTP_DAPR_APP_ID"] = APP
    assert client.post(f"{JOBS}/x?metadata.a=1&b=%FF", json={"dueTime": "1h"}).status_code == 204
    for answer in (
        client.post(f"{JOBS}/y?dryRun=true", json={"dueTime": "1h"}),
        client.delete(f"{JOBS}/x?dryrun=true"),
    ):
        status, code, message = error_of(answer)
        assert (status, code) == (400, "ERR_INVALID_MEMBER")
        assert "POST /1/preview" in message
    assert client.get(f"{JOBS}/x").status_code == 200
    assert client.get(f"{JOBS}/y").status_code == 500
    assert schedule(client, "y").status_code == 204


def test_fusion_ignores_parameters_but_a_dry_run(client: FlaskClient) -> None:
    saved(client)
    path = f"/api/jobs/{MOVIES}"
    assert client.get(f"{path}?_=17&realmName=native").status_code == 200
    for answer in (
        client.post(f"{path}/actions?dryRun=true", json={"action": "start"}),
        client.delete(f"{path}/schedule?dryRun=true"),
        client.delete(f"{path}?DryRun"),
    ):
        assert (refused(answer) or "").lower() == "dryrun"
    assert client.get(f"{path}/schedule").get_json()["triggers"]
    assert client.get(f"{path}/history").get_json() == []


def test_what_is_refused_is_refused_as_a_value_that_cannot_be_taken(app: Flask) -> None:
    with app.test_request_context("/1/jobs?foo=1", method="GET"):
        app.preprocess_request()
        with pytest.raises(InvalidMember, match="is not supported here"):
            parameters.check()
