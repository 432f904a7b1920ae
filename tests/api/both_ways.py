"""Both ways: requests to two ASGI applications, of which only one books plain jobs directly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flask import Flask

from app.api.asgi import AsgiApp
from app.api.auth import Bound
from app.api.direct_bookings import DirectBookings
from app.http_server.exchange import NOTES
from app.service.booking_batches import Outcome
from app.store.booking_batches import WantedJob
from tests.api.exchange import Message, chunk, scope_of

_RANDOM: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{16}\Z"
)
"""Ids of jobs, and of requests."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request of a client."""

    path: str = "/1/jobs"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"

    def scope(self) -> Message:
        path, _, query = self.path.partition("?")
        fields = {"host": "wakecall", "content_length": f"{len(self.body)}", **self.headers}
        scope = scope_of(self.method, **{name: value for name, value in fields.items() if value})
        return {
            **scope,
            "raw_path": quote(path, safe="/%+").encode(),
            "query_string": query.encode(),
        }


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A response, in which ids are replaced by their kind."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def field(self, name: str) -> str | None:
        return {each.lower(): value.decode() for each, value in self.headers}.get(
            name.lower().encode()
        )


class Ways:
    """An ASGI application that books directly, and one that does not; both of one Flask."""

    def __init__(self, app: Flask, *, bound: Bound | None = None, wsgi: Any = None) -> None:
        self.direct = DirectBookings(app, bound=bound)
        self.batches: list[Sequence[WantedJob]] = []
        self.outcomes: list[Outcome] = []
        write = self.direct._batches._write

        def noting(wanted: Sequence[WantedJob]) -> list[Outcome]:
            found = write(wanted)
            self.batches.append(wanted)
            self.outcomes += found
            return found

        self.direct._batches._write = noting
        self._notes: dict[str, Message] = {}
        self.directly = AsgiApp(wsgi or app, direct=self.direct)
        self.by_route = AsgiApp(wsgi or app)

    async def ask(
        self, asgi: AsgiApp, asked: Asked, notes: Message | None = None, *, cut: bool = False
    ) -> Answered:
        """The response to a request; with `cut` its connection ends before its body."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"} if cut else chunk(asked.body)

        async def send(message: Message) -> None:
            sent.append(message)

        async with asyncio.timeout(30):
            await asgi({**asked.scope(), NOTES: notes}, receive, send)
        return Answered(
            status=sent[0]["status"],
            headers=[(name, _RANDOM.sub(b"<id>", value)) for name, value in sent[0]["headers"]],
            body=_RANDOM.sub(b"<id>", b"".join(each["body"] for each in sent[1:])),
        )

    async def ask_directly(self, asked: Asked, *, cut: bool = False) -> Answered:
        """As `ask`, with the notes about the request's head that the server keeps."""
        notes = self._notes.setdefault(f"{asked.scope()}", {})
        return await self.ask(self.directly, asked, notes, cut=cut)

    def play(self, play: Callable[[Ways], Awaitable[Any]]) -> Any:
        """What a coroutine function returns, which has a loop of its own."""

        async def playing() -> Any:
            try:
                return await play(self)
            finally:
                self.direct.shutdown()

        return asyncio.run(playing())
