"""Resolver: resolves host names to addresses with c-ares, many at once, each with a time limit."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import pycares

from app.delivery.loop import READ, WRITE, Loop, Timer

_FLOOR: Final = 5.0
_CEILING: Final = 300.0
_NEGATIVE: Final = 5.0
_REREAD: Final = 30.0
_SUSPICIOUS: Final = (
    # If the zone gives no lifetime for it, c-ares caches this for an hour unless it is reset.
    pycares.errno.ARES_ENODATA,
    pycares.errno.ARES_ECONNREFUSED,
    pycares.errno.ARES_ESERVFAIL,
    pycares.errno.ARES_ETIMEOUT,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolution:
    """The addresses of one name, in the order to try them, or the error.

    It may be used for `lifetime` seconds.
    """

    addresses: tuple[str, ...]
    lifetime: float
    error: str | None = None


OnResolved = Callable[[Resolution], object]


class Lookup(Protocol):
    """What resolves names to addresses for the guard."""

    def resolve(self, host: str, on_resolved: OnResolved) -> None:
        """Look the name up; `on_resolved` is called once, later, with the result."""

    def close(self) -> None:
        """End all lookups; no callback is called after this."""


class Resolver:
    """Resolves names through /etc/hosts and the name servers of the system's configuration.

    Runs on the loop without a thread. Lookups do not wait for each other, and each ends after
    `patience` seconds. A result is valid for its TTL, but 5 s at least and 5 min at most; a failure
    for 5 s. That a name has no address may be reported for _REREAD seconds longer. Search domains
    are not used, as the host of a callback is a full name. After a failure the system's
    configuration is read again, at most every 30 s.
    """

    def __init__(
        self, loop: Loop, *, servers: tuple[str, ...] | None = None, patience: float = 5.0
    ) -> None:
        self._loop = loop
        self._patience = patience
        self._fds: set[int] = set()
        self._tick: Timer | None = None
        self._asked = 0
        self._reread_at = loop.clock()
        self._closed = False
        self._channel = pycares.Channel(
            flags=pycares.ARES_FLAG_NOSEARCH,
            timeout=patience / 3,
            tries=3,
            servers=servers,
            lookups="fb",
            sock_state_cb=self._on_socket_state,
        )

    def resolve(self, host: str, on_resolved: OnResolved) -> None:
        """Look up A and AAAA of the name; `on_resolved` is called once, later, with the result."""
        question = _Question(host, on_resolved)
        question.limit = self._loop.call_at(
            self._loop.clock() + self._patience, self._give_up, question
        )
        self._asked += 1
        self._channel.getaddrinfo(
            host,
            None,
            family=socket.AF_UNSPEC,
            type=socket.SOCK_STREAM,
            callback=lambda result, error: self._on_answer(question, result, error),
        )
        self._plan_tick()

    def close(self) -> None:
        """End all lookups; no callback is called after this."""
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
        self, question: _Question, result: pycares.AddrInfoResult | None, error: int | None
    ) -> None:
        self._asked -= 1
        if self._closed or question.limit is None:
            return
        self._loop.cancel(question.limit)
        question.limit = None
        if error in _SUSPICIOUS:
            self._reread()
        # c-ares may call back within getaddrinfo (hosts file); our callback must come later.
        self._loop.call_soon(question.on_resolved, _resolution(question.host, result, error))

    def _give_up(self, question: _Question) -> None:
        question.limit = None
        self._reread()
        reason = f"no answer within {self._patience:g} s"
        question.on_resolved(_failure(question.host, reason))

    def _reread(self) -> None:
        """Read the system's configuration again, as c-ares does not watch it on a foreign loop."""
        now = self._loop.clock()
        if now >= self._reread_at + _REREAD:
            self._reread_at = now
            self._channel.reinit()

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


class _Question:
    """A lookup in progress; `limit` is None once it has been answered or has timed out."""

    __slots__ = ("host", "limit", "on_resolved")

    def __init__(self, host: str, on_resolved: OnResolved) -> None:
        self.host = host
        self.on_resolved = on_resolved
        self.limit: Timer | None = None


def _resolution(host: str, result: pycares.AddrInfoResult | None, error: int | None) -> Resolution:
    if result is None or not result.nodes:
        code = pycares.errno.ARES_ENODATA if error is None else error
        return _failure(host, str(pycares.errno.strerror(code)))
    addresses = dict.fromkeys(_text(node.addr[0]) for node in result.nodes)
    ttl = min(node.ttl for node in result.nodes)
    return Resolution(addresses=tuple(addresses), lifetime=min(max(ttl, _FLOOR), _CEILING))


def _failure(host: str, reason: str) -> Resolution:
    return Resolution(
        addresses=(),
        lifetime=_NEGATIVE,
        error=f"The name {host} was not resolved: {reason}.",
    )


def _text(address: str | bytes) -> str:
    return address.decode() if isinstance(address, bytes) else address
