import base64
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.context import current_context
from app.api.problems import CHALLENGE
from app.service import keys
from tests.api.routes import routes


def basic(user: str, password: str) -> dict[str, str]:
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    return app.test_client()


def test_a_key_is_taken_in_every_way_of_sending_it(anybody: FlaskClient, key: str) -> None:
    for headers in (
        {"Authorization": f"Bearer {key}"},
        {"Authorization": f"bearer  {key} "},
        {"Authorization": f"BEARER {key}"},
        {"X-API-Key": key},
        basic(key, ""),
        basic(key, "anything"),
        basic(key, key),
        basic("account-1", key),
        {"Authorization": basic(key, "")["Authorization"].replace("Basic", "bAsIc ")},
    ):
        assert anybody.get("/1/jobs", headers=headers).status_code == 200, headers


def test_every_invalid_key_gets_the_same_401(anybody: FlaskClient, key: str) -> None:
    mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
    answers = [
        anybody.get("/1/jobs", headers=headers)
        for headers in (
            {},
            {"Authorization": ""},
            {"Authorization": key},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer "},
            {"Authorization": f"Bearer {mistyped}"},
            {"Authorization": f"Bearer {key},Bearer {key}"},
            {"Authorization": f"Bearer {key} {key}"},
            {"Authorization": f"Token {key}"},
            {"Authorization": "Bearer " + "x" * 100_000},
            {"Authorization": "Bearer caf\xe9"},
            {"Authorization": "Bearer \x01\x7f"},
            {"Authorization": "Digest username=x"},
            {"X-API-Key": ""},
            {"X-API-Key": mistyped},
            {"X-API-Key": f"Bearer {key}"},
            {"Authorization": "Basic"},
            {"Authorization": "Basic !!!"},
            {"Authorization": "Basic YQ"},
            {"Authorization": "Basic /////w=="},
            {"Authorization": "Basic " + base64.b64encode(b"\0:\0").decode()},
            basic("account-1", ""),
            basic("", ""),
            basic("account-1", mistyped),
            basic("account-2", mistyped),
        )
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.data for answer in answers}) == 1
    assert answers[0].get_json()["type"] == "/problems/unauthenticated"
    for answer in answers:
        assert answer.headers.getlist("WWW-Authenticate") == [CHALLENGE]


def test_a_key_does_not_speak_for_another_account(anybody: FlaskClient, key: str) -> None:
    assert anybody.get("/1/jobs", headers=basic("account-2", key)).status_code == 401


def test_two_keys_at_once_are_refused(anybody: FlaskClient, key: str) -> None:
    answer = anybody.get("/1/jobs", headers={"Authorization": f"Bearer {key}", "X-API-Key": key})
    assert answer.status_code == 400
    assert answer.get_json()["member"] == "X-API-Key"


def test_a_revoked_key_stops_at_once(app: Flask, anybody: FlaskClient, key: str) -> None:
    headers = {"X-API-Key": key}
    assert anybody.get("/1/jobs", headers=headers).status_code == 200
    runner = app.test_cli_runner()
    listed = runner.invoke(args=["key", "list", "account-1"]).stdout
    assert runner.invoke(args=["key", "revoke", listed.split()[0]]).exit_code == 0
    assert anybody.get("/1/jobs", headers=headers).status_code == 401


def test_every_route_of_the_api_wants_a_key(app: Flask, anybody: FlaskClient) -> None:
    for method, path, _ in (each for each in routes(app) if not each.is_public):
        assert anybody.open(path, method=method).status_code == 401, (method, path)


ONCE = {"url": "https://example.com/", "when": "2099-05-11T15:30:00Z"}
BY_PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/https%3A%2F%2Fexample.com"


@pytest.mark.parametrize(
    ("path", "sent", "status"),
    [
        ("/1/jobs", {"json": ONCE}, 201),
        (BY_PATH, {}, 201),
        ("/1/jobs", {"json": {**ONCE, "url": "ftp://x"}}, 400),
        ("/1/jobs", {"data": "x"}, 415),
        ("/1/jobs", {"json": ONCE, "headers": {"Accept": "image/png"}}, 406),
        (BY_PATH, {"data": "x" * 2049}, 413),
    ],
)
def test_a_key_revoked_between_two_bookings_is_refused_for_that_reason_only(
    app: Flask,
    anybody: FlaskClient,
    key: str,
    path: str,
    sent: dict[str, Any],
    status: int,
) -> None:
    anybody.environ_base["HTTP_X_API_KEY"] = key
    for _ in range(2):
        assert anybody.post(path, **sent).status_code == status
    with app.app_context():
        keys.revoke(current_context(), key[3:13])
        further = keys.create(current_context(), "account-1", "further")
    answers = [anybody.post(path, **sent) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert all(answer.headers["WWW-Authenticate"] == CHALLENGE for answer in answers)
    anybody.environ_base["HTTP_X_API_KEY"] = further
    listed = anybody.get("/1/jobs").text
    assert len(list(filter(None, listed.split(",")))) == (2 if status == 201 else 0)
