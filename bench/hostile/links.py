"""Links: the attacker's connections, which ask, do not read, send slowly or say nothing."""

from __future__ import annotations

import asyncio
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PIECE: Final = 262_144
_MAX_HEAD: Final = 65_536
_AGAIN_S: Final = 0.05
_FIRST_REFUSAL: Final = 400
_SMALL_BUFFER: Final = 4096
MAX_REQUESTS: Final = 200_000
"""What one attack sends at most."""

HOST: Final = "127.0.0.1"


@dataclass(kw_only=True)
class Score:
    """The results of an attack: answers by status, connections opened and closed by the server."""

    statuses: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    opened: int = 0
    closed: int = 0

    @property
    def refused(self) -> int:
        """Answers that refuse what was asked for."""
        return sum(n for status, n in self.statuses.items() if status >= _FIRST_REFUSAL)

    def document(self) -> dict[str, Any]:
        """As it is handed to another process."""
        return {
            "statuses": {f"{status}": n for status, n in sorted(self.statuses.items())},
            "answered": self.statuses.total(),
            "refused": self.refused,
            "sent": self.sent,
            "opened": self.opened,
            "closed": self.closed,
        }


async def ask(
    port: int, requests: Iterator[bytes], score: Score, *, most: int = MAX_REQUESTS
) -> None:
    """Send one request after the other, each once the answer before is here.

    After an error the next request is sent on another connection, until `most` have been sent.
    """
    while score.sent < most:
        with suppress(OSError, EOFError, asyncio.LimitOverrunError):
            reader, writer = await asyncio.open_connection(HOST, port, limit=_MAX_HEAD)
            score.opened += 1
            try:
                for request in requests:
                    writer.write(request)
                    score.sent += 1
                    score.statuses[await _answer(reader)] += 1
            finally:
                score.closed += 1
                writer.close()
        await asyncio.sleep(_AGAIN_S)


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status of the next answer, once all of it is here; its body is dropped."""
    head = await reader.readuntil(b"\r\n\r\n")
    found = _LENGTH.search(head)
    left = int(found.group(1)) if found else 0
    while left > 0:
        piece = await reader.read(min(left, _PIECE))
        if not piece:
            raise EOFError
        left -= len(piece)
    return int(head[9:12])


async def ask_and_not_read(
    port: int, requests: Iterator[bytes], score: Score, *, held: int, pause_s: float
) -> None:
    """Send each request on a connection of its own, and never read; `held` stay open at most."""
    loop = asyncio.get_running_loop()
    links: list[socket.socket] = []
    try:
        for request in requests:
            with suppress(OSError):
                links.append(await _connected(port, buffer=_SMALL_BUFFER))
                score.opened += 1
                await loop.sock_sendall(links[-1], request)
                score.sent += 1
            if len(links) >= held:
                links.pop(0).close()
            await asyncio.sleep(pause_s)
    finally:
        for link in links:
            link.close()


async def send_slowly(
    port: int, beginning: bytes, score: Score, *, piece: bytes, pause_s: float
) -> None:
    """Send the beginning of a request, then a piece now and then, until it is answered; again."""
    while score.sent < MAX_REQUESTS:
        with suppress(OSError):
            async with _link(port, score) as link:
                await asyncio.get_running_loop().sock_sendall(link, beginning)
                score.sent += 1
                answering = asyncio.ensure_future(_read(link))
                try:
                    while not answering.done():
                        await asyncio.get_running_loop().sock_sendall(link, piece)
                        await asyncio.wait({answering}, timeout=pause_s)
                    _note(answering.result(), score)
                finally:
                    answering.cancel()
        await asyncio.sleep(_AGAIN_S)


async def say_nothing(port: int, score: Score) -> None:
    """Keep a connection open and send nothing; again when the server closes it."""
    while score.opened < MAX_REQUESTS:
        with suppress(OSError):
            async with _link(port, score) as link:
                _note(await _read(link), score)
        await asyncio.sleep(_AGAIN_S)


def _note(answer: bytes, score: Score) -> None:
    if answer.startswith(b"HTTP/1."):
        score.statuses[int(answer[9:12])] += 1


@asynccontextmanager
async def _link(port: int, score: Score) -> AsyncIterator[socket.socket]:
    link = await _connected(port)
    score.opened += 1
    try:
        yield link
    finally:
        score.closed += 1
        link.close()


async def _connected(port: int, *, buffer: int = 0) -> socket.socket:
    link = socket.socket()
    link.setblocking(False)  # noqa: FBT003 - the name of the standard library's argument is "flag"
    if buffer:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    try:
        await asyncio.get_running_loop().sock_connect(link, (HOST, port))
    except BaseException:
        link.close()
        raise
    return link


async def _read(link: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(link, _PIECE)
