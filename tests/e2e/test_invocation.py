"""Service invocation: a sidecar passes requests on to the apps of its account."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator

import grpc
import pytest
from google.protobuf.any_pb2 import Any

from app.protos.dapr_common_pb2 import HTTPExtension, InvokeRequest, InvokeResponse
from app.protos.dapr_runtime_pb2 import InvokeServiceRequest
from tests.delivery.grpc_app import GrpcApp, end
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
        error = json.loads(body)
        assert (status, error["errorCode"]) == (500, "ERR_DIRECT_INVOKE")
        assert error["message"].startswith(f"failed to invoke, id: {app_id}, err: ")
        assert why in error["message"]
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


ON_INVOKE = "/dapr.proto.runtime.v1.AppCallback/OnInvoke"


def invoke(dapr: Dapr, app_id: str, verb: int, query: str = "") -> InvokeResponse:
    """Invoke an app over gRPC; raises grpc.RpcError."""
    asked = InvokeServiceRequest(
        id=app_id,
        message=InvokeRequest(
            method="a/b",
            data=Any(value=b"\xff"),
            content_type="a/b",
            http_extension=HTTPExtension(verb=verb, querystring=query),  # type: ignore[arg-type] # any number
        ),
    )
    with grpc.insecure_channel(f"127.0.0.1:{dapr.grpc_port}") as channel:
        call = channel.unary_unary(
            "/dapr.proto.runtime.v1.Dapr/InvokeService",
            request_serializer=InvokeServiceRequest.SerializeToString,
            response_deserializer=InvokeResponse.FromString,
        )
        found: InvokeResponse = call(asked, timeout=PATIENCE, metadata=(("x-mine", "1"),))
        return found


def refusal(dapr: Dapr, app_id: str, verb: int = HTTPExtension.POST) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as raised:
        invoke(dapr, app_id, verb)
    return raised.value.code().name, raised.value.details() or ""


def test_an_rpc_becomes_a_request_for_an_app_that_speaks_http(dapr: Dapr, films: Receiver) -> None:
    films.default = answer(200, (("Content-Type", "text/x-film"),), b"\0")
    answered = invoke(dapr, "films", HTTPExtension.PUT, "c=d")
    assert (answered.data.value, answered.content_type) == (b"\0", "text/x-film")
    assert invoke(dapr, "films", HTTPExtension.NONE).data.value == b"\0"
    put, post = films.requests
    assert (put.method, put.target, put.body) == ("PUT", "/base/a/b?c=d", b"\xff")
    assert (post.method, post.target) == ("POST", "/base/a/b")
    assert (put.header("content-type"), put.header("x-mine")) == ("a/b", "1")
    assert put.header("dapr-api-token") == "hush"
    for status, code in ((404, "NOT_FOUND"), (500, "UNKNOWN"), (503, "UNAVAILABLE")):
        films.default = answer(status, (), b"sorry")
        assert refusal(dapr, "films") == (code, "sorry")


def test_what_cannot_be_invoked_over_grpc_says_why(dapr: Dapr, films: Receiver) -> None:
    code, message = refusal(dapr, "nobody")
    assert code == "INTERNAL"
    assert message == "failed to invoke, id: nobody, err: couldn't find service: nobody"
    for verb in (HTTPExtension.CONNECT, HTTPExtension.TRACE, 77):
        assert refusal(dapr, "films", verb)[0] == "INVALID_ARGUMENT"
    assert films.requests == []


def test_an_app_that_speaks_grpc_is_invoked_over_both(running: Instance, dapr: Dapr) -> None:
    answered = InvokeResponse(data=Any(value=b"\0yes"), content_type="c/d").SerializeToString()
    with GrpcApp({ON_INVOKE: lambda _message, _context: answered}) as app:
        document = {"url": app.url, "protocol": "grpc", "token": "hush"}
        assert running.ask("PUT", "/1/dapr-apps/talker", document).status == 201
        assert invoke(dapr, "talker", HTTPExtension.GET, "c=d").data.value == b"\0yes"
        assert dapr.ask("GET", "/v1.0/invoke/talker/method/a/b?c=d") == (200, b"\0yes")
        first, second = app.calls
        sent = InvokeRequest.FromString(first.message)
        assert (sent.method, sent.data.value, sent.content_type) == ("a/b", b"\xff", "a/b")
        assert sent.http_extension == HTTPExtension(verb=HTTPExtension.GET, querystring="c=d")
        assert InvokeRequest.FromString(second.message).http_extension == sent.http_extension
        for name, value in (
            ("dapr-caller-app-id", "caller"),
            ("dapr-callee-app-id", "talker"),
            ("dapr-caller-namespace", "default"),
            ("dapr-api-token", "hush"),
        ):
            assert (first.metadata[name], second.metadata[name]) == (value, value)
        assert first.metadata["x-mine"] == "1"
        app.handlers[ON_INVOKE] = end(grpc.StatusCode.ABORTED, "not now")
        assert refusal(dapr, "talker") == ("ABORTED", "not now")
        status, body = dapr.ask("POST", "/v1.0/invoke/talker/method/x")
        assert (status, json.loads(body)["errorCode"]) == (500, "ERR_DIRECT_INVOKE")
    assert refusal(dapr, "talker")[0] == "INTERNAL"
