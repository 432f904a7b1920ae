"""Loop: the event loop of one thread, which runs timers and the callbacks of sockets."""

from __future__ import annotations

import heapq
import os
import select
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import count
from typing import Any, Final

from app.log import logger
from app.uptime import read_uptime

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

_BATCH: Final = 64
"""Timers, or sockets, that are handled in a row: many of one kind must not delay the other."""

_FEW: Final = 1000
_STRETCH: Final = 0.002
_GRAIN: Final = 0.001
"""Timers that follow each other within this time are handled together, and sockets with them."""

_SELECTABLE: Final = 1024


class Timer:
    """A call booked with `Loop.call_at`; cancel it with `Loop.cancel`."""

    __slots__ = ("args", "call")

    def __init__(self, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.call: Callable[..., object] | None = call
        self.args = args


class Loop:
    """Runs the timers, sockets and queued calls of one thread, on epoll or kqueue.

    Only `call_soon_threadsafe` and `stop` may be called from other threads. An exception of a
    callback is logged and ends nothing else. While a loop is open, its process must not fork.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float] = read_uptime,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.clock = clock
        self.wall = wall
        self._selector = selectors.DefaultSelector()
        self._selector_fd = self._selector.fileno()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._cancelled = 0
        self._rests_until = 0.0
        self._ready: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self._waking = threading.Lock()
        self._woken = False
        self._stopped = False
        self._closed = False
        self.watch(self._wake_in, READ, self._on_wake)

    def call_at(self, when: float, call: Callable[..., object], *args: Any) -> Timer:  # noqa: ANN401 - handed through untouched
        """Run `call(*args)` at `when`, in seconds of this loop's clock, never before."""
        timer = Timer(call, args)
        heapq.heappush(self._timers, (when, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Keep the timer from firing; has no effect on a timer that has fired."""
        if timer.call is None:
            return
        timer.call = None
        timer.args = ()
        self._cancelled += 1
        if self._cancelled > _FEW and self._cancelled > len(self._timers) // 2:
            self._timers[:] = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0

    def call_soon(self, call: Callable[..., object], *args: Any) -> None:  # noqa: ANN401 - handed through untouched
        """Run `call(*args)` in this or the next step, before the loop waits again."""
        self._ready.append((call, args))

    def call_soon_threadsafe(self, call: Callable[..., object], *args: Any) -> None:  # noqa: ANN401 - handed through untouched
        """Run `call(*args)` soon in the loop's thread; may be called from any thread.

        Raises RuntimeError once the loop is closed.
        """
        self._ready.append((call, args))
        # The flag is cleared before the queue is emptied: a later append wakes the loop again.
        if self._woken:
            return
        with self._waking:
            if self._closed:
                raise RuntimeError("The loop is closed.")
            self._woken = True
            os.write(self._wake_out, b"\0")

    def watch(self, fd: int, events: int, call: Callable[[int, int], object]) -> None:
        """Run `call(fd, events)` whenever `fd` is ready for READ or WRITE (level-triggered).

        Raises KeyError if the number is watched. If it may still be watched for a descriptor that
        was closed, call `unwatch` first.
        """
        self._selector.register(fd, events, call)

    def rewatch(self, fd: int, events: int, call: Callable[[int, int], object]) -> None:
        """Change the events for which an open `fd` is watched."""
        self._selector.modify(fd, events, call)

    def unwatch(self, fd: int) -> None:
        """Stop watching `fd`; has no effect if it is not watched or is closed."""
        try:
            self._selector.unregister(fd)
        except (KeyError, ValueError):
            return

    def run(self, until: Callable[[], bool] | None = None) -> None:
        """Run steps until `stop` is called or `until`, called after each step, returns True."""
        self._stopped = False
        while not self._stopped and not (until is not None and until()):
            self.step()

    def stop(self) -> None:
        """Make `run` return after its current step; may be called from any thread."""
        self.call_soon_threadsafe(self._stop)

    def step(self, patience: float | None = None) -> None:
        """Wait for something to do, at most `patience` seconds, and do it."""
        events = self._wait(self._timeout(patience))
        for start in range(0, len(events) or 1, _BATCH):
            self._serve(events[start : start + _BATCH])
            self._run_timers()
            self._run_ready()

    def close(self) -> None:
        """Close the loop's own descriptors; timers and queued calls are dropped."""
        with self._waking:
            if self._closed:
                return
            self._closed = True
            self._woken = False
            self._selector.close()
            os.close(self._wake_in)
            os.close(self._wake_out)
        self._timers.clear()
        self._ready.clear()

    def _wait(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the descriptors that are ready within `timeout` seconds.

        epoll waits in whole milliseconds, rounded up. So the last milliseconds before a timer are
        waited for by select on the selector itself, which has a resolution of microseconds. When
        many timers are due close together, each of them, and each response, would wake the loop:
        then it sleeps until the next group is due.
        """
        if timeout is None or timeout <= 0 or self._selector_fd >= _SELECTABLE:
            return self._selector.select(timeout)
        if timeout > _STRETCH:
            return self._selector.select(timeout - _STRETCH / 2)
        if self._is_crowded():
            time.sleep(timeout)
        else:
            select.select((self._selector_fd,), (), (), timeout)
        return self._selector.select(0)

    def _is_crowded(self) -> bool:
        """Whether the next timer is due within _GRAIN of the last that fired."""
        return bool(self._timers) and self._timers[0][0] < self._rests_until

    def _timeout(self, patience: float | None) -> float | None:
        if self._ready:
            return 0.0
        if not self._timers:
            return patience
        left = max(0.0, max(self._timers[0][0], self._rests_until) - self.clock())
        return left if patience is None else min(left, patience)

    def _serve(self, events: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, mask in events:
            try:
                key.data(key.fd, mask)
            except Exception as error:  # noqa: BLE001 - a callback must not end the loop
                report(key.data, error)

    def _run_ready(self) -> None:
        ready = self._ready
        for _ in range(len(ready)):
            call, args = ready.popleft()
            try:
                call(*args)
            except Exception as error:  # noqa: BLE001 - a callback must not end the loop
                report(call, error)

    def _run_timers(self) -> None:
        timers = self._timers
        if not timers:
            return
        now = self.clock()
        if timers[0][0] <= now:
            self._rests_until = now + _GRAIN
        for _ in range(_BATCH):
            if not timers or timers[0][0] > now:
                return
            timer = heapq.heappop(timers)[2]
            call, timer.call = timer.call, None
            if call is None:
                self._cancelled -= 1
                continue
            try:
                call(*timer.args)
            except Exception as error:  # noqa: BLE001 - a callback must not end the loop
                report(call, error)

    def _on_wake(self, fd: int, _events: int) -> None:
        os.read(fd, 4096)
        self._woken = False

    def _stop(self) -> None:
        self._stopped = True


def report(call: Callable[..., object], error: Exception) -> None:
    """Log the exception of a callback."""
    name = getattr(call, "__qualname__", repr(call))
    logger.error("loop.callback_failed", callback=name, exc_info=error)
