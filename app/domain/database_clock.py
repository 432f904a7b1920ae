"""Database clock: how far a process believes PostgreSQL's clock, measured by the machine's uptime.

PostgreSQL's clock decides what is due. If it is set forward by mistake, for instance by a wrong
time server, everything due until then would be called, and recurring jobs would continue from
there. So a leap forward is not believed at once: until the clock has stayed there for a while, the
process uses the time before the leap, carried on by the machine's uptime, which no process sets. A
clock that is set back is believed at once: firings that this delays are not lost.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_DRIFT_S: Final = 1.0
"""How far two clocks may be apart, beyond the time of the query, before one counts as set."""

_DRIFT_PER_S: Final = 0.001
"""More than time servers slew a clock by, in seconds per second."""

MAX_BELIEVED_STEP_S: Final = 60.0
"""A clock that is set forward by no more than this is believed at once: it is a correction."""

_SETTLED_S: Final = 600.0
"""A clock that returns to a time that was believed for so long is believed at once."""


class Reading(NamedTuple):
    """The database's clock as it was read between the uptimes `asked` and `answered`.

    `wall` is this machine's own clock at `answered`. All are in seconds.
    """

    clock: float
    asked: float
    answered: float
    wall: float


class Change(NamedTuple):
    """By how many seconds the clock was set, and by how many the believed time moves now."""

    step: float
    believed: float


class DatabaseClock:
    """The clock as one process follows it; `observe` gets all readings in order."""

    def __init__(self, doubt_s: float) -> None:
        self._doubt_s = doubt_s
        self._last: Reading | None = None
        self._offset = 0.0
        self._believed = 0.0
        self._believed_since = 0.0
        self._left: float | None = None
        self._doubted_at: float | None = None
        self._uncertainty = 0.0

    @property
    def doubt(self) -> float:
        """By how many seconds the clock is ahead of the believed time."""
        return 0.0 if self._doubted_at is None else self._offset - self._believed

    def until(self, uptime: float) -> float:
        """The latest instant that is believed to have come, in seconds since 1970."""
        if self._doubted_at is None or self._last is None:
            return self._believed + uptime + MAX_DRIFT_S
        # Each reading may be wrong by half of its duration: rather call late than early.
        return self._believed + uptime - self._uncertainty - _half(self._last)

    def observe(self, reading: Reading) -> Change:
        """Process a reading; return by how much the clock was set since the one before."""
        offset = reading.clock - (reading.asked + reading.answered) / 2
        last, self._last = self._last, reading
        if last is None:
            self._offset, self._believed = offset, offset
            self._believed_since = reading.answered
            return Change(0.0, 0.0)
        moved, self._offset = offset - self._offset, offset
        if abs(moved) <= _tolerance(last, reading):
            self._believed += moved
            return Change(0.0, self._believe_in_time(reading.answered))
        return Change(moved, self._judge(offset, last, reading))

    def _believe_in_time(self, now: float) -> float:
        if self._doubted_at is None or now - self._doubted_at < self._doubt_s:
            return 0.0
        return self._believe(now)

    def _judge(self, offset: float, last: Reading, reading: Reading) -> float:
        ahead = offset - self._believed
        came_back = self._left is not None and abs(offset - self._left) <= MAX_BELIEVED_STEP_S
        if ahead <= MAX_BELIEVED_STEP_S or came_back or _is_witnessed(last, reading):
            return self._believe(reading.answered)
        doubted_before = 0.0 if self._doubted_at is None else self._uncertainty
        self._uncertainty = doubted_before + _half(last) + _half(reading)
        self._doubted_at = reading.answered
        return self._believe_in_time(reading.answered)

    def _believe(self, now: float) -> float:
        believed, ahead = self._believed, self._offset - self._believed
        if abs(ahead) > MAX_BELIEVED_STEP_S:
            settled = now - self._believed_since >= _SETTLED_S
            self._left = believed if settled and ahead < 0 else None
            self._believed_since = now
        self._believed, self._doubted_at = self._offset, None
        return max(ahead, 0.0)


def _tolerance(last: Reading, reading: Reading) -> float:
    return (
        MAX_DRIFT_S
        + _half(reading)
        + _half(last)
        + (reading.answered - last.answered) * _DRIFT_PER_S
    )


def _half(reading: Reading) -> float:
    """Return how wrong the reading may be: the clock was read at some time during the query."""
    return (reading.answered - reading.asked) / 2


def _is_witnessed(last: Reading, reading: Reading) -> bool:
    """Return whether this machine's clock was not set, and agrees with the database's."""
    passed = reading.wall - last.wall - (reading.answered - last.answered)
    agrees = abs(reading.wall - reading.clock) <= MAX_BELIEVED_STEP_S
    return agrees and abs(passed) <= _tolerance(last, reading)
