"""Who calls the Dapr API, and for which app."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.service import accounts, keys
from app.service.dapr import apps as dapr_apps
from app.store import endpoints, queries
from app.store.queries import Rows
from tests.api.conftest import MakeApp
from tests.api.dapr.calls import APP, JOBS, add_app, error_of, schedule, sidecar_of
from tests.factories import connect


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    return app.test_client()


def metadata(client: FlaskClient, **headers: str) -> tuple[int, str]:
    """Status, and the app's id or what is wrong."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.get("/v1.0/metadata", headers=fields)
    members = answer.get_json()
    return answer.status_code, members.get("id") or members["message"]


def test_the_key_may_come_in_every_way(app: Flask, anybody: FlaskClient, key: str) -> None:
    add_app(app)
    pair = base64.b64encode(f"account-1:{key}".encode()).decode()
    for headers in (
        {"dapr_api_token": key},
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"Basic {pair}"},
        {"X_API_Key": key},
        {"dapr_api_token": f" {key} ", "Authorization": "Bearer of another gateway"},
    ):
        assert metadata(anybody, **headers) == (200, APP), headers


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_request_without_a_valid_key_is_refused_in_dapr_s_form(
    anybody: FlaskClient, key: str, method: str
) -> None:
    for headers in ({}, {"dapr-api-token": ""}, {"dapr-api-token": f"{key}x"}, {"X-API-Key": "x"}):
        for version in ("v1.0", "v1.0-alpha1"):
            path = f"/{version}/jobs/x"
            answer = anybody.open(path, method=method, headers=headers, data="[")
            assert (answer.status_code, answer.data) == (401, b"invalid api token\n")
            assert answer.content_type.startswith("text/plain")


def test_the_token_of_dapr_is_a_key_for_dapr_s_paths_alone(anybody: FlaskClient, key: str) -> None:
    assert anybody.get("/1/jobs", headers={"dapr-api-token": key}).status_code == 401


def test_an_account_without_an_app_gets_a_remedy(anybody: FlaskClient, key: str) -> None:
    status, code, message = error_of(schedule(anybody, dapr_api_token=key))
    assert (status, code) == (400, "ERR_APP_ID")
    assert "dapr-app add account-1 --app-id ID --url URL" in message
    assert "PUT /1/dapr-apps/<id>" in message
    named = error_of(schedule(anybody, dapr_api_token=key, dapr_app_id="mine"))
    assert "--app-id mine" in named[2]


def test_the_only_app_needs_no_name_and_of_several_one_is_named(
    app: Flask, anybody: FlaskClient, key: str
) -> None:
    add_app(app)
    assert metadata(anybody, dapr_api_token=key) == (200, APP)
    add_app(app, "other")
    status, message = metadata(anybody, dapr_api_token=key)
    assert status == 400
    for part in (APP, "other", "dapr-app-id"):
        assert part in message
    assert metadata(anybody, dapr_api_token=key, dapr_app_id="") == (400, message)
    assert metadata(anybody, dapr_api_token=key, dapr_app_id="other") == (200, "other")
    status, message = metadata(anybody, dapr_api_token=key, dapr_app_id="third")
    assert (status, '"third"' in message) == (400, True)


def test_a_request_reads_few_apps_of_many(
    app: Flask,
    anybody: FlaskClient,
    key: str,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_app(app)
    with connect(database) as connection:
        connection.execute(
            "INSERT INTO endpoint (account_id, dialect, name, url) SELECT account_id, dialect,"
            " 'app-' || n, url FROM endpoint, generate_series(1, 5000) AS n"
        )
    read: list[int] = []

    def run(connection: psycopg.Connection, name: str, params: Mapping[str, object]) -> Rows:
        answer = queries.run(connection, name, params)
        read.append(answer.rowcount)
        return answer

    monkeypatch.setattr(endpoints, "run", run)
    assert metadata(anybody, dapr_api_token=key, dapr_app_id=APP) == (200, APP)
    assert sum(read) == 1
    for headers in ({"dapr_app_id": "none"}, {"dapr_app_id": "a b"}, {}):
        read.clear()
        status, message = metadata(anybody, dapr_api_token=key, **headers)
        assert (status, "…" in message) == (400, True)
        assert sum(read) <= 6


def test_jobs_are_their_app_s(app: Flask, anybody: FlaskClient, key: str) -> None:
    for app_id in (APP, "other"):
        add_app(app, app_id)
        assert schedule(anybody, "x", dapr_api_token=key, dapr_app_id=app_id).status_code == 204
    anybody.delete(f"{JOBS}/x", headers={"dapr-api-token": key, "dapr-app-id": "other"})
    for app_id, status in ((APP, 200), ("other", 500)):
        headers = {"dapr-api-token": key, "dapr-app-id": app_id}
        assert anybody.get(f"{JOBS}/x", headers=headers).status_code == status


def test_another_account_s_app_is_none(
    app: Flask, anybody: FlaskClient, key: str, other_client: FlaskClient
) -> None:
    add_app(app)
    assert schedule(anybody, "x", dapr_api_token=key).status_code == 204
    assert metadata(other_client, dapr_app_id=APP)[0] == 400
    add_app(app, account="account-2")
    assert other_client.get(f"{JOBS}/x").status_code == 500
    assert schedule(other_client, "x").status_code == 204


def test_a_key_may_be_bound_to_an_app(app: Flask, anybody: FlaskClient, key: str) -> None:
    add_app(app)
    add_app(app, "other")
    with app.app_context():
        bound = keys.create(current_context(), "account-1", "", app="other")
    assert metadata(anybody, dapr_api_token=bound) == (200, "other")
    assert metadata(anybody, dapr_api_token=bound, dapr_app_id="other") == (200, "other")
    status, message = metadata(anybody, dapr_api_token=bound, dapr_app_id=APP)
    assert (status, "bound" in message) == (400, True)
    with app.app_context():
        dapr_apps.delete(
            current_context(), accounts.get_account(current_context(), "account-1"), "other"
        )
    status, message = metadata(anybody, dapr_api_token=bound)
    assert (status, '"other"' in message, APP in message) == (400, True, False)


def test_a_sidecar_s_requests_need_no_key_and_are_for_its_app(app: Flask, key: str) -> None:
    add_app(app)
    add_app(app, "other")
    anybody = sidecar_of(app, "other")
    assert metadata(anybody) == (200, "other")
    assert metadata(anybody, dapr_app_id=APP, dapr_api_token="of no use") == (200, "other")
    assert schedule(anybody, "x").status_code == 204
    assert schedule(anybody, "x", Idempotency_Key="k").status_code == 409
    for path in ("/1/jobs", "/healthz", "/metrics", "/", "/problems/conflict"):
        assert error_of(anybody.get(path))[:2] == (404, "ERR_DIRECT_INVOKE")
    found = app.test_client().get(f"{JOBS}/x", headers={"X-API-Key": key, "dapr-app-id": "other"})
    assert found.status_code == 200


def test_a_rate_limit_is_answered_in_dapr_s_form(
    app: Flask, make_app: MakeApp, key: str, redis_url: str
) -> None:
    add_app(app)
    limited = make_app(WAKECALL_RATE_LIMIT="1", REDIS_URL=redis_url).test_client()
    answers = [limited.get("/v1.0/metadata", headers={"X-API-Key": key}) for _ in range(4)]
    refused = [each for each in answers if each.status_code == 429]
    assert refused
    assert error_of(refused[0])[1] == "ERR_RATE_LIMITED"
    assert refused[0].headers["Retry-After"] == "1"
