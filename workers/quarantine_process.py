"""Quarantine process: how a worker starts, and stops, the separate process that tries suspects."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Final

import psycopg

from app.domain.timings.leases import QUARANTINE_START_PAUSE_S
from app.store import quarantine
from app.uptime import read_uptime

HURRY: Final = b"hurry\n"
STOP: Final = b"stop\n"
"""What the worker writes to the process. The end of the pipe, as at its death, is a stop."""


_SETTLING_S: Final = 15.0


class QuarantineProcess:
    """Starts `workers.quarantine` if suspects wait and no process tries them; thread-safe."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        grace: float,
        clock: Callable[[], float] = read_uptime,
    ) -> None:
        self._environ = dict(environ)
        self._patience = grace + _SETTLING_S
        self._clock = clock
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = float("-inf")
        self._closed = False

    def start_if_needed(self, connection: psycopg.Connection) -> None:
        """Start the process unless one runs: one at a time, for all workers together."""
        if quarantine.is_at_work(connection):
            return
        with self._lock:
            runs = self._process is not None and self._process.poll() is None
            if self._closed or runs or self._clock() - self._started_at < QUARANTINE_START_PAUSE_S:
                return
            self._started_at = self._clock()
            self._start()

    def stop(self) -> None:
        """Ask the process to end in good order, and start no other."""
        with self._lock:
            self._closed = True
            self._send(STOP)

    def hurry(self) -> None:
        """Ask the process to break off its calls."""
        with self._lock:
            self._send(HURRY)

    def join(self) -> None:
        """Stop the process and wait for its end; kill it if it does not end in time."""
        self.stop()
        process = self._process
        if process is None:
            return
        try:
            process.wait(self._patience)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _close(process.stdin)

    def _start(self) -> None:
        if self._process is not None:
            _close(self._process.stdin)
        # In a session of its own, so that no signal to the worker's group reaches it: whatever ends
        # the process counts against its suspects. The pipe stops it, also by breaking.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "workers.quarantine"],
            env=self._environ,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def _send(self, request: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError, ValueError):  # the process has ended
                self._process.stdin.write(request)
                self._process.stdin.flush()


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        with suppress(OSError):
            pipe.close()
