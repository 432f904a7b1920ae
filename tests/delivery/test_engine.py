"""The engine against receivers that behave, and against every kind that does not."""

from __future__ import annotations

import sys
from functools import partial

import pytest

from app.delivery.request import USER_AGENT, Call
from app.domain.completion import within
from app.domain.run import Reply
from tests.delivery.outbound import Outbound
from tests.receiver import (
    Exchange,
    Receiver,
    after,
    answer,
    hang,
    redirect,
    say,
)


def call_to(url: str, timeout: float = 10.0) -> Call:
    return Call(url=url, headers=(), timeout=timeout)


def test_a_call_arrives_byte_for_byte_and_the_answer_comes_back(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = answer(201, (("X-Note", "caf\xe9"), ("Retry-After", "7")), b"thanks")
    body = bytes(range(256))
    path = "/a/../b//%2e/%7euser?q=a+b%20c&x=|{}<>%3d"
    reply = outbound.send(receiver.url(path + "#part"), body, headers=("X-A: 1", "X-B: 2; q=0.5"))
    (request,) = receiver.requests
    assert (request.method, request.target, request.body) == ("POST", path, body)
    assert (request.header("X-A"), request.header("X-B")) == ("1", "2; q=0.5")
    assert (reply.status, reply.error, reply.body) == (201, None, b"thanks")
    assert dict(reply.headers)["X-Note"] == "caf\xe9"
    assert dict(reply.headers)["Retry-After"] == "7"


def test_an_empty_body_is_announced_as_such(outbound: Outbound, receiver: Receiver) -> None:
    assert outbound.send(receiver.url()).status == 200
    assert receiver.requests[0].header("Content-Length") == "0"


def test_every_call_has_its_own_method_on_one_handle(
    outbound: Outbound, receiver: Receiver
) -> None:
    methods = ["PUT", "POST", "PATCH", "PATCH", "POST"]
    for method in methods:
        assert outbound.send(receiver.url(), b"body", method=method).status == 200
    assert [each.method for each in receiver.requests] == methods
    assert {each.body for each in receiver.requests} == {b"body"}
    assert {each.connection for each in receiver.requests} == {1}


def test_an_empty_body_is_put_as_such(outbound: Outbound, receiver: Receiver) -> None:
    assert outbound.send(receiver.url(), method="PUT").status == 200
    assert receiver.requests[0].header("Content-Length") == "0"


def test_every_call_has_its_own_timeout_on_one_handle(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.behaviours["/hang"] = hang
    assert outbound.send(receiver.url(), timeout=10.0).status == 200
    reply = outbound.send(receiver.url("/hang"), timeout=1.0)
    assert reply.error == "timeout"
    assert 1000 <= reply.timing.total < 8000
    receiver.behaviours["/slow"] = after(1.5, answer(200))
    assert outbound.send(receiver.url("/slow"), timeout=10.0).status == 200


def test_a_body_of_two_mebibytes_is_sent_without_asking_first(
    outbound: Outbound, receiver: Receiver
) -> None:
    body = b"x" * (2 * 1024 * 1024)
    assert outbound.send(receiver.url(), body).status == 200
    assert receiver.requests[0].body == body
    assert receiver.requests[0].header("Expect") is None


def test_a_long_body_is_sent_as_it_is_and_let_go_of_once_it_was_sent(
    outbound: Outbound, receiver: Receiver
) -> None:
    body = b"x" * 5_000_000
    before = sys.getrefcount(body)
    under_way: list[int] = []

    def look(exchange: Exchange) -> None:
        under_way.append(sys.getrefcount(body))
        answer(204)(exchange)

    receiver.default = look
    assert outbound.send(receiver.url(), body).status == 204

    assert under_way[0] > before
    assert sys.getrefcount(body) == before


def test_timing_has_the_milestones_in_milliseconds_and_in_order(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    receiver.default = after(0.05, answer(200))
    timing = outbound.send(receiver.url(host="hook.example")).timing
    assert timing.dns is not None
    assert timing.connect is not None
    assert timing.first_byte is not None
    assert 0 < timing.dns <= timing.connect < timing.first_byte <= timing.total < 10_000
    assert timing.first_byte >= 50
    assert timing.tls is None


@pytest.mark.parametrize("status", [200, 204, 299, 304, 400, 404, 410, 429, 500, 503, 599])
def test_any_final_status_is_a_complete_answer(
    outbound: Outbound, receiver: Receiver, status: int
) -> None:
    receiver.default = answer(status) if status != 304 else say(b"HTTP/1.1 304 Same\r\n\r\n")
    reply = outbound.send(receiver.url())
    assert (reply.status, reply.error) == (status, None)


def test_a_redirect_is_an_answer_and_is_not_followed(
    outbound: Outbound, receiver: Receiver
) -> None:
    for path, status in (("/301", 301), ("/302", 302), ("/307", 307), ("/308", 308)):
        receiver.behaviours[path] = redirect(receiver.url("/elsewhere"), status)
        assert outbound.send(receiver.url(path)).status == status
    assert [request.target for request in receiver.requests] == ["/301", "/302", "/307", "/308"]


def test_interim_answers_are_not_mistaken_for_the_answer(
    outbound: Outbound, receiver: Receiver
) -> None:
    early = b"HTTP/1.1 103 Early\r\nX-Early: yes\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nX-Final: yes\r\nContent-Length: 0\r\n\r\n"
    receiver.default = say(b"HTTP/1.1 100 Continue\r\n\r\n" + early + final)
    reply = outbound.send(receiver.url())
    assert reply.status == 200
    assert reply.headers == (("X-Final", "yes"), ("Content-Length", "0"))


def test_what_a_receiver_asks_for_counts_behind_however_many_other_headers(
    outbound: Outbound, receiver: Receiver
) -> None:
    policy = b"Content-Security-Policy: " + b"a" * 9000 + b"\r\n"
    asked = b"retry-after: 7\r\nWakecall-Complete: later; within=60\r\nX-Last: no\r\n"
    head = b"HTTP/1.1 202 Accepted\r\nX-First: yes\r\n"
    receiver.default = say(head + policy + asked + b"Content-Length: 0\r\n\r\n")
    reply = outbound.send(receiver.url())
    assert reply.headers == (
        ("X-First", "yes"),
        ("retry-after", "7"),
        ("Wakecall-Complete", "later; within=60"),
    )
    assert within(reply) == 60


def test_one_hanging_of_200_delays_nobody(outbound: Outbound, receiver: Receiver) -> None:
    receiver.behaviours["/hang"] = hang
    replies: dict[str, Reply] = {}
    paths = ["/hang", *(f"/{number}" for number in range(199))]
    for path in paths:
        outbound.engine.post(call_to(receiver.url(path)), partial(replies.__setitem__, path))
    outbound.run(lambda: len(replies) == 199)
    assert "/hang" not in replies
    assert outbound.engine.in_flight == 1
    assert {reply.status for reply in replies.values()} == {200}


def test_2000_calls_at_once_are_all_answered(outbound: Outbound, receiver: Receiver) -> None:
    # Four at a time: the receiver has a thread for each connection.
    left = 2000
    statuses: list[int | None] = []

    def go() -> None:
        nonlocal left
        if left:
            left -= 1
            outbound.engine.post(call_to(receiver.url("/x")), done)

    def done(reply: Reply) -> None:
        statuses.append(reply.status)
        go()

    for _ in range(4):
        go()
    outbound.run(lambda: len(statuses) == 2000)
    assert set(statuses) == {200}
    assert receiver.connections <= 4
    assert outbound.engine.in_flight == 0


def test_done_is_never_called_within_post(outbound: Outbound, receiver: Receiver) -> None:
    outbound.send(receiver.url())
    for url in (receiver.url(), "http://10.0.0.1/", "nonsense", "http://[::1"):
        replies: list[Reply] = []
        outbound.engine.post(call_to(url), replies.append)
        assert replies == []
        outbound.run(partial(bool, replies))


def test_what_done_raises_stops_neither_loop_nor_engine(
    outbound: Outbound, receiver: Receiver
) -> None:
    def fail(_reply: Reply) -> None:
        raise RuntimeError("done has failed")

    for _ in range(3):
        outbound.engine.post(call_to(receiver.url()), fail)
    assert outbound.send(receiver.url()).status == 200
    outbound.run(lambda: outbound.engine.in_flight == 0)


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        ("ftp://hook.example/", ()),
        ("http://user@hook.example/", ()),
        ("http://127.1/", ()),
        ("http://127.0.0.1/", ("X: a\r\nX-Injected: b",)),
        ("http://127.0.0.1/", ("X: caf\xe9",)),
    ],
)
def test_what_cannot_be_sent_is_an_error_and_not_an_exception(
    outbound: Outbound, url: str, headers: tuple[str, ...]
) -> None:
    calls = [Call(url, headers), Call(url, ("X-A: 1",), own=headers)]
    for reply in outbound.send_all(calls):
        assert (reply.status, reply.error) == (None, "invalid-request")
        assert reply.error_detail


def test_a_line_of_the_clients_own_stands_for_that_of_libcurl(
    outbound: Outbound, receiver: Receiver
) -> None:
    headers = ("Content-Type: a/b", "X-A: 1", "X-B: 2")
    call = Call(receiver.url(), headers, b"x", own=("Accept: c/d", "X-C: 3"))
    assert outbound.send_all([call])[0].status == 200
    (request,) = receiver.requests
    assert request.headers[1:] == (
        ("User-Agent", USER_AGENT),
        ("Accept-Encoding", "identity"),
        ("Content-Type", "a/b"),
        ("X-A", "1"),
        ("X-B", "2"),
        ("Accept", "c/d"),
        ("X-C", "3"),
        ("Content-Length", "1"),
    )


def test_closing_from_within_done_is_survived(receiver: Receiver) -> None:
    replies: list[Reply] = []
    with Outbound() as outbound:
        outbound.send(receiver.url())

        def close(reply: Reply) -> None:
            replies.append(reply)
            outbound.engine.close()

        for _ in range(8):
            outbound.engine.post(call_to(receiver.url()), close)
        outbound.run(lambda: len(replies) == 8)
        outbound.loop.step(0)
    assert replies[0].status == 200
    assert outbound.engine.in_flight == 0


def test_close_answers_what_is_under_way_and_frees_all(receiver: Receiver) -> None:
    receiver.behaviours["/hang"] = hang
    replies: list[Reply] = []
    with Outbound() as outbound:
        outbound.send(receiver.url())
        outbound.engine.post(call_to(receiver.url("/hang")), replies.append)
        outbound.engine.post(call_to("http://never.example/"), replies.append)
        outbound.run(lambda: len(receiver.requests) == 2)
        outbound.engine.close()
        assert [reply.error for reply in replies] == ["aborted", "aborted"]
        assert outbound.engine.in_flight == 0
        assert outbound.names.closed
        with pytest.raises(RuntimeError):
            outbound.engine.post(call_to(receiver.url()), replies.append)
        outbound.engine.close()
