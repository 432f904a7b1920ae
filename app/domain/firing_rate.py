"""Firing rate: how many runs of an account may begin now, and when those above its limit begin.

The limit is a token bucket, as the generic cell rate algorithm implements it: the allowance of an
account grows by `per_second` a second, up to the allowance of one second, and each run that begins
takes one. The only state is `spent_until`: one second after it, the allowance is full again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

BURST: Final = timedelta(seconds=1)
"""The allowance of this time may be used at one instant, so that runs due at a full hour are on
time."""

QUEUE_MARGIN: Final = timedelta(seconds=10)
"""How long after its turn a postponed row is due by itself, if no claim made it in its turn."""

MAX_RETURNS_PER_SECOND: Final = 100
"""Where the limit is on runs under way, this many postponed rows a second are due by themselves."""

_MIN_CHECK_DELAY: Final = timedelta(milliseconds=100)
_MAX_CHECK_DELAY: Final = timedelta(seconds=60)
SHARING: Final = 4
"""The number of schedulers that may begin runs of an account at the same instant without counting
first: each may begin a quarter of the runs that are left until the limit of runs under way."""

_NEAR: Final = 8
_NEAR_RUNS: Final = 16
_ROUNDING: Final = 1e-6


class Bound(StrEnum):
    """Which limit postponed a firing."""

    FIRINGS = "firingsPerSecond"
    RUNS = "runsUnderWay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """The limits on the runs that an account may begin; None where there is no limit."""

    per_second: int | None = None
    """Runs that may begin in a second."""
    runs: int | None = None
    """Runs that may be under way at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringLimits:
    """The limits that a claim applies; without arguments, there are none."""

    default: Allowed = Allowed()
    """The limits of accounts that are not in `of`."""
    of: Mapping[int, Allowed] = field(default_factory=dict)
    """The accounts that may be near a limit, or that have limits of their own."""
    queued: frozenset[int] = frozenset()
    """The accounts in `of` that have postponed firings."""
    quiet: int = 2**31 - 1
    """Rows of an account not in `of` that are claimed at once without being counted in PostgreSQL,
    because of the limit of firings a second."""
    quiet_runs: int = 2**31 - 1
    """The same because of the limit of runs under way."""

    def allowed(self, account_id: int) -> Allowed:
        """Return the limits of this account."""
        return self.of.get(account_id, self.default)

    def is_counted(self, account_id: int, number: int) -> bool:
        """Return whether `number` runs that begin at once have to be counted in PostgreSQL."""
        return account_id in self.of or number > min(self.quiet, self.quiet_runs)


UNLIMITED: Final = FiringLimits()


def quiet_number(per_second: int | None) -> int:
    """Return how many firings in a second need not be counted in PostgreSQL.

    It is an eighth of the limit: two processes that do not count let through a quarter at most.
    """
    return UNLIMITED.quiet if per_second is None else per_second // _NEAR


def quiet_runs(runs: int | None) -> int:
    """Return how many runs may begin in a second before they are counted, which is every 5 s.

    It is a sixteenth of the limit: an account at half of its limit, above which it counts as near
    the limit, stays below the limit with five sixteenths more. It is 0 below a limit of 16.
    """
    return UNLIMITED.quiet_runs if runs is None else runs // _NEAR_RUNS


def available(per_second: int, spent_until: datetime, now: datetime) -> int:
    """Return how many runs may begin now."""
    left = (now + BURST - max(spent_until, now)) / BURST
    return max(0, int(per_second * left + _ROUNDING))


def turns(per_second: int, spent_until: datetime, now: datetime, number: int) -> list[datetime]:
    """Return when each of `number` runs may begin, one after another; never before now."""
    start = max(spent_until, now) - BURST
    return [max(now, start + (n + 1) * BURST / per_second) for n in range(number)]


def queue_check_at(per_second: int, spent_until: datetime, now: datetime, number: int) -> datetime:
    """Return when to check a run again that has to wait for `number` postponed firings.

    The time is neither now nor far away, so that the run does not wait long if these firings are
    deleted.
    """
    turn = turns(per_second, spent_until, now, number)[-1]
    return min(max(turn, now + _MIN_CHECK_DELAY), now + _MAX_CHECK_DELAY)


def expected(per_second: int, queued_until: datetime, now: datetime, number: int) -> list[datetime]:
    """Return when each of `number` postponed rows is due by itself, if no claim makes it before.

    `queued_until` is that time of the last row in the queue.
    """
    start = max(queued_until, now + QUEUE_MARGIN)
    return [start + (n + 1) * BURST / per_second for n in range(number)]


def return_rate(allowed: Allowed, bound: Bound) -> int:
    """Return how many postponed rows of an account are due by themselves in a second."""
    per_second = allowed.per_second
    if bound is Bound.RUNS or per_second is None:
        return min(MAX_RETURNS_PER_SECOND, per_second or MAX_RETURNS_PER_SECOND)
    return per_second


def reason(allowed: Allowed, bound: Bound) -> str:
    """Return why a firing was postponed, in words; the limit may be off by now."""
    if (allowed.runs if bound is Bound.RUNS else allowed.per_second) is None:
        return f"postponed: the account was above its limit ({bound})"
    if bound is Bound.RUNS:
        return f"postponed: the account may have {allowed.runs} runs under way ({bound})"
    return f"postponed: the account may begin {allowed.per_second} runs a second ({bound})"
