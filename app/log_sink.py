"""Log sink: a thread that writes log lines to a descriptor, so that no other thread waits for it.

The reader of a log may end, stop reading, or run out of disk space. Then lines are dropped and
counted, and the process continues its work.
"""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes that may wait to be written; further lines are dropped."""

_WRITE_BYTES: Final = 64 * 1024
_FLUSH_S: Final = 1.0
_POLL_S: Final = 0.005


class LogSink:
    """A bounded queue of lines in front of a descriptor; `write` never waits and never raises.

    `render_dropped` renders a line with the number of dropped lines, which is written as soon as
    writing works again.
    """

    def __init__(
        self,
        fd: int,
        *,
        max_bytes: int = MAX_BYTES,
        render_dropped: Callable[[int], bytes] = lambda _: b"",
    ) -> None:
        self._fd = fd
        self._max_bytes = max_bytes
        self._render_dropped = render_dropped
        self._uncounted = 0
        self._unreported = 0
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def write(self, data: bytes) -> None:
        """Queue whole lines, or drop them if too many bytes wait already."""
        # The lock and the queue are reentrant: the garbage collector may run code that logs at any
        # point of this method.
        with self._lock:
            if self._waiting and self._waiting + len(data) > self._max_bytes:
                self._count_dropped(data.count(b"\n"))
                return
            self._waiting += len(data)
            if self._thread is None:
                self._start()
        self._queue.put(data)

    def drop(self, lines: int = 1) -> None:
        """Count lines that were dropped before they were queued."""
        with self._lock:
            self._count_dropped(lines)

    def take_dropped(self) -> int:
        """Return how many lines were dropped since the last call."""
        with self._lock:
            dropped, self._uncounted = self._uncounted, 0
        return dropped

    def flush(self, patience_s: float = _FLUSH_S) -> None:
        """Wait until all queued lines are written or dropped, at most `patience_s` seconds."""
        give_up = time.monotonic() + patience_s
        while self._waiting and time.monotonic() < give_up:
            time.sleep(_POLL_S)

    def _reset(self) -> None:
        """Begin empty: a forked process has neither the thread nor the holder of the lock."""
        self._lock = threading.RLock()
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        self._waiting = 0
        self._uncounted = 0
        self._unreported = 0
        self._thread: threading.Thread | None = None

    def _count_dropped(self, lines: int) -> None:
        self._uncounted += lines
        self._unreported += lines

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="log", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return  # no thread can be started now: the next call of `write` tries again
        self._thread = thread

    def _run(self) -> None:
        cut = False
        while True:
            data = self._queue.get()
            length = len(data)
            # Many lines are one write: the reader gets them sooner.
            while len(data) < _WRITE_BYTES and not self._queue.empty():
                more = self._queue.get()
                data, length = data + more, length + len(more)
            cut = self._write_out(data, cut=cut)
            with self._lock:
                self._waiting -= length

    def _write_out(self, data: bytes, *, cut: bool) -> bool:
        """Write lines, after ending a line that was cut; return whether a line is cut now."""
        data = b"\n" + data if cut else data
        written = self._write_all(data)
        if written < len(data):
            with self._lock:
                self._count_dropped(data.count(b"\n", max(written, int(cut))))
            return data[written - 1] != ord("\n") if written else cut
        with self._lock:
            unreported, self._unreported = self._unreported, 0
        if unreported:
            line = self._render_dropped(unreported)
            written = self._write_all(line)
            if written < len(line):
                with self._lock:
                    self._unreported += unreported
                return written > 0
        return False

    def _write_all(self, data: bytes) -> int:
        """Write as many bytes as possible, however long that takes; return their number."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except BlockingIOError:
                if not self._wait():
                    break
            except OSError:
                break
        return len(data) - len(rest)

    def _wait(self) -> bool:
        """Wait until a non-blocking descriptor can be written to; return False if it cannot."""
        try:
            select.select((), (self._fd,), ())
        except OSError:
            return False
        return True
