"""gRPC client: RPCs over kept connections, each once; cheap, in a process of its own.

python -m bench.grpc_client   reads and prints one JSON document

It writes and reads frames of HTTP/2 (RFC 9113) by itself, as bench.client does with HTTP/1.1: a
client of grpcio takes as much of the machine as the server that is measured.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import sys
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_ACK, _END_STREAM, _END_HEADERS = 1, 1, 4
_HEAD: Final = 9
_STREAM: Final = 5
"""Where the number of its stream stands in the head of a frame."""

_WINDOW: Final = 1 << 24
_FIRST_INDEX: Final = 62
"""Of the dynamic table (RFC 7541, 2.3.3)."""
_PIECE: Final = 262_144


@dataclass(kw_only=True, slots=True)
class _Link:
    """One connection: its next stream, what has come, and whether a message was answered."""

    socket: socket.socket
    stream: int = 1
    buffer: bytes = b""
    is_answered: bool = False
    settled: int = field(default=0)
    """Acknowledgements of settings that have come."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """One frame (RFC 9113, 4.1)."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + payload


class Caller:
    """Sends the RPCs of one method, one after the other on each connection."""

    def __init__(self, port: int, path: str, metadata: list[tuple[str, str]]) -> None:
        fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", f"127.0.0.1:{port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-accept-encoding", "identity, deflate, gzip"),
            *metadata,
        ]
        # As other clients do it: each field once, and then its number in the table.
        first = b"".join(b"\x40" + _text(name) + _text(value) for name, value in fields)
        last = _FIRST_INDEX + len(fields) - 1
        later = bytes(0x80 | last - n for n in range(len(fields)))
        self._first = _around(_HEADERS, _END_HEADERS, first)
        self._later = _around(_HEADERS, _END_HEADERS, later)
        self._port = port
        self.refusal = b""

    def measure(self, messages: list[bytes], connections: int) -> float:
        """Seconds until all messages are answered."""
        waiting = iter([_data(each) for each in messages])
        with selectors.DefaultSelector() as selector:
            links = [self._open() for _ in range(connections)]
            for link in links:
                selector.register(link.socket, selectors.EVENT_READ, link)
            while not all(link.settled for link in links):
                for key, _ in selector.select():
                    self._take(key.data)
            began = time.perf_counter()
            under_way = sum(self._send(link, waiting) for link in links)
            while under_way:
                for key, _ in selector.select():
                    if self._take(key.data):
                        under_way -= not self._send(key.data, waiting)
            took = time.perf_counter() - began
            for link in links:
                link.socket.close()
        return took

    def _open(self) -> _Link:
        link = socket.create_connection(("127.0.0.1", self._port))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        window = frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _WINDOW))
        link.sendall(_PREFACE + frame(_SETTINGS, 0, 0) + window)
        return _Link(socket=link)

    def _send(self, link: _Link, waiting: Iterator[tuple[bytes, bytes]]) -> bool:
        """Send the next message; False where there is none."""
        following = next(waiting, None)
        if following is None:
            return False
        begin, message = following
        fields = self._first if link.stream == 1 else self._later
        stream = link.stream.to_bytes(4, "big")
        link.socket.sendall(b"".join((fields[0], stream, fields[1], begin, stream, message)))
        link.stream += 2
        link.is_answered = False
        return True

    def _take(self, link: _Link) -> bool:
        """Read what has come; whether the connection's RPC has ended, of which it has one."""
        data = link.socket.recv(_PIECE)
        if not data:
            raise SystemExit("the server closed a connection")
        data = link.buffer + data
        at, has_ended = 0, False
        while len(data) - at >= _HEAD:
            end = at + _HEAD + int.from_bytes(data[at : at + 3], "big")
            if len(data) < end:
                break
            kind, flags = data[at + 3], data[at + 4]
            if kind == _DATA:
                link.is_answered = True
            elif kind == _HEADERS:
                if flags & _END_STREAM:
                    # An error has no message (gRPC over HTTP/2, Trailers-Only).
                    if not link.is_answered:
                        self.refusal = data[at + _HEAD : end]
                    has_ended = True
            elif kind != _WINDOW_UPDATE:
                self._note(link, kind, flags, data[at + _HEAD : end])
            at = end
        link.buffer = data[at:]
        return has_ended

    def _note(self, link: _Link, kind: int, flags: int, payload: bytes) -> None:
        """Take note of a frame that no RPC needs."""
        if kind in {_RST_STREAM, _GOAWAY}:
            raise SystemExit(f"the server ended an RPC: frame {kind}, {payload!r}")
        if kind in {_SETTINGS, _PING} and not flags & _ACK:
            link.socket.sendall(frame(kind, _ACK, 0, b"" if kind == _SETTINGS else payload))
        elif kind == _SETTINGS:
            link.settled += 1


def _around(kind: int, flags: int, payload: bytes) -> tuple[bytes, bytes]:
    """A frame without its stream: what comes before that, and what comes after it."""
    whole = frame(kind, flags, 0, payload)
    return whole[:_STREAM], whole[_HEAD:]


def _data(message: bytes) -> tuple[bytes, bytes]:
    """The frame of a message, as `_around` has it."""
    return _around(_DATA, _END_STREAM, struct.pack(">BI", 0, len(message)) + message)


def _text(text: str) -> bytes:
    """A string literal (RFC 7541, 5.2) of up to 126 bytes."""
    data = text.encode()
    return bytes((len(data),)) + data


def main() -> None:
    """Do what the document on standard input says."""
    asked = json.load(sys.stdin)
    metadata = [(name, value) for name, value in asked["metadata"]]
    caller = Caller(asked["port"], asked["path"], metadata)
    took = caller.measure([b64decode(each) for each in asked["messages"]], asked["connections"])
    found: dict[str, Any] = {
        "took": took,
        "refusal": repr(caller.refusal) if caller.refusal else "",
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
