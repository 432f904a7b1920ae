"""Requests that a page of another site sends through the browser of a user with a key."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.api.browsers import SAFE_METHODS
from app.api.problems import BROWSER_CHALLENGE, CHALLENGE
from app.store import engine, sessions
from app.store.sessions import Session, SessionOptions
from tests.api.conftest import MakeApp
from tests.api.dapr.calls import APP, JOBS, add_app, schedule, sidecar_of
from tests.api.routes import routes

FORGED = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": ""},
    {"Sec-Fetch-Site": "Same-Origin"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8000"},
    {"Origin": "https://localhost:80"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "http://localhost:99999"},
    {"Origin": "http://localhost/x"},
    {"Origin": "file://localhost"},
    {"Origin": "chrome-extension://localhost"},
    {"Origin": "http://localhost,https://evil.example"},
    {"Origin": "http://[::1"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://by-a-proxy.example"},
    {"Origin": "http://localhost"},
    {"Origin": "http://LOCALHOST:80"},
    {"Origin": "https://localhost"},
]
DOCUMENT = {"url": "https://example.com/", "when": "2099-01-01T00:00:00Z"}


def test_no_changing_route_of_any_dialect_is_reached_from_another_site(
    app: Flask, client: FlaskClient
) -> None:
    changing = [each for each in routes(app) if each.method not in SAFE_METHODS]
    assert {each.path.split("/")[1] for each in changing} >= {"1", "api", "v1.0", "v1.0-alpha1"}
    for method, path, _ in changing:
        for forged in FORGED:
            answer = client.open(path, method=method, headers=forged)
            assert (answer.status_code, "another site" in answer.text) == (403, True), (
                path,
                forged,
            )
        untouched = {client.open(path, method=method, headers=own).status_code for own in OWN}
        assert untouched.isdisjoint({401, 403, 500}), (path, untouched)


def test_the_refusal_says_what_is_wrong_and_what_would_be_right(client: FlaskClient) -> None:
    headers = {"Origin": "https://evil.example"}
    refused = client.post("/1/jobs", json=DOCUMENT, headers=headers)
    assert refused.get_json() == {
        "type": "/problems/cross-site",
        "title": "The request comes from another site",
        "status": 403,
        "detail": "The request comes from a page of another site: its Origin "
        '"https://evil.example" does not match the Host "localhost".',
        "member": "Origin",
        "remedy": "Send the request from a page of this service, or from a program that sends "
        "neither Origin nor Sec-Fetch-Site.",
    }
    assert client.get("/1/jobs", headers=headers).data == b""
    answer = client.post(f"{JOBS}/x", json={"dueTime": "1h"}, headers=headers)
    assert (answer.status_code, answer.get_json()["errorCode"]) == (403, "ERR_CROSS_SITE")


def test_it_is_refused_before_the_key_is_looked_up(app: Flask) -> None:
    anybody = app.test_client()
    assert anybody.post("/1/jobs", headers=FORGED[0]).status_code == 403
    assert anybody.post("/1/jobs").status_code == 401


def test_a_page_elsewhere_may_ask_what_it_cannot_read(client: FlaskClient) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert client.open("/1/jobs", method=method, headers=FORGED[0]).status_code < 300


def test_the_port_is_part_of_the_host(client: FlaskClient) -> None:
    for host, origin, status in (
        ("wakecall.example:8000", "http://wakecall.example:8000", 201),
        ("wakecall.example:443", "https://wakecall.example", 201),
        ("[::1]:8000", "http://[::1]:8000", 201),
        ("wakecall.example:8000", "http://wakecall.example", 403),
        ("wakecall.example", "https://wakecall.example:8443", 403),
        ("[::1]:8000", "http://[::2]:8000", 403),
    ):
        headers = {"Host": host, "Origin": origin}
        answer = client.post("/1/jobs", json=DOCUMENT, headers=headers)
        assert answer.status_code == status, headers


def test_no_get_changes_anything(
    monkeypatch: pytest.MonkeyPatch, make_app: MakeApp, key: str
) -> None:
    """In a database that takes no change, every GET is answered as it is otherwise."""
    read_only = {**engine.SESSION.settings, "default_transaction_read_only": "on"}
    monkeypatch.setattr(engine, "SESSION", SessionOptions(settings=read_only))
    # Otherwise such a session is not opened, or is given up.
    monkeypatch.delitem(sessions._TRANSPORT, "target_session_attrs")
    monkeypatch.setattr(Session, "is_usable", True)
    app = make_app()
    client = app.test_client()
    client.environ_base["HTTP_X_API_KEY"] = key
    assert client.post("/1/jobs", json=DOCUMENT).status_code in {500, 503}
    asked = [each for each in routes(app) if each.method == "GET" and each.path != "/readyz"]
    for _, path, _ in asked:
        # Dapr's contract has 500 for a job that is not there, and 400 without an app.
        assert client.get(path).status_code in {200, 204, 400, 404}, path


# The challenge.


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, CHALLENGE),
        ({"Accept": "text/html"}, CHALLENGE),
        ({"Sec-Fetch-Mode": "cors"}, CHALLENGE),
        ({"Sec-Fetch-Mode": "navigate"}, BROWSER_CHALLENGE),
        ({"Sec-Fetch-Mode": "no-cors"}, BROWSER_CHALLENGE),
        ({"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}, BROWSER_CHALLENGE),
        ({"Upgrade-Insecure-Requests": "1"}, BROWSER_CHALLENGE),
    ],
)
@pytest.mark.parametrize("path", ["/1/jobs", "/api/jobs", "/v1.0/jobs/x"])
def test_a_browser_is_never_asked_for_a_password_it_would_remember(
    app: Flask, path: str, headers: dict[str, str], challenge: str
) -> None:
    answer = app.test_client().get(path, headers=headers)
    assert answer.status_code == 401
    assert answer.headers.getlist("WWW-Authenticate") == [challenge]
    assert ("Basic" in challenge) == (challenge is CHALLENGE)


# The sidecar.


@pytest.fixture
def sidecar(app: Flask, key: str) -> FlaskClient:
    """Calls as a client of a sidecar makes them: without a key."""
    assert key
    add_app(app)
    return sidecar_of(app)


@pytest.mark.parametrize("forged", FORGED)
def test_a_page_in_a_browser_beside_the_sidecar_books_nothing(
    sidecar: FlaskClient, forged: dict[str, str]
) -> None:
    assert sidecar.post(f"{JOBS}/x", data='{"dueTime": "1h"}', headers=forged).status_code == 403
    assert sidecar.delete(f"{JOBS}/x", headers=forged).status_code == 403
    assert sidecar.get(f"{JOBS}/x").status_code == 500
    assert schedule(sidecar, "x").status_code == 204
    assert sidecar.get(f"{JOBS}/x").status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        *("attacker.example", "attacker.example:3500", "127.0.0.1.attacker.example", "::1"),
        *("localhost.attacker.example", "localhost:x", "127.0.0.2", "0.0.0.0"),
    ],
)
def test_a_name_that_was_let_lead_to_loopback_reads_nothing_of_the_sidecar(
    sidecar: FlaskClient, host: str
) -> None:
    schedule(sidecar, "x")
    for path in (f"{JOBS}/x", "/v1.0/metadata", "/v1.0/healthz", "/1/jobs"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = sidecar.open(path, method=method, environ_overrides={"HTTP_HOST": host})
            assert answer.status_code == 403, (method, path)
            assert method == "HEAD" or answer.get_json()["errorCode"] == "ERR_CROSS_SITE"
    assert sidecar.get(f"{JOBS}/x").status_code == 200


@pytest.mark.parametrize("host", ["", "127.0.0.1\t"])
def test_a_host_that_is_not_valid_reads_nothing_of_the_sidecar(
    sidecar: FlaskClient, host: str
) -> None:
    schedule(sidecar, "x")
    for path in (f"{JOBS}/x", "/v1.0/metadata", "/v1.0/healthz", "/1/jobs"):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            answer = sidecar.open(path, method=method, environ_overrides={"HTTP_HOST": host})
            assert answer.status_code in {400, 403}, (method, path)
    assert sidecar.get(f"{JOBS}/x").status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:3500", "127.0.0.1:6280", "[::1]:3500"])
def test_the_sidecar_s_own_names_are_answered(sidecar: FlaskClient, host: str) -> None:
    metadata = sidecar.get("/v1.0/metadata", environ_overrides={"HTTP_HOST": host})
    assert (metadata.status_code, metadata.get_json()["id"]) == (200, APP)
