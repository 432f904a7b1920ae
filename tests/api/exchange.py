"""Exchanges with an ASGI application without a server: the events that it gets and sends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from app.api import senders
from app.api.asgi import AsgiApp
from app.domain import key

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication

Message = dict[str, Any]
KEYS = {account: key.compose(account.encode() * 64) for account in ("1", "2")}


def scope_of(method: str = "POST", **headers: str) -> Message:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": method,
        "http_version": "1.1",
        "scheme": "http",
        "raw_path": b"/1/jobs/a%2Fb%FF",
        "query_string": b"c=%2F",
        "headers": named,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


class Exchange:
    """One request through an ASGI application; keeps what the application saw and what was sent."""

    def __init__(
        self, arriving: Iterable[Message] = (), chunks: Iterable[bytes] = (b"ok",)
    ) -> None:
        self.arriving = iter(arriving)
        self.received = 0
        self.chunks = chunks
        self.seen: Message = {}
        self.sent: list[Message] = []

    def app(self, environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        senders.note(environ, int(environ.get("HTTP_ACCOUNT", "1")), None)
        self.seen = {**environ, "body": environ["wsgi.input"].read()}
        start_response("201 Created", [("A", "b")])
        return self.chunks

    async def receive(self) -> Message:
        for message in self.arriving:
            self.received += 1
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def run(self, scope: Message, **options: float) -> Message:
        asgi = AsgiApp(self.app, body_s=options.get("body_s", 30), send_s=options.get("send_s", 30))
        asyncio.run(asgi(scope, self.receive, self.send))
        return self.seen

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def application(chunks: Iterable[bytes]) -> WSGIApplication:
    def app(_environ: Message, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        with pytest.raises(NotImplementedError):
            write(b"")
        return chunks

    return app
