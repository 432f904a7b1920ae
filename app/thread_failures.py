"""Thread failures: a thread that ends by an error ends its process, so that it is started again.

Otherwise the process would look alive and do only a part of its work.
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
"""The exit status of a process of which a thread has failed."""

DRAIN_S: Final = 15.0
"""How long the rest of the process may take to end in good order."""

_failed = threading.Event()


def end_process(stop: Callable[[], None], *, hurry: Callable[[], None] | None = None) -> None:
    """From now on, a thread that ends by an error calls `stop`, to end the process in good order.

    Where it has not ended after half of DRAIN_S `hurry` is called, and after all of it the process
    is ended anyway. Covers SystemExit as well, which otherwise ends a thread without a word.
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
    """The exit status that the process should have: 0, or STATUS once a thread has failed."""
    return STATUS if _failed.is_set() else os.EX_OK
