"""Depth: how many calls of Wakecall stand behind what is being done, one having led to the next.

It belongs to the request that is answered, whatever that does: all that it stores, and every run
that it starts, has this depth. Outside of requests it is 0.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

_depth: Final[ContextVar[int]] = ContextVar("depth", default=0)


def set_depth(depth: int) -> None:
    """Set the depth of what this thread does from now on."""
    _depth.set(depth)


def current_depth() -> int:
    """The depth of what this thread does."""
    return _depth.get()
