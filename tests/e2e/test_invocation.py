"""Service invocation: a sidecar passes requests on to the apps of its account."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import pytest

from tests.e2e.instance import PATIENCE, Instance
from tests.e2e.sidecar import Dapr, sidecar
from tests.ports import free_port
from tests.receiver import Receiver, answer

FILMS = "/v1.0/invoke/films/method"


@pytest.fixture(scope="module")
def dapr(running: Instance) -> Iterator[Dapr]:
    with sidecar(running, "caller", 6200) as made:
        yield made


@pytest.fixture
def films(running: Instance) -> Iterator[Receiver]:
    with Receiver(answer(200)) as app:
        document = {"url": app.url("/base"), "token": "hush"}
        assert running.ask("PUT", "/1/dapr-apps/films", document).status in {200, 201}
        yield app


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_a_request_reaches_the_other_app_as_it_was_sent(
    dapr: Dapr, films: Receiver, method: str
) -> None:
    films.default = answer(
        201, (("Content-Type", "text/x-film"),), b"" if method == "HEAD" else b"\0"
    )
    connection = http.client.HTTPConnection("localhost", dapr.port, timeout=PATIENCE)
    sent = b"" if method in {"GET", "HEAD"} else b"\xff"
    headers = {"Content-Type": "a/b", "X-Mine": "1", "Idempotency-Key": "k", "dapr-api-token": "t"}
    connection.request(method, f"{FILMS}/a%2Fb/?c=%20&dryRun=true", sent or None, headers)
    answered = connection.getresponse()
    assert answered.status == 201
    assert answered.getheader("content-type") == "text/x-film"
    assert answered.read() == (b"" if method == "HEAD" else b"\0")
    connection.close()
    (request,) = films.requests
    assert (request.method, request.body) == (method, sent)
    assert request.target == "/base/a%2Fb/?c=%20&dryRun=true"
    assert request.header("content-type") == "a/b" or not sent
    assert request.header("x-mine") == "1"
    assert request.header("idempotency-key") == "k"
    assert request.header("dapr-api-token") == "hush"
    assert request.header("host") == f"127.0.0.1:{films.port}"


def test_four_mebibytes_come_through_both_ways(dapr: Dapr, films: Receiver) -> None:
    long = b"x" * 4 * 1024 * 1024
    films.default = answer(200, (), long)
    assert dapr.ask("POST", f"{FILMS}/long", long) == (200, long)
    assert films.requests[0].body == long
    assert dapr.ask("POST", f"{FILMS}/long", long + b"x").status == 400


def test_an_app_that_gives_no_answer_is_dapr_s_error(
    running: Instance, dapr: Dapr, films: Receiver
) -> None:
    away = {"url": f"http://127.0.0.1:{free_port()}"}
    assert running.ask("PUT", "/1/dapr-apps/away", away).status == 201
    for app_id, why in (("away", "Could not connect"), ("nobody", "couldn't find service: nobody")):
        status, body = dapr.ask("GET", f"/v1.0/invoke/{app_id}/method/x")
        told = json.loads(body)
        assert (status, told["errorCode"]) == (500, "ERR_DIRECT_INVOKE")
        assert told["message"].startswith(f"failed to invoke, id: {app_id}, err: ")
        assert why in told["message"]
    assert films.requests == []


def test_only_a_sidecar_passes_requests_on(running: Instance, films: Receiver) -> None:
    service = Dapr(port=running.port, headers=(("dapr-api-token", running.key),))
    for method in ("GET", "POST"):
        status, body = service.ask(method, f"{FILMS}/x")
        assert (status, json.loads(body)["errorCode"]) == (404, "ERR_DIRECT_INVOKE")
    assert films.requests == []


def test_an_app_of_another_account_is_not_reached(running: Instance, dapr: Dapr) -> None:
    other = running.new_account("neighbour")
    with Receiver(answer(200)) as app:
        put = running.ask("PUT", "/1/dapr-apps/theirs", {"url": app.url()}, key=other)
        assert put.status == 201
        assert dapr.ask("GET", "/v1.0/invoke/theirs/method/x").status == 500
        assert app.requests == []


def test_a_page_of_another_site_invokes_nothing(dapr: Dapr, films: Receiver) -> None:
    for header in (("Host", "evil.example"), ("Sec-Fetch-Site", "cross-site")):
        page = Dapr(port=dapr.port, headers=(header,))
        assert page.ask("POST", f"{FILMS}/x").status == 403
    assert films.requests == []
