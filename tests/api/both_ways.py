"""Both ways: requests to two ASGI applications, of which only one books plain jobs directly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from flask import Flask

from app.api import wsgi_bridge
from app.api.asgi import AsgiApp
from app.api.auth import Bound
from app.api.direct_bookings import READER, DirectBookings
from app.api.head_notes import noted
from app.http_server.exchange import NOTES
from app.http_server.heads import Head
from app.http_server.responses import Headers
from app.http_server.whole_requests import PASSED_ON, WholeRequest
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

    def fields(self) -> dict[str, str]:
        """The fields of its head, with `_` for `-` in their names."""
        fields = {"host": "wakecall", "content_length": f"{len(self.body)}", **self.headers}
        return {name: value for name, value in fields.items() if value}

    def scope(self) -> Message:
        path, _, query = self.path.partition("?")
        scope = scope_of(self.method, **self.fields())
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

    is_whole = False
    """Whether the one that books directly is offered requests whole, as a server does."""

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
        self.taken = 0
        """How many requests were taken whole."""
        self.directly = AsgiApp(wsgi or app, direct=self.direct)
        self.by_route = AsgiApp(wsgi or app)

    async def ask(
        self, asgi: AsgiApp, asked: Asked, *, cut: bool = False, **further: Any
    ) -> Answered:
        """The response to a request; with `cut` its connection ends before its body."""
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.disconnect"} if cut else chunk(asked.body)

        async def send(message: Message) -> None:
            sent.append(message)

        async with asyncio.timeout(30):
            await asgi({**asked.scope(), NOTES: None, **further}, receive, send)
        body = b"".join(each["body"] for each in sent[1:])
        return _answered(sent[0]["status"], sent[0]["headers"], body)

    async def ask_directly(self, asked: Asked, *, cut: bool = False) -> Answered:
        """As `ask`, with the notes about the request's head that the server keeps."""
        notes = self._notes.setdefault(f"{asked.scope()}", {})
        said: Message | None = None
        if self.is_whole and not cut:
            offered = self._offer(asked, notes)
            if offered is not None:
                async with asyncio.timeout(30):
                    found = await offered
                if isinstance(found, Answered):
                    return found
                said = found
        further = {} if said is None else {PASSED_ON: said}
        return await self.ask(self.directly, asked, cut=cut, **{NOTES: notes, **further})

    def _offer(self, asked: Asked, notes: Message) -> asyncio.Future[Answered | Message] | None:
        """What becomes of a request that is taken whole; None of one that is not."""
        scope = asked.scope()
        if not asked.body or dict(scope["headers"]).get(b"content-length") != b"%d" % len(
            asked.body
        ):
            return None
        # What an earlier request with this head has left.
        environ = wsgi_bridge.build_environ({**scope, NOTES: notes})
        self.directly.identify(environ)
        noted(environ, READER, self.direct._reader_for)
        of_head = dict(notes[wsgi_bridge.OF_HEAD])
        request = _Offered(_head(scope), asked.body, notes)
        is_taken = self.directly.take(request)
        assert notes[wsgi_bridge.OF_HEAD] == of_head
        self.taken += is_taken
        return request.ended if is_taken else None

    def play(self, play: Callable[[Ways], Awaitable[Any]]) -> Any:
        """What a coroutine function returns, which has a loop of its own."""

        async def playing() -> Any:
            try:
                return await play(self)
            finally:
                self.direct.shutdown()

        return asyncio.run(playing())


class _Offered(WholeRequest):
    """A whole request without a connection."""

    def __init__(self, head: Head, body: bytes, notes: Message) -> None:
        super().__init__(head, notes, body, None)  # type: ignore[arg-type] # unused here
        self.ended: asyncio.Future[Answered | Message] = asyncio.get_running_loop().create_future()

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.ended.set_result(_answered(status, headers, body))

    def pass_on(self, said: Message) -> None:
        self.ended.set_result(said)


def _head(scope: Message) -> Head:
    return Head(
        method=scope["method"],
        path=scope["raw_path"],
        query=scope["query_string"],
        version=scope["http_version"],
        headers=scope["headers"],
        length=None,
        keeps_alive=True,
        expects_continue=False,
    )


def _answered(status: int, headers: Headers, body: bytes) -> Answered:
    return Answered(
        status=status,
        headers=[(name, _RANDOM.sub(b"<id>", value)) for name, value in headers],
        body=_RANDOM.sub(b"<id>", body),
    )
