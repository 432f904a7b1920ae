"""Unavailable log: logs why requests get 503, at a limited rate."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Flask, current_app, g, request

from app.api.logged_path import logged_path
from app.errors import Unavailable
from app.log import describe_error, logger

INTERVAL_S: Final = 1.0
"""The least time between two log lines with the same reason."""

MAX_REASONS: Final = 64
"""Reasons that are remembered; the ones that were logged longest ago are forgotten."""

_EXTENSION: Final = "wakecall-unavailable-log"


@dataclass(kw_only=True, slots=True)
class _Logged:
    """When a reason was last logged, and how many requests got it since then."""

    at: float
    left_out: int = 0


class UnavailableLog:
    """Logs `request.unavailable` at most once in INTERVAL_S per reason; there are few reasons."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: OrderedDict[str, _Logged] = OrderedDict()

    def log(self, error: Unavailable) -> None:
        """Log one response of 503, or count it for the next line with the same reason."""
        reason, now = error.message, self._clock()
        with self._lock:
            before = self._logged.get(reason)
            if before is not None and now - before.at < INTERVAL_S:
                before.left_out += 1
                return
            self._logged[reason] = _Logged(at=now)
            self._logged.move_to_end(reason)
            if len(self._logged) > MAX_REASONS:
                self._logged.popitem(last=False)
        cause = error.__cause__
        logger.warning(
            "request.unavailable",
            reason=reason,
            error=None if cause is None else describe_error(cause)[:500],
            request_id=g.get("request_id"),
            method=request.method[:20],
            path=logged_path(),
            left_out=0 if before is None else before.left_out,
        )


def install(app: Flask) -> None:
    """Let this application log why it answers 503."""
    app.extensions[_EXTENSION] = UnavailableLog()


def log(error: Unavailable) -> None:
    """Log that the current request is answered with 503."""
    found: UnavailableLog = current_app.extensions[_EXTENSION]
    found.log(error)
