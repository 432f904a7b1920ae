"""Process: what scheduler and worker have in common around their work: settings, signals, ends."""

from __future__ import annotations

import gc
import os
import resource
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn

from app import config, log, thread_failures
from app.config import Settings
from app.errors import Misconfigured
from app.stop_requests import StopRequests

_KEPT_CONNECTIONS: Final = 2048
_SPARE_FILES: Final = 256
_YOUNG_OBJECTS: Final = 50_000


def begin(kind: str) -> Settings:
    """The settings of a process of this kind; where they cannot work, one line and the end."""
    try:
        settings = config.load(os.environ)
    except Misconfigured as error:
        fail(error)
    log.configure(kind, settings.log_level)
    return settings


def fail(error: Misconfigured) -> NoReturn:
    """Say what is wrong and end, as a command line does."""
    sys.exit(f"wakecall: {error.message}")


def identity() -> str:
    """A name for this process that no other has: host, process id, and a random part."""
    return f"{os.uname().nodename}.{os.getpid()}.{secrets.token_hex(4)}"


def prepare_for(calls: int) -> None:
    """Let this process have a socket for each of so many calls, as far as the system allows.

    And let it look for cyclic garbage rarely: runs are freed by their reference counts, and walking
    those that live took a seventh of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 50, 50)
    wanted = calls + _KEPT_CONNECTIONS + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    if most < wanted:
        log.logger.warning("process.few_files", limit=most, wanted=wanted)


def on_stop(stop: Callable[[], None], *, hurry: Callable[[], None] | None = None) -> None:
    """Call `stop` once SIGTERM or SIGINT asks for it, and `hurry` once it is asked for again.

    Signals that come at once are one request (app/stop_requests.py). The next request ends the
    process whatever it does, which is the second one where there is no `hurry`. Both are also
    called when a thread fails: see `thread_failures`.
    """
    signals: SimpleQueue[tuple[signal.Signals, float]] = SimpleQueue()

    def put(number: int, _frame: FrameType | None) -> None:
        # Nothing here takes a lock: the main thread, in which this runs, may hold it.
        signals.put((signal.Signals(number), time.monotonic()))

    def follow() -> None:
        requests = StopRequests()
        acts = [stop] if hurry is None else [stop, hurry]
        while True:
            number, at = signals.get()
            request = requests.count(at)
            if request is None:
                continue
            if request > len(acts):
                os.kill(os.getpid(), signal.SIGKILL)
            log.logger.info("process.stopping", signal=number.name, request=request)
            acts[request - 1]()

    signal.signal(signal.SIGTERM, put)
    signal.signal(signal.SIGINT, put)
    threading.Thread(target=follow, name="signals", daemon=True).start()
    thread_failures.end_process(stop, hurry=hurry)


def end() -> NoReturn:
    """End in good order; with a status that is not 0 where a thread has failed."""
    log.logger.info("process.ended")
    sys.exit(thread_failures.status())
