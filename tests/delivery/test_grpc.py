"""gRPC calls of the engine, against a real gRPC server and against every kind that is none."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import grpc
import pytest

from app.delivery.grpc import as_grpc
from app.delivery.request import Call
from app.domain.grpc_status import GrpcStatus
from app.domain.retry import is_unreached
from app.domain.run import Reply
from tests.delivery.certificate_authority import CertificateAuthority
from tests.delivery.grpc_app import STABLE, Context, GrpcApp, accept, end
from tests.delivery.outbound import Outbound
from tests.ports import free_port

HEADERS = ("Content-Type: application/grpc", "Webhook-Id: 7")


def rpc(url: str, message: bytes = b"message", timeout: float = 10.0) -> Call:
    return as_grpc(Call(url=url + STABLE, headers=HEADERS, body=message, timeout=timeout))


def call(outbound: Outbound, url: str, message: bytes = b"message", timeout: float = 10.0) -> Reply:
    return outbound.send_all([rpc(url, message, timeout)])[0]


@pytest.fixture
def app() -> Iterator[GrpcApp]:
    with GrpcApp() as app:
        yield app


def test_a_message_arrives_byte_for_byte_with_metadata_and_deadline(
    outbound: Outbound, app: GrpcApp
) -> None:
    message = bytes(range(256))
    reply = call(outbound, app.url, message)
    (received,) = app.calls
    assert (received.method, received.message) == (STABLE, message)
    assert received.metadata["webhook-id"] == "7"
    assert str(received.metadata["user-agent"]).startswith("Wakecall/")
    assert received.seconds_left is not None
    assert 0 < received.seconds_left <= 10.0
    assert (reply.status, reply.error, reply.body) == (200, None, b"")
    assert dict(reply.headers)["grpc-status"] == "0"
    assert reply.connected


@pytest.mark.parametrize("code", list(grpc.StatusCode)[1:], ids=lambda code: code.name)
def test_every_code_but_ok_is_an_error_of_its_own(
    outbound: Outbound, app: GrpcApp, code: grpc.StatusCode
) -> None:
    app.handlers[STABLE] = end(code, "weil 100% \xfcber\nzwei Zeilen")
    number, name = code.value[0], code.name
    reply = call(outbound, app.url)
    assert reply.status is None
    assert reply.error == f"grpc-{name.lower().replace('_', '-')}"
    detail = f"The app answered {name} ({number}): weil 100% \xfcber\ufffdzwei Zeilen"
    assert reply.error_detail == detail
    assert dict(reply.headers)["grpc-status"] == str(number)
    assert reply.connected
    assert not is_unreached(reply)


def test_the_statuses_are_those_of_grpc() -> None:
    assert {each.name: each.value[0] for each in grpc.StatusCode} == {
        each.name: each.value for each in GrpcStatus
    }


def test_calls_in_a_row_share_a_connection_and_calls_at_once_do_not(
    outbound: Outbound, app: GrpcApp
) -> None:
    for _ in range(3):
        assert call(outbound, app.url).status == 200
    assert len({each.peer for each in app.calls}) == 1
    both = threading.Barrier(2)

    def meet(message: bytes, context: Context) -> bytes:
        both.wait(20)
        return accept(message, context)

    app.handlers[STABLE] = meet
    replies = outbound.send_all([rpc(app.url), rpc(app.url)])
    assert [reply.status for reply in replies] == [200, 200]
    assert len({each.peer for each in app.calls[3:]}) == 2


def test_a_call_of_http_is_not_made_on_a_connection_of_grpc(
    outbound: Outbound, app: GrpcApp
) -> None:
    assert call(outbound, app.url).status == 200
    reply = outbound.send(app.url + "/", b"body")
    assert reply.error == "bad-response"
    assert call(outbound, app.url).status == 200
    assert len({each.peer for each in app.calls}) == 1


class Http1Handler(BaseHTTPRequestHandler):
    """Answers 200, and notes the connection of each request."""

    protocol_version = "HTTP/1.1"
    peers: ClassVar[list[int]] = []

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.peers.append(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def http_1_url() -> Iterator[str]:
    Http1Handler.peers.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Http1Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_call_of_grpc_is_not_made_on_a_connection_of_http(
    outbound: Outbound, http_1_url: str
) -> None:
    assert outbound.send(http_1_url + "/", b"body").status == 200
    reply = call(outbound, http_1_url)
    # It closes the connection before it has read all, which may overtake its answer.
    assert reply.error in {"bad-response", "connection-lost"}
    assert not is_unreached(reply)
    assert outbound.send(http_1_url + "/", b"body").status == 200
    assert len(Http1Handler.peers) == 2
    assert len(set(Http1Handler.peers)) == 1


def test_a_long_message_and_one_that_the_app_refuses(outbound: Outbound, app: GrpcApp) -> None:
    long = b"x" * (4 * 1024 * 1024 - 1024)
    assert call(outbound, app.url, long).status == 200
    assert app.calls[0].message == long
    assert call(outbound, app.url, 2 * long).error == "grpc-resource-exhausted"
    assert call(outbound, app.url).status == 200


def test_an_app_that_was_restarted_is_called_on_a_new_connection(
    outbound: Outbound, app: GrpcApp
) -> None:
    assert call(outbound, app.url).status == 200
    app.stop()
    app.start()
    assert call(outbound, app.url).status == 200
    assert len(app.calls) == 2


def test_an_app_that_is_away_was_not_reached(outbound: Outbound, app: GrpcApp) -> None:
    assert call(outbound, app.url).status == 200
    app.stop()
    reply = call(outbound, app.url)
    assert (reply.error, reply.connected) == ("connect-failed", False)
    assert is_unreached(reply)
    reply = call(outbound, f"http://127.0.0.1:{free_port()}")
    assert is_unreached(reply)


def test_an_app_that_is_silent_is_not_waited_for_and_the_next_call_is_made(
    outbound: Outbound, app: GrpcApp
) -> None:
    over = threading.Event()

    def wait(message: bytes, context: Context) -> bytes:
        over.wait(20)
        return accept(message, context)

    app.handlers[STABLE] = wait
    reply = call(outbound, app.url, timeout=1.0)
    over.set()
    # Either side may notice first that the time is over, as the app knows the deadline.
    assert reply.error in {"timeout", "grpc-deadline-exceeded"}
    assert not is_unreached(reply)
    app.handlers[STABLE] = accept
    assert call(outbound, app.url).status == 200


def test_an_app_that_dies_in_the_call_was_reached(outbound: Outbound, app: GrpcApp) -> None:
    reached = threading.Event()

    def die(message: bytes, context: Context) -> bytes:
        over = threading.Event()
        context.add_callback(over.set)
        reached.set()
        over.wait(20)
        return accept(message, context)

    app.handlers[STABLE] = die

    def stop() -> None:
        reached.wait(20)
        app.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    reply = call(outbound, app.url)
    stopper.join()
    assert reply.status is None
    assert not is_unreached(reply)


def test_an_answer_with_a_long_body_is_not_read_to_its_end(
    outbound: Outbound, app: GrpcApp
) -> None:
    app.handlers[STABLE] = lambda _message, _context: b"x" * 100_000
    reply = call(outbound, app.url)
    assert (reply.status, reply.error) == (None, "bad-response")
    assert reply.error_detail == (
        "The answer's body is too long, so that its gRPC status was not read."
    )
    app.handlers[STABLE] = lambda _message, _context: b"x" * 60_000
    reply = call(outbound, app.url)
    assert (reply.status, reply.body) == (200, b"x" * 1019)


def test_tls_is_spoken_where_the_url_says_so(tmp_path: Path) -> None:
    authority = CertificateAuthority(tmp_path)
    authority.receiver("localhost")
    chain = (tmp_path / "localhost.pem").read_bytes()
    credentials = grpc.ssl_server_credentials([(chain, chain)])
    with GrpcApp(credentials=credentials) as app, Outbound(ca_file=authority.ca_file) as outbound:
        url = app.url.replace("127.0.0.1", "localhost")
        assert [call(outbound, url).status for _ in range(2)] == [200, 200]
    assert len({each.peer for each in app.calls}) == 1
