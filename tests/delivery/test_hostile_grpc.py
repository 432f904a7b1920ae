"""Apps of every hostile kind that are called over gRPC: each costs its own call an error."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from ipaddress import ip_network
from pathlib import Path

import pytest

from app.domain.run import Reply
from tests.delivery.certificate_authority import CertificateAuthority
from tests.delivery.grpc_app import STABLE, GrpcApp
from tests.delivery.h2_frames import OK_HEADERS, SETTINGS, h2_frame, literal
from tests.delivery.outbound import Outbound
from tests.delivery.scripted_app import Ending, Scripted
from tests.delivery.test_grpc import call, rpc
from tests.receiver import Receiver

CLOSE, RESET = Ending.CLOSE, Ending.RESET
EARLY_HINTS = h2_frame(1, 4, 1, b"\x08\x03103")
OK_TRAILERS = h2_frame(1, 5, 1, literal(b"grpc-status", b"0"))
NO_WINDOW = h2_frame(4, 0, 0, b"\0\4\0\0\0\0")
# One field of 4,000 bytes enters the table of HPACK; each further byte repeats it.
HPACK_BOMB = (
    h2_frame(1, 4, 1, b"\x88\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 12_000),
    h2_frame(9, 4, 1, b"\xbe" * 16_000),
)
LOST = {"connection-lost", "bad-response"}
"""Which of the two depends on whether the end of the connection or a write comes first."""

HOSTILE: dict[str, tuple[Callable[[], Scripted], set[str]]] = {
    "closes without an answer": (lambda: Scripted(start=b"", ending=CLOSE), LOST),
    "resets without an answer": (lambda: Scripted(start=b"", ending=RESET), LOST),
    "closes after its settings": (lambda: Scripted(ending=CLOSE), LOST),
    "resets in the headers": (lambda: Scripted(OK_HEADERS[:12], ending=RESET), LOST),
    "closes in the middle of a message": (
        lambda: Scripted(OK_HEADERS, h2_frame(0, 0, 1, b"\0\0\0\0\x09a"), ending=CLOSE),
        LOST,
    ),
    "speaks HTTP/1.1": (
        lambda: Scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", start=b"", ending=CLOSE),
        LOST,
    ),
    "sends garbage": (lambda: Scripted(b"\xff\x00\xfe" * 100, start=b"", ending=CLOSE), LOST),
    "sends a frame that is too long": (
        lambda: Scripted(b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", flood=b"x" * 16_384),
        LOST,
    ),
    "sends data before its headers": (lambda: Scripted(h2_frame(0, 1, 1, b"x")), LOST),
    "sends headers that HPACK does not have": (
        lambda: Scripted(h2_frame(1, 5, 1, b"\xff\xff\xff\xff\x0f")),
        LOST,
    ),
    "sends headers that repeat one long field": (
        lambda: Scripted(*HPACK_BOMB),
        {"too-many-headers", *LOST},
    ),
    "sends headers without end": (
        lambda: Scripted(
            h2_frame(1, 0, 1, b"\x88"), flood=h2_frame(9, 0, 1, literal(b"a", b"b" * 100) * 100)
        ),
        {"too-many-headers", *LOST},
    ),
    "drips headers": (
        lambda: Scripted(
            h2_frame(1, 0, 1, b"\x88"), flood=h2_frame(9, 0, 1, literal(b"a", b"b")), every=0.02
        ),
        LOST,
    ),
    "announces answers for ever": (
        lambda: Scripted(flood=EARLY_HINTS),
        {"too-many-headers", *LOST},
    ),
    "overflows the window": (
        lambda: Scripted(OK_HEADERS, h2_frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2),
        LOST,
    ),
    "goes away with an error": (
        lambda: Scripted(h2_frame(7, 0, 0, b"\0\0\0\0\0\0\0\x0b"), ending=CLOSE),
        LOST,
    ),
    "changes its settings for ever": (lambda: Scripted(flood=SETTINGS * 1000), LOST),
    "sends frames of an unknown type for ever": (
        lambda: Scripted(OK_HEADERS, flood=h2_frame(0xFA, 0, 1) * 1000),
        LOST,
    ),
    "sends empty data for ever": (
        lambda: Scripted(OK_HEADERS, flood=h2_frame(0, 0, 1) * 1000),
        LOST,
    ),
    "redirects": (
        lambda: Scripted(h2_frame(1, 5, 1, b"\x08\x03302" + literal(b"location", b"/"))),
        {"grpc-unknown"},
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_app_costs_its_own_call_an_error_before_the_deadline(
    outbound: Outbound, kind: str
) -> None:
    make, errors = HOSTILE[kind]
    with make() as server:
        reply = call(outbound, server.url, timeout=25.0)

    assert reply.status is None
    assert reply.error in errors
    assert reply.error_detail
    assert reply.timing.total < 20_000


def test_a_stream_that_is_refused_each_time_is_not_sent_again_without_end(
    outbound: Outbound,
) -> None:
    with Scripted(h2_frame(3, 0, 1, b"\0\0\0\7")) as server:
        reply = call(outbound, server.url)

        assert reply.error in LOST | {"timeout"}
        assert server.connections <= 6


SLOW: dict[str, Callable[[], Scripted]] = {
    "hangs": Scripted,
    "hangs without its settings": lambda: Scripted(start=b""),
    "drips a message": lambda: Scripted(OK_HEADERS, flood=h2_frame(0, 0, 1, b"x"), every=0.02),
    "drips a frame": lambda: Scripted(
        b"\0\x20\0\1\4\0\0\0\1" + b"\x88\0\1a\x7f\x80\x3e", flood=b"b", every=0.02
    ),
    "drips pings": lambda: Scripted(flood=h2_frame(6, 0, 0, b"12345678"), every=0.02),
    "drips answers that are not final": lambda: Scripted(flood=EARLY_HINTS, every=0.1),
    "pushes unasked": lambda: Scripted(h2_frame(5, 4, 1, b"\0\0\0\2\x88")),
    "never opens its window": lambda: Scripted(start=NO_WINDOW),
}


@pytest.mark.parametrize("kind", SLOW)
def test_the_deadline_holds_for_the_whole_call(outbound: Outbound, kind: str) -> None:
    began = time.monotonic()
    with SLOW[kind]() as server:
        reply = call(outbound, server.url, timeout=0.5)

    assert (reply.status, reply.error) == (None, "timeout")
    assert 0.5 <= time.monotonic() - began < 5


def test_an_answer_before_the_request_was_read_counts(outbound: Outbound) -> None:
    # The window has room for 64 KiB, and is never opened further: the app ends the stream, as
    # gRPC's servers do (RFC 9113, 8.1).
    reset = h2_frame(3, 0, 1, b"\0\0\0\0")
    with Scripted(OK_HEADERS, h2_frame(0, 0, 1, b"\0\0\0\0\0"), OK_TRAILERS, reset) as server:
        reply = call(outbound, server.url, b"x" * 1_000_000, timeout=5.0)

    assert (reply.status, reply.error) == (200, None)


def test_a_compressed_message_is_kept_as_it_came_and_never_inflated(outbound: Outbound) -> None:
    bomb = bytes.fromhex("1f8b0800") + b"\0" * 5000
    message = b"\1" + len(bomb).to_bytes(4, "big") + bomb
    with Scripted(OK_HEADERS, h2_frame(0, 0, 1, message), OK_TRAILERS) as server:
        reply = call(outbound, server.url)

    assert reply.status == 200
    assert reply.body == bomb[: 1024 - 5]


@pytest.mark.parametrize("kind", ["expired", "self-signed", "wrong host"])
def test_a_bad_certificate_ends_the_call_before_anything_is_sent(tmp_path: Path, kind: str) -> None:
    authority = CertificateAuthority(tmp_path)
    tls = {
        "expired": lambda: authority.receiver("hook.example", days=(-3, -1)),
        "self-signed": lambda: authority.receiver("hook.example", self_signed=True),
        "wrong host": lambda: authority.receiver("other.example"),
    }[kind]()
    tls.set_alpn_protocols(["h2"])
    with Receiver(tls=tls) as receiver, Outbound(ca_file=authority.ca_file) as outbound:
        outbound.names.answer("hook.example", "127.0.0.1")
        reply = call(outbound, receiver.url("", host="hook.example", scheme="https"))

    assert (reply.status, reply.error) == (None, "tls-failed")
    assert reply.error_detail
    assert receiver.requests == []


def test_a_receiver_that_offers_no_http_2_under_tls_is_not_called(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    tls = authority.receiver("hook.example")
    tls.set_alpn_protocols(["http/1.1"])
    with Receiver(tls=tls) as receiver, Outbound(ca_file=authority.ca_file) as outbound:
        outbound.names.answer("hook.example", "127.0.0.1")
        reply = call(outbound, receiver.url("", host="hook.example", scheme="https"))

    assert reply.status is None
    assert reply.error in {"bad-response", "connection-lost", "tls-failed"}


def test_a_name_that_is_not_found_is_an_error_of_the_call(outbound: Outbound) -> None:
    outbound.names.fail("none.example", "The name none.example was not resolved: no such name.")

    reply = call(outbound, "http://none.example:50051")

    assert (reply.error, reply.connected) == ("dns-failure", False)


def test_a_rebound_name_is_judged_again_and_its_kept_connection_not_used() -> None:
    allowed = (ip_network("127.0.0.1/32"),)
    with GrpcApp() as app, Outbound(allow=allowed) as outbound:
        url = app.url.replace("127.0.0.1", "hook.example")
        outbound.names.answer("hook.example", "127.0.0.1", lifetime=0)
        assert call(outbound, url).status == 200
        outbound.names.answer("hook.example", "169.254.169.254", lifetime=0)
        assert call(outbound, url).error == "denied-address"
        outbound.names.answer("hook.example", "127.0.0.1", lifetime=0)
        assert call(outbound, url).status == 200
        assert [each.method for each in app.calls] == [STABLE, STABLE]


def test_hostile_apps_keep_no_other_call_from_its_turn(outbound: Outbound) -> None:
    kinds = [*(make for make, _ in HOSTILE.values()), *SLOW.values()]
    replies: list[Reply] = []
    with ExitStack() as stack:
        servers = [stack.enter_context(make()) for make in kinds]
        for server in servers:
            outbound.engine.post(rpc(server.url, timeout=20.0), replies.append)
        app = stack.enter_context(GrpcApp())
        for _ in range(20):
            assert call(outbound, app.url).status == 200
        outbound.run(lambda: len(replies) >= len(HOSTILE))
        sent = [server.sent for server in servers]

    assert all(reply.status is None for reply in replies)
    # What the sockets take, and little more, left each of them.
    assert max(sent) < 32 * 1024 * 1024
