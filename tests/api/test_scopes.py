"""What keys may do: by their scopes, and by the Dapr app that they are bound to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.api import scopes
from app.api.context import current_context
from app.domain.scope import Scope
from app.errors import InvalidMember
from app.service import keys
from tests.api.conftest import client_of
from tests.api.dapr.calls import APP, JOBS, add_app, schedule
from tests.api.routes import Route, routes
from tests.factories import connect, one

DOCUMENT = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"}
BY_PATH = "/1/jobs/2099-01-01T00%3A00Z/https%3A%2F%2Fexample.com"
PROBLEM = "/problems/insufficient-scope"


@pytest.fixture
def connection(database: str) -> Iterator[psycopg.Connection]:
    with connect(database) as opened:
        yield opened


def with_key(app: Flask, scope: Scope | None = None, *, bound: str | None = None) -> FlaskClient:
    """Calls with a further key of account-1."""
    with app.app_context():
        return client_of(
            app, keys.create(current_context(), "account-1", "", app=bound, scope=scope)
        )


def is_refused(answer: TestResponse) -> bool:
    """Whether the key is what is wrong."""
    if answer.status_code != 403:
        return False
    body = answer.get_json()
    assert body.get("type", PROBLEM) == PROBLEM
    assert body.get("errorCode", "ERR_INSUFFICIENT_SCOPE") == "ERR_INSUFFICIENT_SCOPE"
    return True


def asked(client: FlaskClient, route: Route) -> TestResponse:
    # Only the document tells whether this one is a dry run.
    body: dict[str, Any] = {"json": {}} if route.path == "/1/runs/redeliver" else {}
    return client.open(route.path, method=route.method, **body)


# The routes.


def test_every_route_says_what_it_needs_of_a_key_or_that_it_needs_none(app: Flask) -> None:
    with app.app_context():
        for each in routes(app):
            assert (scopes.declared_need(each.endpoint) is None) == each.is_public, each


def test_a_get_that_needs_more_than_reading_is_one_of_secrets_or_keys(app: Flask) -> None:
    with app.app_context():
        needs = {
            each.path: need.scope
            for each in routes(app)
            if each.method == "GET" and (need := scopes.declared_need(each.endpoint)) is not None
        }
    assert {path for path, scope in needs.items() if scope is not Scope.READ} == {
        "/1/secrets",
        "/1/audit",
        "/1/keys",
        "/1/keys/0000000000",
    }


@pytest.mark.parametrize("scope", Scope)
def test_a_key_reaches_the_routes_of_its_scope_and_no_others(
    app: Flask, key: str, scope: Scope
) -> None:
    assert key
    add_app(app)
    client = with_key(app, scope)
    refused = set()
    for each in routes(app):
        with app.app_context():
            need = scopes.declared_need(each.endpoint)
        answer = asked(client, each)
        case = (each.method, each.path, answer.status_code)
        assert is_refused(answer) == (need is not None and not scope.covers(need.scope)), case
        assert is_refused(answer) or answer.status_code not in {401, 403}, case
        refused |= {each.endpoint} if is_refused(answer) else set()
    assert ("native.create_job" in refused) == (scope is Scope.READ)
    assert ("native.rotate_secret" in refused) == (scope is not Scope.ADMIN)


@pytest.mark.usefixtures("apps")
def test_a_key_of_a_lesser_scope_is_refused_whatever_else_is_wrong(app: Flask) -> None:
    reading, bound = with_key(app, Scope.READ), with_key(app, bound=APP)

    for path in ("/1/secrets?unknown=1", "/1/secrets?dryRun=true"):
        assert is_refused(reading.get(path)), path
        assert is_refused(bound.get(path)), path
    assert is_refused(reading.delete(f"/1/jobs/{uuid4()}?unknown=1"))


def test_a_route_that_says_nothing_lets_only_admin_in(
    app: Flask, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert key
    monkeypatch.delitem(vars(app.view_functions["native.list_jobs"]), scopes._NEED)
    assert is_refused(with_key(app, Scope.BOOK).get("/1/jobs"))
    assert with_key(app, Scope.ADMIN).get("/1/jobs").status_code == 200


# What responses show.


def test_the_refusal_names_the_scope_there_is_the_one_needed_and_the_remedy(
    app: Flask, key: str
) -> None:
    assert key
    refused = with_key(app, Scope.READ).post("/1/jobs", json=DOCUMENT)
    assert refused.get_json() == {
        "type": PROBLEM,
        "title": "The API key does not allow this",
        "status": 403,
        "detail": "The API key has the scope read, but this request needs book.",
        "remedy": "Use a key with that scope: flask --app wsgi key create account-1 --scope book",
    }
    assert "WWW-Authenticate" not in refused.headers


# Dry runs.


@pytest.mark.parametrize(
    ("path", "body", "dry"),
    [
        ("/1/jobs", DOCUMENT, {"query_string": {"dryRun": "true"}}),
        ("/1/jobs/bulk", [DOCUMENT], {"query_string": {"dryRun": "true"}}),
        (BY_PATH, None, {"query_string": {"dryRun": "true"}}),
        ("/1/runs/redeliver", {}, {"json": {"dryRun": True}}),
    ],
)
def test_a_dry_run_needs_no_more_than_reading(
    app: Flask, key: str, connection: psycopg.Connection, path: str, body: Any, dry: dict[str, Any]
) -> None:
    assert key
    client = with_key(app, Scope.READ)
    given: dict[str, Any] = {} if body is None else {"json": body}
    assert client.post(path, **{**given, **dry}).status_code == 200
    for keyed in ({}, {"headers": {"Idempotency-Key": str(uuid4())}}):
        for further in ({}, {"query_string": {"dryRun": "false"}}):
            if path != "/1/runs/redeliver":
                assert is_refused(client.post(path, **given, **further, **keyed))
        assert is_refused(client.post("/1/runs/redeliver", json={"dryRun": False}, **keyed))
    assert one(connection, "SELECT count(*) FROM job") == 0


def test_a_dry_run_of_a_declared_job_needs_no_more_than_reading(app: Flask, key: str) -> None:
    assert key
    client, path = with_key(app, Scope.READ), "/1/jobs/by-name/a"
    assert client.put(f"{path}?dryRun=true", json=DOCUMENT).status_code == 200
    for further in ("", "?dryRun=false"):
        assert is_refused(client.put(f"{path}{further}", json=DOCUMENT))
    assert client.get(path).status_code == 404


def test_what_is_refused_is_not_kept_for_a_key_that_may(app: Flask, client: FlaskClient) -> None:
    headers = {"Idempotency-Key": "a"}
    assert is_refused(with_key(app, Scope.READ).post("/1/runs/redeliver", json={}, headers=headers))
    assert client.post("/1/runs/redeliver", json={}, headers=headers).status_code == 202


# Cached keys.


def test_a_cached_key_is_held_to_its_scope_and_books_in_one_round_trip(
    app: Flask, key: str, connection: psycopg.Connection
) -> None:
    assert key
    reading, booking = with_key(app, Scope.READ), with_key(app, Scope.BOOK)
    for client, status in ((reading, 403), (booking, 201)):
        for _ in range(3):
            assert client.post("/1/jobs", json=DOCUMENT).status_code == status
    assert one(connection, "SELECT count(*) FROM job") == 3


@pytest.mark.parametrize("change", ["scope = 'read'", "app = 'x', scope = 'book'"])
def test_the_statement_that_books_asks_itself_what_the_key_may(
    app: Flask, key: str, connection: psycopg.Connection, change: str
) -> None:
    client = client_of(app, key)
    assert client.post("/1/jobs", json=DOCUMENT).status_code == 201
    connection.execute(f"UPDATE api_key SET {change}")
    assert is_refused(client.post("/1/jobs", json=DOCUMENT))
    assert one(connection, "SELECT count(*) FROM job") == 1


# Keys bound to an app.


@pytest.fixture
def apps(app: Flask, key: str) -> None:
    """Two apps of account-1."""
    assert key
    for app_id in (APP, "other"):
        add_app(app, app_id)


@pytest.mark.usefixtures("apps")
def test_a_bound_key_reaches_the_jobs_of_its_app_and_no_other_route(app: Flask) -> None:
    bound = with_key(app, bound=APP)
    for each in routes(app):
        with app.app_context():
            need = scopes.declared_need(each.endpoint)
        answer = asked(bound, each)
        assert is_refused(answer) == (need is not None and not need.of_app), each
        assert is_refused(answer) or answer.status_code not in {401, 403}, each
    assert schedule(bound, "x").status_code == 204
    assert bound.get(f"{JOBS}/x").status_code == 200
    assert bound.delete(f"{JOBS}/x").status_code == 204


@pytest.mark.usefixtures("apps")
def test_a_bound_key_learns_nothing_of_other_jobs(app: Flask, client: FlaskClient) -> None:
    job = json.loads(
        client.post("/1/jobs", json=DOCUMENT, headers={"Accept": "application/json"}).data
    )["id"]
    schedule(client, "theirs", dapr_app_id="other")
    bound = with_key(app, bound=APP)
    for path in (f"/1/jobs/{job}", f"/1/jobs/{job}/runs", f"/1/runs/{job}"):
        unknown = path.replace(job, str(uuid4()))
        assert bound.get(path).data == bound.get(unknown).data
    for known, unknown in (("theirs", "nobody's"),):
        texts = [bound.get(f"{JOBS}/{name}").text.replace(name, "") for name in (known, unknown)]
        assert texts[0] == texts[1]
    assert bound.delete(f"{JOBS}/theirs").status_code == 204
    assert client.get(f"{JOBS}/theirs", headers={"dapr-app-id": "other"}).status_code == 200


@pytest.mark.usefixtures("apps")
def test_a_bound_key_may_be_one_that_only_reads(app: Flask) -> None:
    book, read = with_key(app, bound=APP), with_key(app, Scope.READ, bound=APP)
    schedule(book, "x")
    assert read.get(f"{JOBS}/x").status_code == 200
    assert is_refused(schedule(read, "y"))
    assert is_refused(read.delete(f"{JOBS}/x"))
    assert is_refused(read.get("/1/jobs"))
    with app.app_context(), pytest.raises(InvalidMember):
        keys.create(current_context(), "account-1", "", app=APP, scope=Scope.ADMIN)


@pytest.mark.usefixtures("apps")
def test_a_key_of_before_keeps_all_it_may(app: Flask, connection: psycopg.Connection) -> None:
    """As the release before makes it, which knows of no scope."""
    bound = with_key(app, bound=APP)
    connection.execute(
        "INSERT INTO api_key (id, account_id, digest, label, app)"
        " SELECT 'before0000', account_id, digest, label, app FROM api_key WHERE app IS NOT NULL"
    )
    assert one(connection, "SELECT scope FROM api_key WHERE id = 'before0000'") == "admin"
    connection.execute("UPDATE api_key SET scope = 'admin' WHERE app IS NOT NULL")
    assert bound.get("/1/secrets").status_code == 200
    assert bound.post("/1/jobs", json=DOCUMENT).status_code == 201
    assert bound.get("/v1.0/metadata").get_json()["id"] == APP


# Commands.


def test_the_commands_give_and_show_a_scope(app: Flask, key: str) -> None:
    assert key
    add_app(app)
    runner = app.test_cli_runner()
    for arguments in (["--scope", "read"], ["--dapr-app", APP], ["--scope", "book"]):
        assert runner.invoke(args=["key", "create", "account-1", *arguments]).exit_code == 0
    listed = runner.invoke(args=["key", "list", "account-1"]).stdout.splitlines()
    assert [line.split()[3] for line in listed] == ["admin", "read", "book", "book"]
    both = ["key", "create", "account-1", "--scope", "admin", "--dapr-app", APP]
    refused = runner.invoke(args=both)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "read or book" in refused.stderr
