"""Sink: a small receiver of our own, for calls that are never answered and where nginx is missing.

    python -m bench.sink ADDRESSES PLAIN TIMED TLS HANGING FOLDER

A port of 0 is not served. A GET is answered with the number of calls so far.
"""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
import sys
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path
from typing import IO, Final, cast

from bench.certificate import CERTIFICATE, KEY

_DONE: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_MAX_HEAD: Final = 65_536
# Quirrel does not send our headers: the job's id holds the due instant and the run.
_QUIRREL_ID: Final = re.compile(rb'"id":"([^/"]+)/([^"]+)"')


class Arrivals:
    """The calls that came: how many, and when those on the timed port did."""

    def __init__(self, log: IO[bytes]) -> None:
        self.count = 0
        self.log = log

    def write(self, head: bytes) -> None:
        """Keep a call's arrival, as nginx writes it."""
        at = time.time()
        due, run = _field(head, b"wakecall-scheduled-for"), _field(head, b"webhook-id")
        if not due and (theirs := _QUIRREL_ID.search(_field(head, b"x-quirrel-meta"))):
            due, run = theirs.groups()
        self.log.write(b"%.6f %b %b 204\n" % (at, due, run))


class Connection(asyncio.Protocol, ABC):
    """One kept connection, on which requests are taken one after the other.

    `body` is the body of the request that is answered.
    """

    def __init__(self) -> None:
        self.body = b""
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def answer(self, head: bytes) -> None:
        """Answer a request with this head, whose body has been taken."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every call that is complete."""
        self._buffer += data
        while (end := self._buffer.find(_HEAD_END)) >= 0:
            head = self._buffer[:end]
            size = int(_field(head, b"content-length") or 0)
            begin = end + len(_HEAD_END)
            if len(self._buffer) < begin + size:
                return
            self.body = self._buffer[begin : begin + size]
            self._buffer = self._buffer[begin + size :]
            self.answer(head)
        if len(self._buffer) > _MAX_HEAD:
            self.write(b"HTTP/1.1 431 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            if self._transport is not None:
                self._transport.close()

    def write(self, data: bytes) -> None:
        """Send this, unless the connection is over."""
        if self._transport is not None:
            self._transport.write(data)


class Counting(Connection):
    """A connection whose calls are counted and answered with 204, or never."""

    def __init__(self, arrivals: Arrivals, *, timed: bool = False, hanging: bool = False) -> None:
        super().__init__()
        self._arrivals = arrivals
        self._timed = timed
        self._hanging = hanging

    def answer(self, head: bytes) -> None:
        """Tell the number of calls so far where the request is a GET; otherwise count it."""
        if head.startswith(b"GET "):
            text = b"%d" % self._arrivals.count
            self.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))
            return
        self._arrivals.count += 1
        if self._timed:
            self._arrivals.write(head)
        if not self._hanging:
            self.write(_DONE)


def _field(head: bytes, name: bytes) -> bytes:
    """The value of a header field; nothing where there is none."""
    at = head.lower().find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    return head[at + len(name) + 3 :].partition(b"\r\n")[0].strip()


async def serve(addresses: list[str], ports: list[int], folder: Path) -> None:
    """Listen until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    plain, timed, tls, hanging = ports
    with (folder / "arrivals.log").open("ab") as log:
        arrivals = Arrivals(log)
        servers = []
        for port, kind in (
            (plain, partial(Counting, arrivals)),
            (timed, partial(Counting, arrivals, timed=True)),
            (tls, partial(Counting, arrivals, timed=True)),
            (hanging, partial(Counting, arrivals, hanging=True)),
        ):
            if port:
                secured = _context(folder) if port == tls else None
                servers.append(
                    await loop.create_server(kind, addresses, port, backlog=4096, ssl=secured)
                )
        while not stop.is_set():
            log.flush()
            try:
                async with asyncio.timeout(0.1):
                    await stop.wait()
            except TimeoutError:
                continue


def _context(folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    return context


def main(arguments: list[str]) -> None:
    """Serve what the command line names."""
    addresses, *ports, folder = arguments
    asyncio.run(serve(addresses.split(","), [int(port) for port in ports], Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
