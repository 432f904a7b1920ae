"""Receiver: keeps every call, answers most of them at once, and some with 500 the first time."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Self

from bench.sink import Connection, _field
from tests.soak.records import Call

FLAKY = "flaky"
TICK = "tick"
POISON = "poison"
ANSWER_S = 0.05
"""Seconds a call is waited upon at most, so that some are always under way."""


class Recorder:
    """A thread that serves all connections; `calls` grows as they come.

    `poison` is called with the port that a call on the path of poison came from.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.poison: Callable[[int], None] = lambda _port: None
        self.poisoned: list[Call] = []
        self.port = 0
        self._failed: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_failure: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def url(self, path: str) -> str:
        """The URL of a path here."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def status_for(self, path: str) -> int:
        """What a call on this path is answered now."""
        if path.startswith(FLAKY) and path not in self._failed:
            self._failed.add(path)
            return 500
        return 204

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        listening = self._loop.create_server(partial(_Recording, self), "127.0.0.1", 0)
        server = self._loop.run_until_complete(listening)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()


class _Recording(Connection):
    """A kept connection whose calls are recorded."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def answer(self, head: bytes) -> None:
        at = time.time()
        path = head.split(b" ", 2)[1].decode("latin-1").lstrip("/")
        due = _field(head, b"wakecall-scheduled-for").decode()
        status = self._recorder.status_for(path)
        call = Call(
            key=f"{path}@{due}" if path.startswith(TICK) else path,
            at=at,
            job=_field(head, b"wakecall-job").decode(),
            run=_field(head, b"webhook-id").decode(),
            attempt=int(_field(head, b"wakecall-attempt") or 0),
            answered=status,
        )
        if path.startswith(POISON):
            self._recorder.poisoned.append(call)
            if self._transport is not None:
                self._recorder.poison(self._transport.get_extra_info("peername")[1])
                self._transport.close()
            return
        self._recorder.calls.append(call)
        text = b"HTTP/1.1 %d Said\r\n%b\r\n" % (
            status,
            b"" if status == 204 else b"Content-Length: 0\r\n",
        )
        self._recorder._loop.call_later(random.uniform(0, ANSWER_S), self._write, text)

    def _write(self, text: bytes) -> None:
        with suppress(OSError):
            self.write(text)
