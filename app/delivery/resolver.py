"""Resolver: resolves host names to addresses with c-ares, many at once, each with a time limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import pycares

from app.delivery.loop import Loop, Timer
from app.delivery.name_queries import NameQueries
from app.log import describe_error, logger

_FLOOR: Final = 5.0
_CEILING: Final = 300.0
_NEGATIVE: Final = 5.0
_REREAD: Final = 30.0
_MAX_APART: Final = 8
"""Lookups that are made apart from others at a time; further ones wait for their turn."""

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

    An answer that cannot be read fails all lookups that are under way at that time. Each of them is
    made once more apart from all others, so that only the name with that answer fails.
    """

    def __init__(
        self, loop: Loop, *, servers: tuple[str, ...] | None = None, patience: float = 5.0
    ) -> None:
        self._loop = loop
        self._servers = servers
        self._patience = patience
        self._reread_at = loop.clock()
        self._closed = False
        self._shared = NameQueries(loop, servers=servers, patience=patience)
        self._apart: list[NameQueries] = []
        self._suspects: deque[_Question] = deque()

    def resolve(self, host: str, on_resolved: OnResolved) -> None:
        """Look up A and AAAA of the name; `on_resolved` is called once, later, with the result."""
        question = _Question(host, on_resolved)
        question.limit = self._loop.call_at(
            self._loop.clock() + self._patience, self._give_up, question
        )
        self._shared.ask(host, partial(self._on_answer, question))

    def close(self) -> None:
        """End all lookups; no callback is called after this."""
        self._closed = True
        for each in (self._shared, *self._apart):
            each.close()

    def _on_answer(
        self, question: _Question, result: pycares.AddrInfoResult | None, error: int | None
    ) -> None:
        if question.is_suspect:
            # c-ares calls back while it closes a socket: what follows is asked later.
            self._loop.call_soon(self._ask_apart)
        if self._closed or question.limit is None:
            return
        if error == pycares.errno.ARES_EBADRESP and not question.is_suspect:
            question.is_suspect = True
            self._suspects.append(question)
            self._loop.call_soon(self._ask_apart)
            return
        self._loop.cancel(question.limit)
        question.limit = None
        # c-ares may call back within getaddrinfo (hosts file); our callback must come later.
        self._loop.call_soon(question.on_resolved, _resolution(question.host, result, error))
        if error in _SUSPICIOUS:
            self._reread()

    def _ask_apart(self) -> None:
        """Look up the suspects, each on a channel that is used for nothing else at the time."""
        while self._suspects and not self._closed:
            free = next((each for each in self._apart if each.is_idle), None)
            if free is None and len(self._apart) == _MAX_APART:
                return
            if free is None:
                free = NameQueries(self._loop, servers=self._servers, patience=self._patience)
                self._apart.append(free)
            question = self._suspects.popleft()
            if question.limit is not None:
                free.ask(question.host, partial(self._on_answer, question))

    def _give_up(self, question: _Question) -> None:
        question.limit = None
        reason = f"no answer within {self._patience:g} s"
        question.on_resolved(_failure(question.host, reason))
        self._reread()

    def _reread(self) -> None:
        """Read the system's configuration again, as c-ares does not watch it on a foreign loop.

        c-ares does so in a thread, which cannot begin where the system has no further one. Whoever
        asked has been answered before: no call to the host would be answered again otherwise.
        """
        now = self._loop.clock()
        if now < self._reread_at + _REREAD:
            return
        self._reread_at = now
        for each in (self._shared, *self._apart):
            try:
                each.reread()
            except pycares.AresError as error:
                logger.warning("resolver.not_reread", error=describe_error(error))


class _Question:
    """A lookup in progress; `limit` is None once it has been answered or has timed out."""

    __slots__ = ("host", "is_suspect", "limit", "on_resolved")

    def __init__(self, host: str, on_resolved: OnResolved) -> None:
        self.host = host
        self.on_resolved = on_resolved
        self.limit: Timer | None = None
        self.is_suspect = False
        """Whether an answer that could not be read came while it was under way."""


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
