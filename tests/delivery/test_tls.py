"""TLS: the name of the URL is what the certificate must carry, whatever address is called."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.delivery.certificate_authority import CertificateAuthority
from tests.delivery.outbound import Outbound
from tests.receiver import Receiver, answer, drip, hang, in_turn


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    return CertificateAuthority(tmp_path)


def outbound_to_hook(ca_file: str | None) -> Outbound:
    outbound = Outbound(ca_file=ca_file)
    outbound.names.answer("hook.example", "127.0.0.1")
    return outbound


def test_a_good_certificate_is_taken_and_the_name_is_kept(authority: CertificateAuthority) -> None:
    tls = authority.receiver("hook.example")
    offered: list[str | None] = []
    tls.sni_callback = lambda _link, name, _context: offered.append(name)
    with Receiver(tls=tls) as receiver, outbound_to_hook(authority.ca_file) as outbound:
        url = receiver.url("/x", host="hook.example", scheme="https")
        replies = [outbound.send(url, b"payload") for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 200]
    assert offered == ["hook.example"]
    assert receiver.requests[0].header("Host") == f"hook.example:{receiver.port}"
    first, second = (reply.timing for reply in replies)
    assert first.connect is not None
    assert first.tls is not None
    assert first.connect < first.tls < first.total
    assert (second.connect, second.tls) == (None, None)


@pytest.mark.parametrize("kind", ["expired", "not yet valid", "self-signed", "wrong host"])
def test_a_bad_certificate_ends_the_call_before_anything_is_sent(
    authority: CertificateAuthority, kind: str
) -> None:
    tls = {
        "expired": lambda: authority.receiver("hook.example", days=(-3, -1)),
        "not yet valid": lambda: authority.receiver("hook.example", days=(1, 3)),
        "self-signed": lambda: authority.receiver("hook.example", self_signed=True),
        "wrong host": lambda: authority.receiver("other.example"),
    }[kind]()
    with Receiver(tls=tls) as receiver, outbound_to_hook(authority.ca_file) as outbound:
        reply = outbound.send(receiver.url(host="hook.example", scheme="https"), b"secret")
    assert (reply.status, reply.error) == (None, "tls-failed")
    assert reply.error_detail
    assert receiver.requests == []


def test_a_root_of_our_own_is_trusted_only_when_given(authority: CertificateAuthority) -> None:
    tls = authority.receiver("hook.example")
    with Receiver(tls=tls) as receiver, outbound_to_hook(None) as outbound:
        reply = outbound.send(receiver.url(host="hook.example", scheme="https"))
    assert reply.error == "tls-failed"


def test_a_receiver_without_tls_is_reported_as_such(authority: CertificateAuthority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def talk_plainly() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                link.sendall(b"HTTP/1.1 400 Plain\r\n\r\n")

        thread = threading.Thread(target=talk_plainly)
        thread.start()
        with outbound_to_hook(authority.ca_file) as outbound:
            reply = outbound.send(f"https://hook.example:{listener.getsockname()[1]}/")
        thread.join()
    assert (reply.status, reply.error) == (None, "tls-failed")


@contextmanager
def handshake(start: bytes, more: bytes = b"") -> Iterator[int]:
    """The port of a receiver that begins a handshake, and goes on with it a byte at a time."""
    over = threading.Event()

    def serve() -> None:
        link, _ = listener.accept()
        with link, suppress(OSError):
            link.recv(65536)
            link.sendall(start)
            while not over.wait(0.05):
                link.sendall(more)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        over.set()
        thread.join()


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
@pytest.mark.parametrize(
    ("connect_timeout", "timeout", "limit"),
    [(0.5, 6.0, "0.5 s"), (5.0, 0.25, "the 0.25 s of the call")],
)
@pytest.mark.parametrize(
    ("start", "more"), [(b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc", b"\3"), (b"", b"")]
)
def test_a_handshake_that_is_not_finished_is_named_with_its_limit(
    scheme: str, connect_timeout: float, timeout: float, limit: str, start: bytes, more: bytes
) -> None:
    with handshake(start, more) as port, Outbound(connect_timeout=connect_timeout) as outbound:
        reply = outbound.send(f"{scheme}://127.0.0.1:{port}/", timeout=timeout)
    assert (reply.status, reply.error, reply.connected) == (None, "timeout", True)
    assert reply.error_detail == f"The TLS handshake was not finished within {limit}."
    assert reply.timing.connect is not None
    assert reply.timing.tls is None
    assert reply.timing.total < 5000


def test_the_limit_of_a_call_is_named_whole_where_its_name_took_a_part_of_it() -> None:
    with handshake(b"") as port, outbound_to_hook(None) as outbound:
        outbound.names.slowness = 0.1
        reply = outbound.send(f"https://hook.example:{port}/", timeout=0.4)
    assert reply.timing.dns is not None
    assert reply.error_detail == "The TLS handshake was not finished within the 0.4 s of the call."


def test_an_answer_that_does_not_come_after_the_handshake_is_named_as_such(
    authority: CertificateAuthority,
) -> None:
    tls = authority.receiver("hook.example")
    with Receiver(hang, tls=tls) as receiver, outbound_to_hook(authority.ca_file) as outbound:
        url = receiver.url(host="hook.example", scheme="https")
        reply = outbound.send(url, timeout=1.0)
    assert reply.error == "timeout"
    assert (reply.error_detail or "").startswith("No complete answer within the time allowed")


def test_deadline_and_kept_connections_hold_under_tls(authority: CertificateAuthority) -> None:
    tls = authority.receiver("hook.example")
    with Receiver(tls=tls) as receiver, outbound_to_hook(authority.ca_file) as outbound:
        receiver.default = in_turn(answer(200), drip, answer(202))
        url = receiver.url(host="hook.example", scheme="https")
        assert outbound.send(url).status == 200
        assert outbound.send(url, timeout=0.5).error == "timeout"
        assert outbound.send(url).status == 202
    assert [request.connection for request in receiver.requests] == [1, 1, 2]
