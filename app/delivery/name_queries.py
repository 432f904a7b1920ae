"""Name queries: asks name servers for addresses through one c-ares channel, on the loop."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pycares

from app.delivery.loop import READ, WRITE, Loop, Timer

OnAnswer = Callable[[pycares.AddrInfoResult | None, int | None], object]
"""Gets the addresses, or the number of c-ares' error."""

_TRIES = 3

_FLAGS = pycares.ARES_FLAG_NOSEARCH | pycares.ARES_FLAG_EDNS | pycares.ARES_FLAG_IGNTC
"""What comes of an answer in one packet of UDP is taken (1232 bytes), and nothing is asked again by
TCP: c-ares opens a socket for each address to sort them, and the 6,000 of two longest answers kept
the loop for a tenth of a second at each lookup."""


class NameQueries:
    """The queries of one channel: c-ares sends those that are under way at once from one socket.

    If an answer cannot be read, c-ares closes that socket, and fails or repeats all its queries.
    After `patience` seconds every query has failed, at the latest.
    """

    def __init__(self, loop: Loop, *, servers: tuple[str, ...] | None, patience: float) -> None:
        self._loop = loop
        self._fds: set[int] = set()
        self._tick: Timer | None = None
        self._asked = 0
        self._closed = False
        self._channel = pycares.Channel(
            flags=_FLAGS,
            timeout=patience / _TRIES,
            tries=_TRIES,
            servers=servers,
            lookups="fb",
            sock_state_cb=self._on_socket_state,
        )

    @property
    def is_idle(self) -> bool:
        """Whether no query is under way."""
        return self._asked == 0

    def ask(self, host: str, on_answer: OnAnswer) -> None:
        """Ask for A and AAAA; `on_answer` is called once, possibly before this returns."""
        self._asked += 1
        self._channel.getaddrinfo(
            host,
            None,
            family=socket.AF_UNSPEC,
            type=socket.SOCK_STREAM,
            callback=lambda result, error: self._on_answer(on_answer, result, error),
        )
        self._plan_tick()

    def reread(self) -> None:
        """Read the system's configuration again, as c-ares does not watch it on a foreign loop."""
        self._channel.reinit()

    def close(self) -> None:
        """End all queries; no callback is called after this."""
        if self._closed:
            return
        self._closed = True
        self._channel.cancel()
        for fd in self._fds:
            self._loop.unwatch(fd)
        if self._tick is not None:
            self._loop.cancel(self._tick)
        self._channel.close()

    def _on_answer(
        self, on_answer: OnAnswer, result: pycares.AddrInfoResult | None, error: int | None
    ) -> None:
        self._asked -= 1
        if not self._closed:
            on_answer(result, error)

    def _on_socket_state(self, fd: int, readable: bool, writable: bool) -> None:  # noqa: FBT001 - as c-ares calls it
        if self._closed:
            return
        if not readable and not writable:
            self._fds.discard(fd)
            self._loop.unwatch(fd)
            return
        events = READ * readable | WRITE * writable
        if fd in self._fds:
            self._loop.rewatch(fd, events, self._on_ready)
            return
        # The number may still be watched for a connection that was closed meanwhile.
        self._loop.unwatch(fd)
        self._loop.watch(fd, events, self._on_ready)
        self._fds.add(fd)

    def _on_ready(self, fd: int, events: int) -> None:
        bad = pycares.ARES_SOCKET_BAD
        self._channel.process_fd(fd if events & READ else bad, fd if events & WRITE else bad)
        self._plan_tick()

    def _plan_tick(self) -> None:
        """Set the timer by which c-ares repeats queries: it does so only when it is called."""
        if self._tick is None and self._asked:
            wait = max(0.02, self._channel.timeout())  # type: ignore[no-untyped-call] # pycares leaves it so
            self._tick = self._loop.call_at(self._loop.clock() + wait, self._on_tick)

    def _on_tick(self) -> None:
        self._tick = None
        self._channel.process_fd(pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)
        self._plan_tick()
