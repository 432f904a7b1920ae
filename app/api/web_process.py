"""Process: what a web worker process sets up for itself when it starts to serve."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

from app import log, thread_failures
from app.log import logger

DRAIN_S: Final = 10.0

SWITCH_S: Final = 0.0005
"""How long a thread that computes keeps the interpreter's lock from others: a tenth of the default.
A booking needs the lock some thirty times, after each wait for the database. Beside four threads
that write long lists or previews it waits this long, or longer, each time.
"""


def begin(log_level: str, *, name: str = "web") -> None:
    """Log under `name`, take all the file descriptors allowed, never outlive the main process."""
    log.configure(name, log_level)
    thread_failures.end_process(_stop)
    sys.setswitchinterval(SWITCH_S)
    _raise_descriptor_limit()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.join,), name="follow", daemon=True).start()


def _follow(parent_ends: Callable[[], None]) -> None:
    """End after the main process, however that ended: a leftover would keep serving its port."""
    parent_ends()
    logger.warning("process.main_gone")
    _stop()
    threading.Event().wait(DRAIN_S)
    log.flush()
    os._exit(1)


def _stop() -> None:
    """Ask the server in this process to finish the requests that it has, and to end."""
    os.kill(os.getpid(), signal.SIGTERM)


def _raise_descriptor_limit() -> None:
    """Every connection is a descriptor, and the usual soft limit (1,024) is soon reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):
            logger.warning("process.files_limited", soft=soft)
