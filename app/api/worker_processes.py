"""Worker processes: several processes of one command, which share its ports.

One process runs Python on one processor only. With several, the command's own process serves
nobody: it starts the workers and ends with them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import FrameType
from typing import Any, Final, NoReturn

from app.errors import Misconfigured

Ready = Callable[[], None]
Serve = Callable[[Ready], NoReturn]
"""Serves until SIGTERM, then ends the process; calls what it is given once it answers requests.
Raises Misconfigured."""

_FORK: Final = multiprocessing.get_context("fork")
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM)


def run(number: int, serve: Serve, ready: Ready) -> NoReturn:
    """Serve in `number` processes, in this one if that is 1; call `ready` once all serve.

    Workers are forks of this process, so it may have no thread, event loop or connection yet. If
    one ends by itself, all end with its status, for the process manager to start them again. A
    worker whose parent is gone must end by itself (`web_process.start`).
    """
    if number == 1:
        serve(ready)
    os._exit(_Workers(serve).run(number, ready))


class _Workers:
    """The workers of this process."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._running: dict[Any, ForkProcess] = {}
        """By their sentinels."""
        self._is_ending = False

    def run(self, number: int, ready: Ready) -> int:
        """Start workers, wait until they have ended, and return the exit status."""
        for each in _ENDINGS:
            signal.signal(each, self._end)
        # One after the other: if the first one cannot serve, only one says why.
        if all(self._start() for _ in range(number)):
            ready()
        status = os.EX_OK
        while self._running:
            for sentinel in wait(list(self._running)):
                worker = self._running.pop(sentinel)
                worker.join()
                if not self._is_ending:
                    status = worker.exitcode if (worker.exitcode or 0) > 0 else os.EX_SOFTWARE  # type: ignore[assignment] # it has ended
                    self._end()
        return status

    def _start(self) -> bool:
        """Start a worker; return whether it serves."""
        here, there = _FORK.Pipe(duplex=False)
        worker = _FORK.Process(target=self._work, args=(there,))
        # The worker would pass a signal on to the others until it has handlers of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDINGS)
        if not self._is_ending:
            worker.start()
            self._running[worker.sentinel] = worker
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        there.close()
        with here, suppress(EOFError):
            return bool(here.recv_bytes())
        return False

    def _work(self, there: Connection[Any, Any]) -> None:
        for each in _ENDINGS:
            signal.signal(each, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDINGS)
        try:
            self._serve(lambda: there.send_bytes(b"ready"))
        except Misconfigured as error:
            sys.stderr.write(f"{error.message}\n")
            sys.stderr.flush()
            os._exit(1)

    def _end(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._is_ending = True
        for each in self._running.values():
            each.terminate()
