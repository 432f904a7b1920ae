"""Process: what scheduler and worker share around their work: settings, signals, how they end."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import FrameType
from typing import Final, NoReturn

import psycopg

from app import config, log, thread_failures
from app.config import Settings
from app.descriptor_limit import raise_descriptor_limit
from app.errors import Misconfigured
from app.stop_requests import StopRequests
from app.store.connection import ReconnectingConnection
from app.store.database_errors import Kind, kind_of
from app.store.database_state import schema_lack

_KEPT_CONNECTIONS: Final = 2048
_SPARE_FILES: Final = 256
_YOUNG_OBJECTS: Final = 50_000
_SCHEMA_S: Final = 0.5
"""How often the schema is looked at while it is awaited."""


def configure(kind: str) -> Settings:
    """Load the settings and configure the log; print one line and exit if they cannot work."""
    try:
        settings = config.load(os.environ)
    except Misconfigured as error:
        exit_misconfigured(error)
    log.configure(kind, settings.log_level)
    return settings


def exit_misconfigured(error: Misconfigured) -> NoReturn:
    """Print what is wrong and exit, as a command does."""
    sys.exit(f"wakecall: {error.message}")


def identity() -> str:
    """A name for this process that no other has: host, process id, and a random part."""
    return f"{os.uname().nodename}.{os.getpid()}.{secrets.token_hex(4)}"


def prepare_for_calls(calls: int) -> None:
    """Prepare this process for so many calls at once: descriptors, and rare garbage collections.

    Runs are freed by their reference counts; to search those that live for cycles took a seventh of
    a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 50, 50)
    raise_descriptor_limit(calls + _KEPT_CONNECTIONS + _SPARE_FILES)


def await_schema(database_url: str, *, has_ended: Callable[[], bool]) -> bool:
    """Wait until the database has the schema of this release; log what it lacks.

    A process may be started before the migration, and could read none of its tables. Returns
    whether the schema is there; it is not where `has_ended` came first.
    """
    database = ReconnectingConnection(database_url, "schema")
    is_logged = False
    while not has_ended():
        try:
            with database.use() as connection:
                lack = schema_lack(connection)
        except psycopg.Error as error:
            if kind_of(error) is Kind.REFUSED:
                raise
        else:
            if lack is None:
                database.close()
                return True
            if not is_logged:
                log.logger.error("database.not_migrated", reason=lack)
                is_logged = True
        time.sleep(_SCHEMA_S)
    return False


def on_stop(stop: Callable[[], None], *, hurry: Callable[[], None] | None = None) -> None:
    """Call `stop` once SIGTERM or SIGINT asks for it, and `hurry` once it is asked for again.

    Signals that arrive together are one request (app/stop_requests.py). The request after these
    kills the process: the third, or the second where there is no `hurry`. Both are also called when
    a thread fails (app/thread_failures.py).
    """
    signals: SimpleQueue[tuple[signal.Signals, float]] = SimpleQueue()

    def put(number: int, _frame: FrameType | None) -> None:
        # This takes no lock: it runs in the main thread, which may hold that lock already.
        signals.put((signal.Signals(number), time.monotonic()))

    def follow() -> None:
        requests = StopRequests()
        actions = [stop] if hurry is None else [stop, hurry]
        while True:
            number, at = signals.get()
            request = requests.count(at)
            if request is None:
                continue
            if request > len(actions):
                os.kill(os.getpid(), signal.SIGKILL)
            log.logger.info("process.stopping", signal=number.name, request=request)
            actions[request - 1]()

    signal.signal(signal.SIGTERM, put)
    signal.signal(signal.SIGINT, put)
    threading.Thread(target=follow, name="signals", daemon=True).start()
    thread_failures.end_process(stop, hurry=hurry)


def exit_in_order() -> NoReturn:
    """Log the end and exit; the status is not 0 if a thread has failed."""
    log.logger.info("process.ended")
    sys.exit(thread_failures.status())
