"""`Content-Encoding` of a request: a compressed body is refused."""

from __future__ import annotations

import gzip
import json

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.api.dapr.calls import APP, JOBS, add_app, error_of
from tests.api.native.booked import JSON, ONCE, ids
from tests.api.routes import routes

BY_PATH = "/1/jobs/2099-05-11T15%3A30%3A00Z/https%3A%2F%2Fexample.com%2Fwake"
# They act on what the address names, and look at no body.
WITHOUT_A_BODY = ("/fire", "/pause", "/resume", "/redeliver")


def sent(client: FlaskClient, path: str, encoding: str, method: str = "POST") -> TestResponse:
    body = gzip.compress(json.dumps(ONCE).encode())
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    return client.open(path, method=method, data=body, headers=headers)


@pytest.mark.parametrize("encoding", ["gzip", "br", "x-gzip", "identity, gzip", "é"])
def test_every_route_that_reads_a_body_refuses_one_that_is_encoded(
    app: Flask, client: FlaskClient, encoding: str
) -> None:
    add_app(app)
    client.environ_base["HTTP_DAPR_APP_ID"] = APP
    refusing = set()
    for route in routes(app):
        if route.method not in {"POST", "PUT"}:
            continue
        bodiless = route.path.endswith(WITHOUT_A_BODY) and route.path != "/1/runs/redeliver"
        if bodiless:
            continue
        answer = sent(client, route.path, encoding, route.method)
        assert answer.status_code == 415, (route, answer.text)
        assert answer.headers["Accept-Encoding"] == "identity"
        refusing.add(route.path.split("/")[1])
    assert refusing == {"1", "v1.0", "v1.0-alpha1", "api"}
    assert ids(client) == []


def test_the_refusal_names_the_field_and_the_way_to_a_compressed_payload(
    client: FlaskClient,
) -> None:
    assert sent(client, BY_PATH, "gzip").get_json() == {
        "type": "/problems/unsupported-encoding",
        "title": "Unsupported content encoding",
        "status": 415,
        "detail": 'The Content-Encoding "gzip" is not supported.',
        "member": "Content-Encoding",
        "remedy": "Send the body without an encoding. To deliver a compressed payload, book it "
        'as a document with dataEncoding "base64" and with Content-Encoding among its headers.',
    }


def test_that_way_is_open(client: FlaskClient) -> None:
    document = {
        **ONCE,
        "data": "H4sIAAAAAAAAA0tMSgYAwkEkNQMAAAA=",
        "dataEncoding": "base64",
        "headers": {"Content-Encoding": "gzip"},
    }
    assert client.post("/1/jobs", json=document).status_code == 201


@pytest.mark.parametrize("encoding", ["", "identity", "Identity", "identity , identity"])
def test_a_body_as_it_is_may_say_so(client: FlaskClient, encoding: str) -> None:
    headers = {"Content-Encoding": encoding, **JSON}
    for _ in range(2):
        assert client.post("/1/jobs", json=ONCE, headers=headers).status_code == 201


def test_dapr_refuses_it_in_its_own_form(app: Flask, client: FlaskClient) -> None:
    add_app(app)
    client.environ_base["HTTP_DAPR_APP_ID"] = APP
    status, code, message = error_of(sent(client, f"{JOBS}/x", "gzip"))
    assert (status, code) == (415, "ERR_UNSUPPORTED_ENCODING")
    assert 'The Content-Encoding "gzip" is not supported.' in message


@pytest.mark.parametrize("coding", ["gzip, chunked", "chunked, gzip", "identity", "x"])
@pytest.mark.parametrize("accepted", ["application/json", "application/xml", "text/plain"])
def test_a_body_that_is_compressed_for_its_transfer_is_refused_in_the_client_s_format(
    client: FlaskClient, coding: str, accepted: str
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Transfer-Encoding": coding,
        "Accept": accepted,
    }

    answer = client.post("/1/jobs", data=b"x", headers=headers)

    assert answer.status_code == 415
    assert answer.headers["Content-Type"].partition(";")[0] in {
        *("application/problem+json", "application/problem+xml", "text/plain"),
    }
    assert "Transfer-Encoding" in answer.text
    assert ids(client) == []
