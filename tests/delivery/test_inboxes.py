"""The service's own inboxes: delivery reaches them where every private address is denied."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from app.delivery.request import Call
from app.domain.inbox_address import InboxAddress, read_origin
from app.domain.run import Reply
from app.domain.target import Network
from tests.delivery.outbound import Outbound
from tests.receiver import Receiver, answer

TOKEN = "b2" * 16
INBOX = f"/in/{TOKEN}"


def outbound_to(
    origin: str, *, deny: tuple[Network, ...] = (), connect_timeout: float = 5.0
) -> Outbound:
    """Nothing private is allowed, and all of this machine's addresses are its own."""
    return Outbound(
        allow=(),
        deny=deny,
        owned=lambda _: True,
        inboxes=InboxAddress(origin=read_origin(origin)),
        connect_timeout=connect_timeout,
    )


@pytest.fixture
def elsewhere() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def test_an_inbox_on_loopback_is_reached(receiver: Receiver) -> None:
    with outbound_to(receiver.url("")) as outbound:
        reply = outbound.send(receiver.url(f"{INBOX}/orders?a=1"), b"body")
    assert reply.status == 200
    (request,) = receiver.requests
    assert (request.target, request.body) == (f"{INBOX}/orders?a=1", b"body")


def test_an_inbox_is_reached_by_the_name_of_the_origin(receiver: Receiver) -> None:
    with outbound_to(f"http://wake.internal:{receiver.port}") as outbound:
        outbound.names.answer("wake.internal", "127.0.0.1")
        assert outbound.send(receiver.url(INBOX, host="wake.internal")).status == 200
        refused = outbound.send(receiver.url("/1/jobs", host="wake.internal"))
    assert (refused.status, refused.error) == (None, "denied-address")
    assert [each.target for each in receiver.requests] == [INBOX]


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/1/jobs",
        "/in/",
        f"/in/../in/{TOKEN}",
        f"{INBOX}/../../1/jobs",
        f"{INBOX}/%2e%2e/%2e%2e/1/jobs",
        f"{INBOX}x",
        f"//in/{TOKEN}",
    ],
)
def test_no_other_path_of_the_origin_is_reached(receiver: Receiver, target: str) -> None:
    with outbound_to(receiver.url("")) as outbound:
        # A connection to the inbox stays open, which no other call may use.
        assert outbound.send(receiver.url(INBOX)).status == 200
        reply = outbound.send(receiver.url(target))
    assert (reply.status, reply.error) == (None, "denied-address")
    assert [each.target for each in receiver.requests] == [INBOX]


def test_no_other_port_host_or_scheme_is_reached(receiver: Receiver, elsewhere: Receiver) -> None:
    with outbound_to(receiver.url("")) as outbound:
        outbound.names.answer("evil.example", "127.0.0.1")
        for url in (
            elsewhere.url(INBOX),
            receiver.url(INBOX, host="127.0.0.2"),
            receiver.url(INBOX, host="localhost"),
            receiver.url(INBOX, host="evil.example"),
            receiver.url(INBOX).replace("http:", "https:"),
        ):
            assert outbound.send(url).error == "denied-address", url
    assert receiver.requests == elsewhere.requests == []


def test_a_host_header_leads_nowhere_else(receiver: Receiver) -> None:
    with outbound_to(receiver.url("")) as outbound:
        reply = outbound.send(
            "http://127.0.0.3:1024/in/x", headers=(f"Host: 127.0.0.1:{receiver.port}",)
        )
    assert reply.error == "denied-address"
    assert receiver.requests == []


def test_no_redirect_of_an_inbox_is_followed(receiver: Receiver, elsewhere: Receiver) -> None:
    receiver.default = answer(302, headers=(("Location", elsewhere.url("/")),))
    with outbound_to(receiver.url("")) as outbound:
        assert outbound.send(receiver.url(INBOX)).status == 302
    assert elsewhere.connections == 0


def test_a_decision_on_an_inbox_is_not_one_on_its_host(receiver: Receiver) -> None:
    calls = [
        Call(url=receiver.url(target), headers=())
        for target in ("/1/jobs", INBOX, "/1/jobs", INBOX, "/metrics")
    ]
    with outbound_to(receiver.url("")) as outbound:
        replies: list[Reply] = outbound.send_all(calls)
        outbound.engine.prepare(receiver.url(INBOX))
        again = outbound.send(receiver.url("/1/jobs"))
    assert [each.status for each in replies] == [None, 200, None, 200, None]
    assert again.error == "denied-address"


def test_the_operators_deny_takes_precedence(receiver: Receiver) -> None:
    with outbound_to(receiver.url(""), deny=(ip_network("127.0.0.0/8"),)) as outbound:
        assert outbound.send(receiver.url(INBOX)).error == "denied-address"
    assert receiver.connections == 0
