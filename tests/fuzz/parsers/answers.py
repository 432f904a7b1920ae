"""Answers: bytes that a receiver sends, read by the engine over a real connection."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from app.delivery.grpc import as_grpc
from app.delivery.request import Call
from app.domain.grpc_status import ERRORS
from app.domain.run import Reply
from tests.delivery.h2_frames import OK_HEADERS, SETTINGS, h2_frame, literal
from tests.delivery.outbound import Outbound
from tests.fuzz.parser import BINARY, Parser

_TIMEOUT_S: Final = 2.0
_ERRORS: Final = frozenset(
    {"timeout", "connection-lost", "bad-response", "too-many-headers", "transport-failed"}
)


class Answering:
    """A receiver that answers each connection with `answer`, whatever it was sent, and closes."""

    def __init__(self) -> None:
        self.answer = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                with link, contextlib.suppress(OSError):
                    link.settimeout(5.0)
                    link.recv(65536)
                    link.sendall(self.answer)
                    link.shutdown(socket.SHUT_WR)
                    # So that what was not read does not become a reset before the answer is read.
                    while link.recv(65536):
                        pass


def _call(outbound: Outbound, server: Answering, start: bytes, text: str, *, is_grpc: bool) -> None:
    server.answer = start + text.encode("latin-1")
    call = Call(url=server.url, headers=(), body=b"body", timeout=_TIMEOUT_S)
    reply = outbound.send_all([as_grpc(call) if is_grpc else call])[0]
    _check(reply)


def _check(reply: Reply) -> None:
    assert (reply.status is None) is not (reply.error is None)
    if reply.error is None:
        assert reply.status is not None
        assert 200 <= reply.status <= 999
    else:
        assert reply.error in _ERRORS | set(ERRORS.values()), reply.error
        assert reply.error_detail
    assert len(reply.body) <= 1024
    assert sum(len(name) + len(value) for name, value in reply.headers) <= 16 * 1024


@contextmanager
def answers() -> Iterator[dict[str, Parser]]:
    """The engine as what reads answers of HTTP/1.1 and of gRPC."""
    server = Answering()
    with Outbound() as outbound:
        try:
            yield {
                "an answer of a receiver": Parser(
                    read=partial(_call, outbound, server, b"", is_grpc=False),
                    samples=_PLAIN,
                    words=_PLAIN_WORDS,
                    letters=BINARY,
                    refusals=(),
                ),
                "an answer of a gRPC app": Parser(
                    read=partial(_call, outbound, server, SETTINGS, is_grpc=True),
                    samples=_FRAMES,
                    words=_FRAME_WORDS,
                    letters=BINARY,
                    refusals=(),
                ),
            }
        finally:
            server.close()


_PLAIN: Final = (
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nX-T: t\r\n\r\n",
    "HTTP/1.1 103 Early\r\nLink: a\r\n\r\nHTTP/1.1 204 None\r\n\r\n",
    "HTTP/1.0 301 Moved\r\nLocation: /\r\nSet-Cookie: a=b\r\n\r\nbody",
    "HTTP/1.1 503 Busy\r\nRetry-After: 5\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0",
    "HTTP/1.1 202 Later\r\nWakecall-Complete: later; within=5\r\nContent-Length: 0\r\n\r\n",
)
_PLAIN_WORDS: Final = (
    *("\r\n", "\n", "\r\n\r\n", "HTTP/1.1 ", "HTTP/2 ", "HTTP/0.9", "Content-Length: ", "\r\n "),
    *("Transfer-Encoding: chunked", "Transfer-Encoding: gzip", "Upgrade: h2c", "101 S", "\0", ":"),
    *(
        "Connection: close",
        "ffffffffffffffff\r\n",
        "0\r\n\r\n",
        "-1",
        "Content-Encoding: br",
        "\x80",
    ),
    *("WWW-Authenticate: Basic realm=a", 'Alt-Svc: h3=":1"', "100 Continue\r\n\r\n"),
)
_OK: Final = literal(b"grpc-status", b"0")
_FRAMES: Final = tuple(
    each.decode("latin-1")
    for each in (
        OK_HEADERS + h2_frame(0, 0, 1, b"\0\0\0\0\0") + h2_frame(1, 5, 1, _OK),
        h2_frame(1, 5, 1, b"\x88" + literal(b"grpc-status", b"5")),
        h2_frame(1, 5, 1, b"\x8d"),
        h2_frame(3, 0, 1, b"\0\0\0\2"),
        h2_frame(1, 0, 1, b"\x88") + h2_frame(9, 4, 1, literal(b"grpc-status", b"0")),
    )
)
_FRAME_WORDS: Final = tuple(
    each.decode("latin-1")
    for each in (
        h2_frame(4, 1, 0),
        h2_frame(6, 0, 0, b"12345678"),
        h2_frame(7, 0, 0, b"\0\0\0\0\0\0\0\0"),
        h2_frame(8, 0, 0, b"\x7f\xff\xff\xff"),
        h2_frame(5, 4, 1, b"\0\0\0\2\x88"),
        h2_frame(9, 0, 1, b"\x88"),
        literal(b"grpc-message", b"%ff"),
        *(b"\xff\xff\xff", b"\x3f\xe1\xff\x7f", b"\0\0\0\1", b"\x88", b"\x40\x01a\x01b"),
    )
)
