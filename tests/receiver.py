"""Receiver: an HTTP server on raw sockets that keeps its requests and misbehaves on request."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

PATIENCE = 20.0
"""Seconds a test waits for what should happen at once."""


class Gone(Exception):
    """The connection is over: the peer went, or the behaviour ended it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One request as it came; `connection` counts the receiver's connections from 1."""

    connection: int
    at: float
    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The first field of that name, in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exchange:
    """A request to be answered; `closing` is set when the receiver goes."""

    request: Received
    link: socket.socket
    closing: threading.Event

    def send(self, data: bytes) -> None:
        """Send raw bytes; raises Gone where nobody listens any more."""
        try:
            self.link.sendall(data)
        except OSError:
            raise Gone from None


Behaviour = Callable[[Exchange], None]


class Receiver:
    """Listens on loopback, with a thread for each connection; `behaviours` go by path.

    Use as a context manager. `requests` grows as they come; `wait_for` waits for a number.
    """

    def __init__(
        self,
        default: Behaviour | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.default = answer() if default is None else default
        self.behaviours: dict[str, Behaviour] = {}
        self.requests: list[Received] = []
        self.connections = 0
        self._tls = tls
        self._closing = threading.Event()
        self._changed = threading.Condition()
        self._links: dict[threading.Thread, socket.socket] = {}
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._closing.set()
        _shut(self._listener)
        self._accepting.join()
        self._listener.close()
        with self._changed:
            links = dict(self._links)
        for thread, link in links.items():
            _shut(link)
            thread.join()

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        """The URL of `path` here, under any name."""
        return f"{scheme}://{host}:{self.port}{path}"

    def wait_for(self, number: int, seconds: float = PATIENCE) -> list[Received]:
        """The requests, once there are as many; fails where they do not come in time."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self.requests) >= number, seconds)
            assert arrived, f"{len(self.requests)} of {number} requests came in {seconds} s"
            return list(self.requests)

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(link, self.connections))
                self._links[thread] = link
            thread.start()

    def _serve(self, link: socket.socket, number: int) -> None:
        with contextlib.suppress(Gone, OSError), contextlib.ExitStack() as stack:
            stack.callback(link.close)
            if self._tls is not None:
                link = stack.enter_context(self._tls.wrap_socket(link, server_side=True))
                with self._changed:
                    self._links[threading.current_thread()] = link
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            pending = b""
            while not self._closing.is_set():
                request, pending = _read(link, pending, number)
                with self._changed:
                    self.requests.append(request)
                    self._changed.notify_all()
                behave = self.behaviours.get(request.target.partition("?")[0], self.default)
                behave(Exchange(request=request, link=link, closing=self._closing))
        with self._changed:
            self._links.pop(threading.current_thread(), None)


def _shut(link: socket.socket) -> None:
    with contextlib.suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _read(link: socket.socket, pending: bytes, number: int) -> tuple[Received, bytes]:
    while b"\r\n\r\n" not in pending:
        pending += _some(link)
    head, _, rest = pending.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    if first.count(" ") != 2:
        raise Gone
    method, target, _version = first.split(" ")
    fields = tuple((name, value.strip()) for name, _, value in (x.partition(":") for x in lines))
    length = next((int(value) for name, value in fields if name.lower() == "content-length"), 0)
    while len(rest) < length:
        rest += _some(link)
    request = Received(
        connection=number,
        at=time.time(),
        method=method,
        target=target,
        headers=fields,
        body=rest[:length],
    )
    return request, rest[length:]


def _some(link: socket.socket) -> bytes:
    data = link.recv(65536)
    if not data:
        raise Gone
    return data


def answer(
    status: int = 200, headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> Behaviour:
    """Answer plainly and keep the connection."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers)]
    if status >= 200 and status != 204:
        lines.append(f"Content-Length: {len(body)}")
    whole = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return lambda exchange: exchange.send(whole)


def redirect(to: str, status: int = 302) -> Behaviour:
    """Send the caller elsewhere."""
    return answer(status, (("Location", to),))


def after(seconds: float, then: Behaviour) -> Behaviour:
    """Keep the caller waiting first."""

    def behave(exchange: Exchange) -> None:
        exchange.closing.wait(seconds)
        then(exchange)

    return behave


def hang(exchange: Exchange) -> None:
    """Take the request and say nothing."""
    exchange.closing.wait()


def hang_up(_exchange: Exchange) -> None:
    """Close without an answer."""
    raise Gone


def reset(exchange: Exchange) -> None:
    """Break the connection off without an answer."""
    exchange.link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def say(data: bytes) -> Behaviour:
    """Send these bytes, whatever they are, and close."""

    def behave(exchange: Exchange) -> None:
        exchange.send(data)
        raise Gone

    return behave


def forever(start: bytes, more: bytes, *, every: float = 0.0) -> Behaviour:
    """Send `start`, then `more` again and again, until the caller has enough."""

    def behave(exchange: Exchange) -> None:
        exchange.send(start)
        while not exchange.closing.wait(every):
            exchange.send(more)

    return behave


def drip(exchange: Exchange) -> None:
    """Answer a byte at a time, each in good time, and never come to the end."""
    forever(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x", every=0.02)(exchange)


def endless_body(exchange: Exchange) -> None:
    """Answer with a body without end."""
    forever(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 16384)(exchange)


def many_headers(number: int) -> Behaviour:
    """Answer with so many header fields."""
    return answer(200, tuple((f"X-{index}", "y") for index in range(number)))


def interim_flood(exchange: Exchange) -> None:
    """Announce answers (103) for ever."""
    forever(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")(exchange)


def gzip_bomb(megabytes: int) -> Behaviour:
    """Answer with a small body that would inflate to a large one."""
    body = gzip.compress(bytes(megabytes * 1024 * 1024))
    return answer(200, (("Content-Encoding", "gzip"),), body)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """Behave one way for each request; the last way goes on."""
    left = list(behaviours)
    lock = threading.Lock()

    def behave(exchange: Exchange) -> None:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        now(exchange)

    return behave
