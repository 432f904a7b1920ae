"""Errors of calls: what a tenant sees has no internal address in it, and what is logged has it."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_network
from itertools import count

import pytest

from app.delivery import engine, outcome
from app.domain import completion, retry
from app.domain.ports import DENIED_PORTS
from app.domain.run import Reply
from tests.delivery.outbound import LOOPBACK, Outbound
from tests.ports import free_port
from tests.receiver import Receiver
from tests.worst import SIZE, is_fast, repeated

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NEUTRAL = "hook.example leads to an address that callbacks may not reach."


@pytest.mark.parametrize("address", ["10.1.2.3", "169.254.169.254", "fd00::1", "::ffff:a01:203"])
def test_a_tenant_learns_only_that_a_name_resolves_to_a_denied_address(
    outbound: Outbound, address: str
) -> None:
    outbound.names.answer("hook.example", "8.8.8.8", address)

    reply = outbound.send("http://hook.example/")

    assert (reply.error, reply.error_detail) == ("denied-address", NEUTRAL)
    assert reply.log_detail is not None
    assert address in reply.log_detail


def test_a_tenant_does_not_learn_that_an_address_is_this_machine_s_own() -> None:
    with Outbound(allow=(), owned=lambda _: True) as outbound:
        outbound.names.answer("hook.example", "8.8.8.8")

        named, literal = outbound.send("http://hook.example/"), outbound.send("http://8.8.8.8/")

    assert (named.error, named.error_detail) == ("denied-address", NEUTRAL)
    assert literal.error == "denied-address"
    for reply in (named, literal):
        assert "own" not in (reply.error_detail or "")
        assert reply.log_detail is not None
        assert "this machine's own address" in reply.log_detail


def test_the_message_of_libcurl_with_the_address_is_logged_only(
    outbound: Outbound,
) -> None:
    outbound.names.answer("hook.example", "127.0.0.1")

    reply = outbound.send(f"http://hook.example:{free_port()}/")

    assert (reply.error, reply.connected) == ("connect-failed", False)
    assert reply.error_detail == "Could not connect to server."
    assert "127.0.0.1" not in (retry.describe_reply(reply))
    assert reply.log_detail is not None
    assert "127.0.0.1" in reply.log_detail


@pytest.mark.parametrize("port", sorted(DENIED_PORTS - {0}))
def test_a_denied_port_is_never_called(outbound: Outbound, port: int) -> None:
    reply = outbound.send(f"http://127.0.0.1:{port}/")

    assert reply.error == "denied-address"
    assert f"Port {port}" in (reply.error_detail or "")
    assert outbound.send(f"http://hook.example:{port}/").error == "denied-address"
    assert outbound.names.asked == []


def test_the_operators_networks_are_denied_though_allowed(receiver: Receiver) -> None:
    with Outbound(allow=LOOPBACK, deny=(ip_network("127.0.0.0/8"),)) as outbound:
        outbound.names.answer("hook.example", "127.0.0.1")
        for host in ("127.0.0.1", "hook.example"):
            reply = outbound.send(receiver.url(host=host))
            assert reply.error == "denied-address"
            assert "127.0.0.0/8" not in (reply.error_detail or "")
    assert receiver.connections == 0


def test_a_name_of_one_label_is_denied_without_being_asked_for() -> None:
    with Outbound(allow=()) as outbound:
        for host in ("postgres", "postgres."):
            assert outbound.send(f"http://{host}:5432/").error == "denied-address"
        assert outbound.names.asked == []


def test_of_a_name_with_very_many_addresses_some_are_looked_at() -> None:
    asked = count()
    with Outbound(allow=(), owned=lambda _: next(asked) < 0) as outbound:
        many = [f"8.{part >> 8}.{part & 255}.8" for part in range(2300)]
        outbound.names.answer("hook.example", *many)
        outbound.engine.prepare("http://hook.example/")
        outbound.run(lambda: outbound.guard.known("hook.example") is not None)

    assert next(asked) <= 64


# Texts of receivers, as long as history keeps them and longer.


@pytest.mark.parametrize("unit", ["9", "Sat, ", "1 Jan 2030 00:00:00 ", " ", "-", ":", "(", "+9"])
def test_a_retry_after_is_read_fast(unit: str) -> None:
    text = repeated(unit)(SIZE)

    assert is_fast(_asked, text)


@pytest.mark.parametrize("unit", ["; ", "within=9;", "=", " "])
def test_a_completion_header_is_read_fast(unit: str) -> None:
    text = repeated(unit, "later;")(SIZE)

    assert is_fast(lambda text: completion.within(_answer(202, completion.HEADER, text)), text)


@pytest.mark.parametrize("line", [b"a: b\r\n", b"HTTP/1.1 100 C\r\n", b"\r\n", b"a" * 700])
def test_header_lines_are_read_fast(line: bytes) -> None:
    lines = [line] * (SIZE // len(line))

    assert is_fast(outcome._headers, lines)


def _answer(status: int, name: str, value: str) -> Reply:
    return Reply(status=status, headers=((name, value),))


def _asked(text: str) -> object:
    return retry.retry_after(_answer(503, "Retry-After", text), NOW)


def test_headers_to_be_sent_are_looked_at_fast() -> None:
    assert is_fast(engine._VISIBLE.fullmatch, repeated("a ", after="\n")(SIZE))
