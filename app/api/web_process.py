"""Web process: the setup of a web worker process before it serves."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Final

import uvloop

from app import log, thread_failures
from app.descriptor_limit import raise_descriptor_limit
from app.log import logger

DRAIN_S: Final = 10.0
"""How many seconds a process may finish its requests after its main process has ended."""

SWITCH_S: Final = 0.0005
"""How long a computing thread keeps the interpreter's lock before another may have it: a tenth of
Python's default. A booking needs the lock some thirty times, after each wait for the database.
Beside four threads that write long lists or previews it waits this long, or longer, each time.
"""


def start(log_level: str, *, name: str = "web") -> None:
    """Log under `name`, raise the descriptor limit, and end when the main process ends."""
    log.configure(name, log_level)
    thread_failures.end_process(_stop)
    sys.setswitchinterval(SWITCH_S)
    raise_descriptor_limit()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(
            target=_follow_main_process, args=(parent.join,), name="follow", daemon=True
        ).start()


def run(serving: Coroutine[None, None, None]) -> None:
    """Serve in an event loop of the kind that the web process has."""
    uvloop.run(serving)


def _follow_main_process(parent_ends: Callable[[], None]) -> None:
    """End when the main process has ended; else this process would keep serving its port."""
    parent_ends()
    logger.warning("process.main_gone")
    _stop()
    threading.Event().wait(DRAIN_S)
    log.flush()
    os._exit(1)


def _stop() -> None:
    """Ask the server in this process to finish its requests and to end."""
    os.kill(os.getpid(), signal.SIGTERM)
