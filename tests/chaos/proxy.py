"""Proxy: forwards TCP connections to a server, and cuts, delays or silences them on demand."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

_CHUNK = 65_536
Address = Path | tuple[str, int]
"""A Unix socket, or a host and a port."""


class Proxy:
    """One listener on loopback and a thread for all its connections; `port` is where it listens."""

    def __init__(self, target: Address) -> None:
        self.port = 0
        self._target = target
        self._delay_s = 0.0
        self._is_cut = False
        self._loop = asyncio.new_event_loop()
        self._forwarding = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Reset every connection, and each new one, as long as the block lasts."""
        self._is_cut = True
        self._loop.call_soon_threadsafe(self._reset)
        try:
            yield
        finally:
            self._is_cut = False

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        """Forward each chunk so much later, in both directions."""
        self._delay_s = seconds
        try:
            yield
        finally:
            self._delay_s = 0.0

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Accept everything and forward nothing; afterwards every connection is reset.

        That is a partition: what was sent to a silent connection is never delivered.
        """
        self._loop.call_soon_threadsafe(self._forwarding.clear)
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(self._reset)
            self._loop.call_soon_threadsafe(self._forwarding.set)

    def _reset(self) -> None:
        for each in list(self._open):
            each.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._forwarding.set()
        listening = asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512)
        server = self._loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._reset()
        tasks = asyncio.all_tasks(self._loop)
        for each in tasks:
            each.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        ends = [writer]
        try:
            if self._is_cut:
                return
            onward, server = await self._connect()
            ends.append(server)
            self._open.add(server)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._forward(reader, server))
                group.create_task(self._forward(onward, writer))
        except (OSError, ExceptionGroup):
            pass
        finally:
            for each in ends:
                self._open.discard(each)
                each.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, Path):
            return await asyncio.open_unix_connection(f"{self._target}")
        return await asyncio.open_connection(*self._target)

    async def _forward(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(_CHUNK):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._forwarding.wait()
            target.write(data)
            await target.drain()
        with suppress(OSError, NotImplementedError):
            target.write_eof()
