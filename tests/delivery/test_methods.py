"""Methods: calls with and without content, on one handle and one connection."""

from __future__ import annotations

import pytest

from app.delivery.request import build
from app.domain.call_options import CallOptions
from tests.delivery.outbound import Outbound
from tests.delivery.test_request import SECRET, delivery
from tests.receiver import Receiver, answer

JSON = ("Content-Type: application/json",)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_what_has_nothing_to_say_announces_no_content(
    outbound: Outbound, receiver: Receiver, method: str
) -> None:
    assert outbound.send(receiver.url("/a%2fb?q=1"), method=method).status == 200
    (request,) = receiver.requests
    assert (request.method, request.target, request.body) == (method, "/a%2fb?q=1", b"")
    assert request.header("Content-Length") is None
    assert request.header("Content-Type") is None
    assert request.header("Transfer-Encoding") is None


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "POST", "PATCH"])
def test_what_has_something_to_say_says_it(
    outbound: Outbound, receiver: Receiver, method: str
) -> None:
    assert outbound.send(receiver.url(), b"{}", headers=JSON, method=method).status == 200
    (request,) = receiver.requests
    assert (request.method, request.body) == (method, b"{}")
    assert request.header("Content-Length") == "2"
    assert request.header("Content-Type") == "application/json"


def test_no_call_inherits_the_method_or_the_content_of_the_one_before(
    outbound: Outbound, receiver: Receiver
) -> None:
    calls = [
        ("POST", b"one"),
        ("GET", b""),
        ("GET", b"two"),
        ("GET", b""),
        ("POST", b""),
        ("DELETE", b""),
        ("PUT", b""),
        ("PUT", b"three"),
        ("DELETE", b"four"),
        ("DELETE", b""),
        ("HEAD", b""),
        ("POST", b"five"),
        ("HEAD", b""),
        ("GET", b""),
        ("HEAD", b""),
        ("PUT", b""),
    ]
    for method, body in calls:
        assert outbound.send(receiver.url(), body, headers=JSON, method=method).status == 200
    assert [(each.method, each.body) for each in receiver.requests] == calls
    assert {each.connection for each in receiver.requests} == {1}
    lengths = [each.header("Content-Length") for each in receiver.requests]
    assert lengths == [
        "3",
        None,
        "3",
        None,
        "0",
        None,
        "0",
        "5",
        "4",
        None,
        None,
        "4",
        None,
        None,
        None,
        "0",
    ]


def test_an_answer_to_a_get_is_read_as_any_other(outbound: Outbound, receiver: Receiver) -> None:
    receiver.default = answer(201, (("X-Note", "here"),), b"thanks")
    reply = outbound.send(receiver.url(), method="GET")
    assert (reply.status, reply.body) == (201, b"thanks")
    assert dict(reply.headers)["X-Note"] == "here"


def test_no_content_of_a_head_is_waited_for(outbound: Outbound, receiver: Receiver) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Note: here\r\n\r\n"
    receiver.default = lambda exchange: exchange.send(head)
    for _ in range(2):
        reply = outbound.send(receiver.url(), method="HEAD")
        assert (reply.status, reply.body, reply.error) == (200, b"", None)
        assert dict(reply.headers)["X-Note"] == "here"
    assert {each.connection for each in receiver.requests} == {1}


@pytest.mark.parametrize(
    ("method", "data"), [("HEAD", None), ("GET", None), ("DELETE", None), ("GET", b"?")]
)
def test_a_task_arrives_as_it_was_built(
    outbound: Outbound, receiver: Receiver, method: str, data: bytes | None
) -> None:
    options = CallOptions(method=method, headers=(("X-Own", "1"),))
    plain = delivery(url=receiver.url(), content_type="a/b", data=data, call_options=options)
    call = build(plain, [SECRET], 1000)
    assert outbound.send_all([call])[0].status == 200
    (request,) = receiver.requests
    assert (request.method, request.body) == (method, data or b"")
    assert request.header("Content-Type") == ("a/b" if data else None)
    assert request.header("X-Own") == "1"
    assert request.header("webhook-signature")


def test_an_app_receives_its_configured_token() -> None:
    known = build(delivery()._replace(app_token="s3cret"), [SECRET], 1000).headers
    assert set(known) - set(build(delivery(), [SECRET], 1000).headers) == {"dapr-api-token: s3cret"}
