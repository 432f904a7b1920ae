"""Fault server: answers like Wakecall, but loses, delays and spoils answers as it is told to.

`python -m tests.clients.fault_server` prints its port and serves until its standard input ends.
The cases of clients/contract/cases.json, which README.md beside them describes, are played against
it by the tests of each client. `PUT /control` with `{"steps": […]}` begins a case; `GET /control`
answers what was received and done since. Each connection carries one request.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from typing import Any, NamedTuple, Self

from tests.clients.fault_service import Reply, Service, problem

_MAX_HEAD = 65_536
_PATIENCE_S = 30.0
PAGE = (
    b"<!doctype html>\n<html><head><style>p { margin: 0 }</style>\n"
    b"<title>Sign in &amp; go on</title></head>\n<body><h1>Sign in</h1></body></html>"
)
"""What another server answers."""

Step = dict[str, Any]


class Received(NamedTuple):
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class FaultServer:
    """Serves cases on a port of loopback, one after the other. Use it as a context manager."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._service = Service()
        self._steps: list[Step] = []
        self._seen: list[dict[str, Any]] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        # Bound and not listening: connections to its port are refused, and nobody else gets it.
        self._deaf = socket.socket()
        self._deaf.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refusing_port: int = self._deaf.getsockname()[1]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._deaf.close()
        for thread in self._threads:
            thread.join()

    def begin(self, steps: list[Step]) -> None:
        """Forget all that was done, and take these steps for the next requests."""
        with self._lock:
            self._service, self._steps, self._seen = Service(), list(steps), []

    def report(self) -> dict[str, Any]:
        """What was received and done since."""
        with self._lock:
            return {
                "requests": list(self._seen),
                "bookings": self._service.bookings,
                "refusingPort": self.refusing_port,
            }

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(link,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, link: socket.socket) -> None:
        with link, suppress(OSError):
            link.settimeout(_PATIENCE_S)
            beginning = link.recv(100, socket.MSG_PEEK)
            if b" /control " in beginning:
                _send(link, self._control(_read(link)))
            if b" /control " in beginning or not beginning:
                return
            step = self._next_step()
            if step["do"] == "drop":
                self._note(None)
                _reset(link)
                return
            request = _read(link)
            self._note(request)
            with self._lock:
                service = self._service
            self._answer(link, request, step, service)

    def _next_step(self) -> Step:
        with self._lock:
            return self._steps.pop(0) if self._steps else {"do": "answer"}

    def _note(self, request: Received | None) -> None:
        seen: dict[str, Any] = {"at": time.monotonic()}
        if request is None:
            seen["dropped"] = True
        else:
            seen |= {
                "method": request.method,
                "target": request.target,
                "idempotencyKey": request.headers.get("idempotency-key"),
                "authorization": request.headers.get("authorization"),
                "body": request.body.decode(),
            }
        with self._lock:
            self._seen.append(seen)

    def _control(self, request: Received) -> Reply:
        if request.method == "PUT":
            self.begin(json.loads(request.body)["steps"])
            return Reply(204)
        return Reply.of(200, self.report())

    def _answer(self, link: socket.socket, request: Received, step: Step, service: Service) -> None:
        """Take the step. `service` is that of the case, which may be over before the step is."""
        match step["do"]:
            case "answer":
                _send(link, _carry_out(service, request))
            case "drop-after":
                _carry_out(service, request)
                _reset(link)
            case "half":
                whole = _carry_out(service, request).written()
                link.sendall(whole[: len(whole) - 20])
            case "garbage":
                link.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
            case "page":
                _send(link, Reply(step.get("status", 200), PAGE, "text/html"))
            case "slow":
                reply = _carry_out(service, request)
                self._closing.wait(step["seconds"])
                _send(link, reply)
            case "busy":
                with service.running(request.headers.get("idempotency-key")):
                    self._closing.wait(step["seconds"])
                _send(link, _carry_out(service, request))
            case "refuse":
                _send(link, problem(step["status"], step["type"], step.get("retryAfter")))
            case "gateway-timeout":
                _carry_out(service, request)
                _send(link, Reply(504, b"<h1>Gateway Timeout</h1>", "text/html"))
            case other:
                raise ValueError(f"There is no step {other!r}.")


def _carry_out(service: Service, request: Received) -> Reply:
    key = request.headers.get("idempotency-key")
    return service.carry_out(request.method, request.target, key, request.body)


def _read(link: socket.socket) -> Received:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _some(link)
        if len(data) > _MAX_HEAD:
            raise OSError("The head is too long.")
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ")
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    if headers.get("transfer-encoding") == "chunked":
        return Received(method, target, headers, _read_chunks(link, body))
    while len(body) < int(headers.get("content-length", 0)):
        body += _some(link)
    return Received(method, target, headers, body)


def _read_chunks(link: socket.socket, data: bytes) -> bytes:
    body = b""
    while True:
        while b"\r\n" not in data:
            data += _some(link)
        size_text, _, data = data.partition(b"\r\n")
        size = int(size_text, 16)
        while len(data) < size + 2:
            data += _some(link)
        if size == 0:
            return body
        body, data = body + data[:size], data[size + 2 :]


def _some(link: socket.socket) -> bytes:
    data = link.recv(65_536)
    if not data:
        raise OSError("The client is gone.")
    return data


def _send(link: socket.socket, reply: Reply) -> None:
    link.sendall(reply.written())


def _reset(link: socket.socket) -> None:
    """Break the connection off, so that the client sees a reset and no end."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def main() -> None:
    """Serve until the standard input ends."""
    with FaultServer() as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
