"""Thread failures: an error that ends a thread ends its process, which is then started again.

Without this, the process would seem to work but do only a part of its work.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

from app import log
from app.log import logger

STATUS: Final = os.EX_SOFTWARE
"""The exit status of a process in which a thread has failed."""

DRAIN_S: Final = 15.0
"""How long the other threads may take to end regularly."""

_failed = threading.Event()


def end_process(stop: Callable[[], None], *, hurry: Callable[[], None] | None = None) -> None:
    """From now on, call `stop` when an error ends a thread, so that the process ends regularly.

    If the process still runs after half of DRAIN_S, `hurry` is called; after all of DRAIN_S, the
    process is ended at once. SystemExit counts as an error, too: Python ends a thread with it
    without any message.
    """

    def end_anyway() -> None:
        time.sleep(DRAIN_S / 2)
        if hurry is not None:
            hurry()
        time.sleep(DRAIN_S / 2)
        log.flush()
        os._exit(STATUS)

    def on_failure(failure: threading.ExceptHookArgs) -> None:
        name = "unknown" if failure.thread is None else failure.thread.name
        logger.critical("thread.ended", thread=name, exc_info=failure.exc_value)
        if not _failed.is_set():
            _failed.set()
            threading.Thread(target=end_anyway, name="end", daemon=True).start()
            stop()

    threading.excepthook = on_failure


def status() -> int:
    """Return the exit status that the process should have: 0, or STATUS if a thread has failed."""
    return STATUS if _failed.is_set() else os.EX_OK
