"""Request threads: run the application for the event loop, which waits for their results.

An executor of the standard library does the same with a lock, a condition and two callbacks for
each result, which cost a request 40 µs of the interpreter's time.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Final, Generic, TypeVar

Result = TypeVar("Result")

_NAME: Final = "request"


class RequestThreads(Generic[Result]):
    """Up to `number` threads, each of which calls `begin` first; only one event loop may use them.

    A thread starts when a call finds all others busy: what a thread has allocated once, its part of
    the heap keeps, so that each thread costs tens of megabytes after a long list.
    """

    def __init__(
        self, number: int, name: str = _NAME, *, begin: Callable[[], None] = lambda: None
    ) -> None:
        self._number = number
        self._name = name
        self._begin = begin
        self._calls: SimpleQueue[_Call[Result] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    async def run(self, work: Callable[..., Result], *arguments: Any) -> Result:  # noqa: ANN401 - those of `work`
        """Return what `work` returns, or raise what it raises. It goes on if this is cancelled."""
        self._busy += 1
        if len(self._threads) < min(self._busy, self._number):
            self._start_thread()
        call = _Call(work, arguments, self._note_end)
        self._calls.put(call)
        return await call.result

    def shutdown(self) -> None:
        """End the threads when they have finished their work."""
        for _ in self._threads:
            self._calls.put(None)
        for each in self._threads:
            each.join()

    def _start_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._run_calls, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _note_end(self) -> None:
        self._busy -= 1

    def _run_calls(self) -> None:
        self._begin()
        while (call := self._calls.get()) is not None:
            call.run()


class _Call(Generic[Result]):
    """One call, made by a thread for an event loop."""

    __slots__ = ("_arguments", "_loop", "_note_end", "_work", "result")

    def __init__(
        self,
        work: Callable[..., Result],
        arguments: tuple[Any, ...],
        note_end: Callable[[], None],
    ) -> None:
        self._work = work
        self._arguments = arguments
        self._note_end = note_end
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Result] = self._loop.create_future()

    def run(self) -> None:
        """Make the call, and hand its outcome to the event loop."""
        try:
            found = self._work(*self._arguments)
        except BaseException as error:  # noqa: BLE001 - whoever waits for the call raises it
            self._hand_over(self._fail, error)
        else:
            self._hand_over(self._succeed, found)

    def _hand_over(self, end: Callable[[Any], None], outcome: object) -> None:
        # A loop that is closed waits for nothing any more.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(end, outcome)

    def _succeed(self, found: Result) -> None:
        self._note_end()
        if not self.result.done():
            self.result.set_result(found)

    def _fail(self, error: BaseException) -> None:
        self._note_end()
        if not self.result.done():
            self.result.set_exception(error)
