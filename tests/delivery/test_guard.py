"""The guard: what is judged is what is connected to, and nothing else is."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

import pytest

from app.delivery.guard import Pin, is_own
from app.delivery.request import Call
from app.delivery.transfer import Transfer
from app.domain.run import Reply
from app.domain.target import Address
from tests.delivery.outbound import Outbound
from tests.receiver import Receiver, answer, hang

METADATA = "169.254.169.254"


def test_a_name_is_called_at_the_judged_address_under_its_own_name(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    assert outbound.send(receiver.url("/x", host="Hook.Example")).status == 200
    (request,) = receiver.requests
    assert request.header("Host") == f"Hook.Example:{receiver.port}"
    assert outbound.names.asked == ["hook.example"]


@pytest.mark.parametrize(
    "answers",
    [
        (METADATA,),
        ("127.0.0.1", METADATA),
        (METADATA, "127.0.0.1"),
        ("127.0.0.1", "10.0.0.1"),
        ("::ffff:127.0.0.1",),
        ("127.0.0.1", "64:ff9b::7f00:1"),
        ("127.0.0.1", "2002:7f00:1::1"),
        ("127.0.0.1", "fe80::1"),
        ("127.0.0.2",),
    ],
)
def test_one_denied_answer_refuses_the_host(
    outbound: Outbound, receiver: Receiver, answers: tuple[str, ...]
) -> None:
    outbound.names.answer("hook.example", *answers)
    reply = outbound.send(receiver.url(host="hook.example"))
    assert (reply.status, reply.error) == (None, "denied-address")
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        f"http://{METADATA}/latest",
        "http://10.1.2.3:80/",
        "http://[::ffff:127.0.0.1]/",
        "http://[fd00::1]/",
        "https://printer.local/",
        "https://db.internal/",
    ],
)
def test_denied_literals_and_names_are_refused_at_delivery_too(
    outbound: Outbound, url: str
) -> None:
    assert outbound.send(url).error == "denied-address"
    assert outbound.names.asked == []


def test_without_leave_loopback_and_localhost_are_denied(receiver: Receiver) -> None:
    with Outbound(allow=()) as outbound:
        for host in ("127.0.0.1", "[::1]", "localhost", "LOCALHOST.", "any.localhost"):
            assert outbound.send(receiver.url(host=host)).error == "denied-address"
        assert outbound.names.asked == []
    assert receiver.connections == 0


def loopbacks() -> tuple[str, ...]:
    """Where a receiver can listen on this machine; containers often lack IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return ("127.0.0.1", "::1")
    except OSError:
        return ("127.0.0.1",)


@pytest.mark.parametrize("address", loopbacks())
def test_localhost_is_loopback_without_a_lookup(outbound: Outbound, address: str) -> None:
    outbound.names.answer("localhost", METADATA)
    literal = f"[{address}]" if ":" in address else address
    with Receiver(host=address) as receiver:
        assert outbound.send(receiver.url(host="localhost")).status == 200
        assert outbound.send(receiver.url(host=literal)).status == 200
    assert outbound.names.asked == []


def test_only_the_allowed_side_of_localhost_is_called() -> None:
    with Outbound(allow=(ip_network("127.0.0.0/8"),)) as outbound:
        with Receiver() as receiver:
            assert outbound.send(receiver.url(host="localhost")).status == 200
        assert outbound.send(receiver.url(host="[::1]")).error == "denied-address"


def test_rebinding_does_not_move_a_judged_host(outbound: Outbound, receiver: Receiver) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    url = receiver.url(host="hook.example")
    assert outbound.send(url).status == 200
    outbound.names.answer("hook.example", METADATA)
    assert outbound.send(url).status == 200
    assert outbound.names.asked == ["hook.example"]


def test_a_rebound_name_is_judged_again_and_its_kept_connection_not_used(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1", lifetime=0)
    url = receiver.url(host="hook.example")
    assert outbound.send(url).status == 200
    outbound.names.answer("hook.example", METADATA, lifetime=0)
    assert outbound.send(url).error == "denied-address"
    outbound.names.answer("hook.example", "::1", lifetime=0)
    assert outbound.send(url).error == "connect-failed"
    assert len(receiver.requests) == 1


def test_the_next_judged_address_is_tried_where_one_does_not_answer(
    outbound: Outbound, receiver: Receiver
) -> None:
    outbound.names.answer("hook.example", "::1", "127.0.0.1")
    reply = outbound.send(receiver.url(host="hook.example"))
    assert (reply.status, reply.error) == (200, None)
    assert reply.timing.connect is not None


def test_no_other_address_is_tried_once_something_was_sent(
    outbound: Outbound, receiver: Receiver
) -> None:
    receiver.default = hang
    outbound.names.answer("hook.example", "127.0.0.1", "::1")
    reply = outbound.send(receiver.url(host="hook.example"), timeout=0.4)
    assert reply.error == "timeout"
    assert len(receiver.requests) == 1


def test_the_socket_is_vetoed_when_its_address_no_longer_passes(
    outbound: Outbound, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    outbound.engine.prepare(receiver.url(host="hook.example"))
    outbound.run(lambda: outbound.guard.known("hook.example") is not None)
    monkeypatch.setattr(
        outbound.guard, "denial", lambda address, **_: f"{address} was denied late."
    )
    reply = outbound.send(receiver.url(host="hook.example"))
    assert reply.error == "denied-address"
    assert reply.log_detail == "127.0.0.1 was denied late."
    assert reply.error_detail == "The host leads to an address that callbacks may not reach."
    assert receiver.connections == 0


def test_the_socket_is_vetoed_when_libcurl_goes_elsewhere(
    outbound: Outbound, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Transfer.load

    def astray(transfer: Transfer, _pin: Pin, *, within: float, connect_within: float) -> None:
        pin = Pin(address="192.0.2.1", connect_to=("::127.0.0.1:",))
        load(transfer, pin, within=within, connect_within=connect_within)

    monkeypatch.setattr(Transfer, "load", astray)
    reply = outbound.send(receiver.url())
    assert reply.error == "denied-address"
    assert receiver.connections == 0


def test_proxies_of_the_environment_are_ignored(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Receiver(answer(502)) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        with Outbound() as outbound:
            outbound.names.answer("hook.example", "127.0.0.1")
            assert outbound.send(receiver.url(host="hook.example")).status == 200
            assert outbound.send(receiver.url()).status == 200
    assert proxy.connections == 0


def test_neither_netrc_nor_cookies_are_used(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("HOME", str(home))
    receiver.default = answer(200, (("Set-Cookie", "a=b"), ("WWW-Authenticate", "Basic")))
    with Outbound() as outbound:
        for _ in range(2):
            outbound.send(receiver.url())
    for request in receiver.requests:
        assert request.header("Authorization") is None
        assert request.header("Cookie") is None


def test_the_machines_own_addresses_are_denied_unless_allowed(receiver: Receiver) -> None:
    own: list[Address] = []

    def owned(address: Address) -> bool:
        own.append(address)
        return True

    with Outbound(allow=(), owned=owned) as outbound:
        assert outbound.send("http://8.8.8.8/").error == "denied-address"
        outbound.names.answer("self.example", "8.8.4.4")
        assert outbound.send("http://self.example/").error == "denied-address"
    assert own == [ip_address("8.8.8.8"), ip_address("8.8.4.4")]
    with Outbound(allow=(), owned=lambda address: str(address) == "8.8.8.8") as outbound:
        outbound.names.answer("nat64.example", "64:ff9b::8.8.8.8")
        assert outbound.send("http://nat64.example/").error == "denied-address"
    with Outbound(owned=lambda _: True) as outbound:
        assert outbound.send(receiver.url()).status == 200


def test_the_machine_knows_its_own_addresses() -> None:
    assert is_own(ip_address("127.0.0.1"))
    assert not is_own(ip_address("8.8.8.8"))
    assert not is_own(ip_address("2001:4860:4860::8888"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("8.8.8.8", 9))
        except OSError:
            return
        assert is_own(ip_address(probe.getsockname()[0]))


def test_a_failed_lookup_is_reported_and_kept_for_a_while(outbound: Outbound) -> None:
    outbound.names.fail("none.example", "The name none.example was not resolved: no such name.")
    for _ in range(2):
        reply = outbound.send("http://none.example/")
        assert reply.error == "dns-failure"
        assert reply.error_detail == "The name none.example was not resolved: no such name."
    assert outbound.names.asked == ["none.example"]


def test_a_name_that_is_not_answered_holds_up_nobody_else(
    outbound: Outbound, receiver: Receiver
) -> None:
    replies: list[Reply] = []
    silent = Call(url="http://silent.example/", headers=(), timeout=0.6)
    for _ in range(3):
        outbound.engine.post(silent, replies.append)
    outbound.names.answer("hook.example", "127.0.0.1")
    for _ in range(20):
        assert outbound.send(receiver.url(host="hook.example")).status == 200
    assert replies == []
    outbound.run(lambda: len(replies) == 3)
    assert [reply.error for reply in replies] == ["timeout"] * 3
    assert outbound.names.asked == ["silent.example", "hook.example"]
    assert 600 <= replies[0].timing.total < 5000


def test_many_calls_to_one_new_name_ask_once(outbound: Outbound, receiver: Receiver) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")
    call = Call(url=receiver.url(host="hook.example"), headers=())
    assert {reply.status for reply in outbound.send_all([call] * 30)} == {200}
    assert outbound.names.asked == ["hook.example"]
