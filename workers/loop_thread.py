"""Loop thread: calls run_once again and again; an exception is logged and never ends the thread."""

from __future__ import annotations

import threading

from app.log import describe_error, logger
from app.store.database_errors import Kind, kind_of


class LoopThread(threading.Thread):
    """Calls `run_once` in a loop, `interval` seconds apart; logs every Exception and goes on.

    If the thread ends otherwise than by `stop`, its process ends (app/thread_failures.py).
    """

    def __init__(self, name: str, interval: float) -> None:
        super().__init__(name=name, daemon=True)
        self.interval = interval
        self._ended = threading.Event()

    def run_once(self) -> None:
        """Do one turn of the work; the connection has logged already that PostgreSQL is away."""
        raise NotImplementedError

    def run(self) -> None:
        """Call `run_once` and pause, until `stop` is called; then close."""
        while not self._ended.is_set():
            try:
                self.run_once()
            except Exception as error:  # noqa: BLE001 - one bad turn never stops a loop
                self._report(error)
                self._ended.wait(0.2)
            self._ended.wait(self.interval)
        self.close()

    def _report(self, error: Exception) -> None:
        match kind_of(error):
            case Kind.AWAY:
                pass  # the connection has logged it
            case Kind.BUSY:
                logger.warning("database.busy", thread=self.name, error=describe_error(error))
            case Kind.REFUSED:
                logger.error("thread.failed", thread=self.name, exc_info=error)

    def close(self) -> None:
        """Release what the thread used; called at its end."""

    def is_stopping(self) -> bool:
        """Return whether `stop` was called."""
        return self._ended.is_set()

    def stop(self) -> None:
        """Let the thread end after the present turn."""
        self._ended.set()
