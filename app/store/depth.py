"""Depth: the callback depth of the current request: how many calls led to it, one to the next.

All jobs that the request stores, and all runs that it starts, get this depth. Outside of requests
it is 0.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

_depth: Final[ContextVar[int]] = ContextVar("depth", default=0)


def set_depth(depth: int) -> None:
    """Set the callback depth of this thread's request."""
    _depth.set(depth)


def current_depth() -> int:
    """Return the callback depth of this thread's request."""
    return _depth.get()
