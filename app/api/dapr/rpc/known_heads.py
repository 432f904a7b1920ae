"""Known heads: methods and metadata of RPCs that came lately, and what was noted about them.

A client sends the same metadata with RPC after RPC. app/http_server/known_heads.py is the same for
requests over HTTP.
"""

from __future__ import annotations

from typing import Final

from app.api.dapr.rpc import requests
from app.api.dapr.rpc.calls import Metadata
from app.api.head_notes import NOTES
from app.api.wsgi_bridge import Message

MAX_KNOWN: Final = 512
"""Heads that are kept, of one server."""

MAX_SIZE: Final = 1024
"""Of the fields of one that is kept, the most bytes, each field with `_OVERHEAD`."""

_OVERHEAD: Final = 32
"""As RFC 7541, 4.1 counts it: many short fields take more memory than a long one."""


class KnownHeads:
    """Makes the environments of the RPCs of one server."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, Metadata], Message] = {}

    def environ_of(self, path: str, metadata: Metadata, peer: str) -> Message:
        """The environment of an RPC, as `requests.environ_of`, with the notes of a known head."""
        head = path, metadata
        found = self._known.get(head)
        if found is None:
            found = self._read(head)
        return requests.of_client(found, peer)

    def _read(self, head: tuple[str, Metadata]) -> Message:
        found = requests.of_head(*head)
        if sum(len(name) + len(value) + _OVERHEAD for name, value in head[1]) <= MAX_SIZE:
            found[NOTES] = {}
            if len(self._known) >= MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[head] = found
        return found
