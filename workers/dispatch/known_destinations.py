"""KnownDestinations: the destinations of a worker's recent runs, kept until they are idle."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from app.delivery.loop import Loop
from workers.dispatch.destination import Destination
from workers.dispatch.leased_run import LeasedRun

_TIDY_S: Final = 10.0
_CROWDED_TIDY_S: Final = 1.0
"""Seconds between two searches for idle destinations, and where too many destinations are known."""

_IDLE_S: Final = 60.0
"""A destination that was not used for so long is forgotten."""

_MAX_KNOWN: Final = 20_000
"""Destinations in memory, beyond which all that are idle right now are forgotten."""


class ConnectionLimits(NamedTuple):
    """How many calls to one destination each account may have in flight, in all workers."""

    default: int = 50
    by_account: Mapping[int, int] = MappingProxyType({})
    """The accounts with a limit of their own; it may change while the worker runs."""

    def for_account(self, account_id: int) -> int:
        """The limit of this account."""
        return self.by_account.get(account_id, self.default)


DEFAULT_CONNECTIONS: Final = ConnectionLimits()


class Key(NamedTuple):
    """What tells one destination from another."""

    account_id: int
    host: str
    port: int
    scheme: str
    unreachable_is_free: bool


def key_of_missing_app(account_id: int, name: str) -> Key:
    """The key of the runs of an app that is not configured; no URL leads to port 0."""
    return Key(account_id, name, 0, "", unreachable_is_free=True)


class KnownDestinations:
    """Destinations by key. Used by the loop's thread, but for `accounts` and iteration.

    `on_forget` is called for each destination that is forgotten.
    """

    def __init__(
        self,
        loop: Loop,
        connections: ConnectionLimits,
        *,
        on_forget: Callable[[Destination[LeasedRun]], None],
    ) -> None:
        self._loop = loop
        self._connections = connections
        self._on_forget = on_forget
        self._known: dict[Key, Destination[LeasedRun]] = {}
        self._tidying = False
        self._tidied_at = 0.0
        self._workers = 1

    def __iter__(self) -> Iterator[Destination[LeasedRun]]:
        """From any thread."""
        return iter(list(self._known.values()))

    @property
    def accounts(self) -> set[int]:
        """The accounts that have destinations here; from any thread."""
        return {each.account_id for each in list(self._known.values())}

    def get(self, key: Key) -> Destination[LeasedRun] | None:
        """The destination of this key, if it is known."""
        return self._known.get(key)

    def get_or_add(self, key: Key) -> Destination[LeasedRun]:
        """The destination of this key, known from now on."""
        return self._known.get(key) or self._add(key)

    def set_workers(self, workers: int) -> None:
        """Share each account's connections among so many workers."""
        self._workers = max(1, workers)
        for destination in self._known.values():
            connections = self._connections.for_account(destination.account_id)
            destination.set_share(connections, self._workers)

    def _add(self, key: Key) -> Destination[LeasedRun]:
        destination: Destination[LeasedRun] = Destination(
            key.account_id,
            key.scheme,
            key.host,
            key.port,
            1,
            unreachable_is_free=key.unreachable_is_free,
        )
        destination.set_share(self._connections.for_account(key.account_id), self._workers)
        now = destination.last_used_at = self._loop.clock()
        if not self._tidying:
            self._tidying = True
            self._loop.call_at(now + _TIDY_S, self._tidy)
        if len(self._known) >= _MAX_KNOWN and now - self._tidied_at > _CROWDED_TIDY_S:
            self._forget_idle(now)
        self._known[key] = destination
        return destination

    def _tidy(self) -> None:
        now = self._loop.clock()
        self._forget_idle(now)
        self._tidying = bool(self._known)
        if self._known:
            self._loop.call_at(now + _TIDY_S, self._tidy)

    def _forget_idle(self, now: float) -> None:
        """Forget destinations not used for long; where too many are known, all that are idle."""
        self._tidied_at = now
        crowded = len(self._known) >= _MAX_KNOWN
        for key, destination in list(self._known.items()):
            waits = destination.parked or now < destination.breaker.until
            unused = not waits and now - destination.last_used_at > _IDLE_S
            if destination.idle and (crowded or unused):
                del self._known[key]
                self._on_forget(destination)
