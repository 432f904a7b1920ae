"""A server in an event loop of the kind that the deployment has, and clients with raw bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from app.http_server.exchange import Application, Message, Receive, Send
from app.http_server.server import HttpServer

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def post(path: bytes, body: bytes, *fields: bytes) -> bytes:
    lines = (b"POST %b HTTP/1.1" % path, b"Content-Length: %d" % len(body), *fields, b"", body)
    return b"\r\n".join(lines)


@dataclass(frozen=True, kw_only=True)
class Client:
    """A connection of a client."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, sent: bytes) -> tuple[int, dict[str, str], bytes]:
        self.writer.write(sent)
        return await self.answer(is_head=sent.startswith(b"HEAD"))

    async def answer(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The status, the fields, and the body of the next response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        start, *lines = head.decode("latin-1").split("\r\n")[:-2]
        fields = {
            name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)
        }
        status = int(start.split()[1])
        body = b""
        if fields.get("transfer-encoding") == "chunked" and not is_head:
            while size := int(await self.reader.readline(), 16):
                body += await self.reader.readexactly(size)
                await self.reader.readline()
            await self.reader.readline()
        elif not is_head and status >= 200:
            body = await self.reader.readexactly(int(fields.get("content-length", "0")))
        return status, fields, body

    async def is_closed(self) -> bool:
        """Whether the server ends the connection; waits for it."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


@asynccontextmanager
async def serving(application: Application, **options: Any) -> AsyncIterator[Server]:
    server = HttpServer(application, **options)
    port = await server.listen("127.0.0.1", 0)
    clients: list[Client] = []
    try:
        yield Server(server=server, port=port, clients=clients)
    finally:
        for each in clients:
            each.writer.close()
        await server.stop()


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that listens, and the clients that it had."""

    server: HttpServer
    port: int
    clients: list[Client]

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        client = Client(reader=reader, writer=writer)
        self.clients.append(client)
        return client


def play(application: Application, play: Callable[[Server], Awaitable[Any]], **options: Any) -> Any:
    """What a coroutine function returns that gets a server."""

    async def playing() -> Any:
        async with asyncio.timeout(60), serving(application, **options) as server:
            return await play(server)

    return uvloop.run(playing())


async def until(true: Callable[[], object]) -> None:
    """Wait until something is so, which only the server knows."""
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def whole_body(receive: Receive) -> bytes | None:
    """The body of a request; None of one that broke off."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def respond(
    send: Send,
    body: bytes = b"",
    status: int = 200,
    headers: list[tuple[bytes, bytes]] | None = None,
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def echo(scope: Message, receive: Receive, send: Send) -> None:
    """Answers with the target and the body of a request."""
    body = await whole_body(receive)
    if body is None:
        await respond(send, b"broken off", 400)
    else:
        await respond(send, scope["raw_path"] + b"|" + body)
