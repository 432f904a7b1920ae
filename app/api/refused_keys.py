"""Refused keys: counts and logs invalid API keys, and limits them for each network.

A key is checked before it is counted here, so a valid key is never refused because of what other
clients send from the same address. IPv6 addresses count by their first 64 bits.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, request

from app.api import senders
from app.config import Settings
from app.domain import counters
from app.errors import RateLimited, Unauthenticated
from app.log import logger

WINDOW_S: Final = 60.0
MAX_NETWORKS: Final = 4096
MAX_LINES: Final = 10
"""Log lines in a minute; a further line gives the number of lines left out."""

LIMIT: Final = "refusedKeys"
_EXTENSION: Final = "wakecall-refused-keys"


@dataclass(kw_only=True, slots=True)
class _Window:
    """The number of refusals in the minute that began at `begun`."""

    begun: float
    number: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Exceeded:
    """The limit of refused keys, their number, and the seconds until the count begins again."""

    limit: int
    number: int
    seconds: int


class RefusedKeys:
    """Counts the keys that this process refuses; `limit` is for one network and minute."""

    def __init__(self, limit: int | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._networks: OrderedDict[str, _Window] = OrderedDict()
        self._lines = _Window(begun=clock())
        self._untold: dict[tuple[str, str], float] = {}

    def count(self, network: str, *, key_sent: bool) -> Exceeded | None:
        """Count a refusal; return Exceeded if the network has exceeded the limit, else None.

        A request without a key is counted in the metrics, but not against the limit.
        """
        with self._lock:
            name = (counters.UNAUTHENTICATED, counters.REFUSED if key_sent else counters.MISSING)
            self._untold[name] = self._untold.get(name, 0) + 1
            if not key_sent:
                return None
            now = self._clock()
            window = self._window(network, now)
            window.number += 1
            self._log(network, window.number, now)
        if self._limit is None or window.number <= self._limit:
            return None
        seconds = math.ceil(window.begun + WINDOW_S - now)
        return Exceeded(limit=self._limit, number=window.number, seconds=max(seconds, 1))

    def take_counts(self) -> dict[tuple[str, str], float]:
        """Return what was counted since the last call, for the stored counters."""
        with self._lock:
            untold, self._untold = self._untold, {}
            return untold

    def _window(self, network: str, now: float) -> _Window:
        found = self._networks.get(network)
        if found is None or now - found.begun >= WINDOW_S:
            self._networks.pop(network, None)
            found = self._networks[network] = _Window(begun=now)
            if len(self._networks) > MAX_NETWORKS:
                self._networks.popitem(last=False)
        return found

    def _log(self, network: str, number: int, now: float) -> None:
        """Log the first refusal of a network in a minute, and the one that reaches the limit."""
        if now - self._lines.begun >= WINDOW_S:
            left_out = self._lines.number - MAX_LINES
            if left_out > 0:
                logger.warning("keys.refused", left_out=left_out)
            self._lines = _Window(begun=now)
        if number not in {1, self._limit}:
            return
        self._lines.number += 1
        if self._lines.number <= MAX_LINES:
            logger.warning("keys.refused", network=network, number=number)


def install(app: Flask, settings: Settings) -> None:
    """Count the refused keys of this application."""
    app.extensions[_EXTENSION] = RefusedKeys(settings.refused_keys)


def refused_keys_of(app: Flask) -> RefusedKeys:
    """Return the RefusedKeys of this application."""
    found: RefusedKeys = app.extensions[_EXTENSION]
    return found


def judge(refusal: Unauthenticated) -> Unauthenticated | RateLimited:
    """Count a request without a valid key, and return the error to answer it with."""
    network = senders.network_of(request.environ.get("REMOTE_ADDR", ""))
    sent = senders.has_credentials(request.environ)
    counted: RefusedKeys | None = current_app.extensions.get(_EXTENSION)
    exceeded = counted.count(network, key_sent=sent) if counted else None
    if exceeded is None:
        return refusal
    return RateLimited(
        f"{exceeded.number} invalid API keys were sent from {network} within a minute.",
        limit=LIMIT,
        allowed=exceeded.limit,
        used=exceeded.number,
        retry_after=exceeded.seconds,
        remedy="Send a valid key, which is accepted at any time, or wait for the number of seconds "
        "in Retry-After.",
    )
