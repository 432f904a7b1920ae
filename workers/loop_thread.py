"""Loop thread: a thread that does one thing again and again, whatever that thing raises."""

from __future__ import annotations

import threading

from app.log import in_words, logger
from app.store.database_errors import Kind, kind_of


class LoopThread(threading.Thread):
    """A thread that does one thing over and over, and outlives every Exception of that thing.

    Where it does end otherwise than by `stop`, its process ends (app/thread_failures.py).
    """

    def __init__(self, name: str, interval: float) -> None:
        super().__init__(name=name, daemon=True)
        self.interval = interval
        self._ended = threading.Event()

    def run_once(self) -> None:
        """Do the thing; that PostgreSQL is away was logged by the connection already."""
        raise NotImplementedError

    def run(self) -> None:
        """Do it, pause, do it again, until told to stop."""
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
                logger.warning("database.busy", thread=self.name, error=in_words(error))
            case Kind.REFUSED:
                logger.error("thread.failed", thread=self.name, exc_info=error)

    def close(self) -> None:
        """Give up what the thread used, at its end."""

    def stop(self) -> None:
        """Finish what is being done, then end."""
        self._ended.set()
