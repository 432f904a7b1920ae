"""Scripted: an app of gRPC that sends bytes of HTTP/2 as the test writes them."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from enum import StrEnum
from typing import Self

from tests.delivery.h2_frames import SETTINGS


class Ending(StrEnum):
    """What the app does once it has sent all."""

    STAY = "stay"
    """It leaves the connection open, and reads."""
    CLOSE = "close"
    RESET = "reset"


class Scripted:
    """A server that answers the first bytes of every connection with bytes of HTTP/2, in turn.

    After `answers` it sends `flood` again and again, every so many seconds. `sent` counts the bytes
    that left it, and `connections` the connections. Use as a context manager.
    """

    def __init__(
        self,
        *answers: bytes,
        flood: bytes = b"",
        every: float = 0.0,
        start: bytes = SETTINGS,
        ending: Ending = Ending.STAY,
    ) -> None:
        self._answer = start + b"".join(answers)
        self._flood = flood
        self._every = every
        self._ending = ending
        self._closing = threading.Event()
        self.sent = 0
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._links: list[tuple[socket.socket, threading.Thread]] = []
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for link, thread in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._serve, args=(link,))
                self._links.append((link, thread))
                thread.start()

    def _serve(self, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):
            link.recv(65536)
            self._send(link, self._answer)
            while self._flood and not self._closing.wait(self._every):
                self._send(link, self._flood)
            if self._ending is Ending.RESET:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while self._ending is Ending.STAY and link.recv(65536):
                pass

    def _send(self, link: socket.socket, data: bytes) -> None:
        link.sendall(data)
        self.sent += len(data)
