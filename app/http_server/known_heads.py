"""Known heads: heads that were read lately, and what the application has noted about them.

A client sends the same head with request after request, but for the length of its body, so that to
read one again would be most of what a short request costs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, NamedTuple

from app.http_server import heads
from app.http_server.heads import Head

MAX_KNOWN: Final = 512
MAX_LENGTH: Final = 1024
"""Heads that are kept, of one server, and bytes of each."""

Notes = dict[str, Any]


class KnownHead(NamedTuple):
    """A head, and notes of the application: only of what follows from the head alone."""

    head: Head
    notes: Notes


class KnownHeads:
    """Reads the heads of one server, whose requests all go to one application."""

    def __init__(self) -> None:
        self._known = lru_cache(maxsize=MAX_KNOWN)(_read)

    def read(self, head: bytes) -> KnownHead:
        """Read a head as `heads.read` does, unless it is known; raises Refused."""
        return self._known(head) if len(head) <= MAX_LENGTH else _read(head)


def _read(head: bytes) -> KnownHead:
    return KnownHead(heads.read(head), {})
