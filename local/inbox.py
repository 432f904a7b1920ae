"""The inbox: a receiver on loopback that checks each callback and says how late it came."""

from __future__ import annotations

import base64
import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

_MAX_BYTES: Final = 64 * 1024
_LINES_A_SECOND: Final = 3
_SHOWN_CHARACTERS: Final = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """One callback as it arrived; `late_ms` counts from the time it was booked for."""

    path: str
    verified: bool
    late_ms: float | None
    attempt: str
    body: bytes


def verified(secrets: tuple[str, ...], headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the account's secrets signed this (Standard Webhooks 1.0, `v1`).

    A receiver in production also refuses an old `webhook-timestamp`.
    """
    message = b".".join(
        [
            headers.get("webhook-id", "").encode(),
            headers.get("webhook-timestamp", "").encode(),
            body,
        ]
    )
    presented = headers.get("webhook-signature", "").split()
    for secret in secrets:
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.new(key, message, hashlib.sha256).digest()
        expected = "v1," + base64.b64encode(digest).decode("ascii")
        if any(hmac.compare_digest(expected, each) for each in presented):
            return True
    return False


def late_ms(scheduled_for: str, arrived: float) -> float | None:
    """Milliseconds from the booked instant to `arrived` (seconds since 1970)."""
    try:
        return (arrived - datetime.fromisoformat(scheduled_for).timestamp()) * 1000
    except ValueError:
        return None


def describe(callback: Callback) -> str:
    """Return the line about one callback."""
    signature = "signature verified" if callback.verified else "SIGNATURE NOT VERIFIED: refused"
    late = "" if callback.late_ms is None else f", {callback.late_ms:.1f} ms late"
    again = "" if callback.attempt in {"", "1"} else f", attempt {callback.attempt}"
    text = callback.body[:_SHOWN_CHARACTERS].decode(errors="replace")
    return f"POST {callback.path} {text!r}: {signature}{late}{again}"


class Inbox:
    """The running receiver; `secrets` asks for the account's secrets.

    `received` is set at the first callback, and at the end, so that nobody waits on.
    """

    def __init__(
        self,
        host: str,
        port: int,
        secrets: Callable[[], tuple[str, ...]],
        report: Callable[[str], None],
    ) -> None:
        self.received = threading.Event()
        self._secrets = secrets
        self._known: tuple[str, ...] = ()
        self._asked_in = 0
        self._report = report
        self._second = 0
        self._shown = 0
        self._server = _server(host, port, self._receive)
        self.port = int(self._server.server_address[1])
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True, name="inbox").start()

    def close(self) -> None:
        """Stop receiving callbacks."""
        self._server.shutdown()
        self._server.server_close()
        self.received.set()

    def _receive(self, path: str, headers: Mapping[str, str], body: bytes, arrived: float) -> bool:
        genuine = verified(self._known, headers, body)
        if not genuine and int(arrived) != self._asked_in:
            # They may have been rotated since; a flood of forgeries asks once a second.
            self._asked_in = int(arrived)
            self._known = self._secrets()
            genuine = verified(self._known, headers, body)
        callback = Callback(
            path=path,
            verified=genuine,
            late_ms=late_ms(headers.get("wakecall-scheduled-for", ""), arrived),
            attempt=headers.get("wakecall-attempt", ""),
            body=body,
        )
        self._announce(callback, int(arrived))
        self.received.set()
        return genuine

    def _announce(self, callback: Callback, second: int) -> None:
        """A line for each callback, but never a flood."""
        if second != self._second:
            if self._shown > _LINES_A_SECOND:
                self._report(f"and {self._shown - _LINES_A_SECOND} more in that second")
            self._second, self._shown = second, 0
        self._shown += 1
        if self._shown <= _LINES_A_SECOND:
            self._report(describe(callback))


def _server(
    host: str, port: int, receive: Callable[[str, Mapping[str, str], bytes, float], bool]
) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            arrived = time.time()
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(min(length, _MAX_BYTES))
            headers = {name.lower(): value for name, value in self.headers.items()}
            genuine = receive(self.path, headers, body, arrived)
            self.send_response(204 if genuine else 401)
            if not genuine:
                self.send_header("content-length", "0")
            if length > len(body):
                self.send_header("connection", "close")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        daemon_threads = True
        request_queue_size = 128

    try:
        return Server((host, port), Handler)
    except OSError:
        return Server((host, 0), Handler)
