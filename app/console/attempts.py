"""Attempts: limits how often somebody may try a password, a link or a sign-up, in each process."""

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
from app.errors import RateLimited

WINDOW_S: Final = 60.0
MAX_COUNTED: Final = 4096
"""Networks and addresses that are counted at once, of each kind."""

_EXTENSION: Final = "wakecall-console-attempts"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of attempt, and how many are allowed in a minute."""

    name: str
    allowed: int


SIGN_IN_FROM: Final = Kind(name="sign-ins from your network", allowed=20)
SIGN_IN_AS: Final = Kind(name="sign-ins with this address from your network", allowed=5)
SIGN_IN_ANYWHERE: Final = Kind(name="sign-ins with this address", allowed=30)
SIGN_IN_BROWSER: Final = Kind(name="sign-ins from this browser", allowed=5)
SIGN_IN_BROWSERS: Final = Kind(name="sign-ins with this address from known browsers", allowed=30)
PASSWORD: Final = Kind(name="passwords tried by you", allowed=5)
JOIN: Final = Kind(name="sign-ups from your network", allowed=10)
REQUEST: Final = Kind(name="requests from your network", allowed=5)
TEST: Final = Kind(name="test calls of your account", allowed=10)
LINK: Final = Kind(name="links opened from your network", allowed=30)


@dataclass(kw_only=True, slots=True)
class _Window:
    begun: float
    number: int = 0


class Attempts:
    """Counts attempts by kind and network or user, in windows of a minute."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._windows: dict[Kind, OrderedDict[str, _Window]] = {}

    def count(self, kind: Kind, who: str) -> None:
        """Count an attempt; raises RateLimited above the number that is allowed."""
        with self._lock:
            now = self._clock()
            windows = self._windows.setdefault(kind, OrderedDict())
            window = windows.get(who)
            if window is None or now - window.begun >= WINDOW_S:
                windows.pop(who, None)
                window = windows[who] = _Window(begun=now)
                if len(windows) > MAX_COUNTED:
                    windows.popitem(last=False)
            window.number += 1
            seconds = max(math.ceil(window.begun + WINDOW_S - now), 1)
        if window.number > kind.allowed:
            raise RateLimited(
                f"There were more than {kind.allowed} {kind.name} within a minute.",
                limit="attempts",
                allowed=kind.allowed,
                used=window.number,
                retry_after=seconds,
                remedy=f"Wait {seconds} s and try again.",
            )


def install(app: Flask) -> None:
    """Count the attempts of this application."""
    app.extensions[_EXTENSION] = Attempts()


def count(kind: Kind, who: str = "") -> None:
    """Count an attempt of this request's network, at `who` if given; raises RateLimited."""
    attempts: Attempts = current_app.extensions[_EXTENSION]
    attempts.count(kind, f"{who}@{network()}" if kind in _BY_NETWORK else who)


def network() -> str:
    """Return the network that this request comes from."""
    return senders.network_of(request.remote_addr or "")


_BY_NETWORK: Final = frozenset({SIGN_IN_FROM, SIGN_IN_AS, JOIN, REQUEST, LINK})
