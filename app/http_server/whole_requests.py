"""Whole requests: requests whose body came with their head, which need no task to be answered."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

from app.http_server import responses
from app.http_server.heads import Head
from app.http_server.known_heads import Notes
from app.http_server.responses import Headers

PASSED_ON: Final = "http_server.passed_on"
"""The name in a scope of what the application said of a request that it had taken whole, and then
passed on; absent in others."""


class Link(responses.Link, Protocol):
    """What a whole request needs of its connection."""

    def end_whole(self, request: WholeRequest) -> None:
        """Go on, as the request is answered, or as there is nobody to read the response."""

    def pass_on(self, request: WholeRequest, said: dict[str, Any]) -> None:
        """Serve the request as all others."""


class WholeRequest:
    """One request that arrived whole.

    An application that takes it calls `answer`, `pass_on` or `fail`, once, and only after it has
    told that it takes the request.
    """

    __slots__ = ("_is_answered", "_link", "body", "closes", "head", "notes")

    is_whole: Final = True
    held: Final = 0

    def __init__(self, head: Head, notes: Notes, body: bytes, link: Link) -> None:
        self.head = head
        self.notes = notes
        self.body = body
        self.closes = False
        self._is_answered = False
        self._link = link

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a short response; raises ValueError, without effect, for a field of two lines."""
        link, head = self._link, self.head
        if not link.is_gone:
            self.closes = link.is_last or not head.keeps_alive
            opening = responses.open_whole(
                status,
                headers,
                len(body),
                method=head.method,
                version=head.version,
                closes=self.closes,
            )
            link.write(opening.head + body if opening.has_body else opening.head)
        self._is_answered = True
        link.end_whole(self)

    def pass_on(self, said: dict[str, Any]) -> None:
        """Have the application serve it as all others; the scope then has what is `said` here."""
        self._link.pass_on(self, said)

    def fail(self) -> None:
        """Answer after a defect, unless that came later than the response."""
        if not self._is_answered:
            self.answer(responses.FAILED, (), b"")

    def feed(self, data: bytes) -> bytes:
        """Take nothing: what follows is the next request."""
        return data

    def cut(self) -> None:
        """Nothing is missing if no more comes."""


@runtime_checkable
class TakesWhole(Protocol):
    """An ASGI application that can take whole requests as well."""

    def take(self, request: WholeRequest) -> bool:
        """Whether it takes the request, and will answer it; False, without effect, if not."""
