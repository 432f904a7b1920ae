"""Firing rate: how many runs of an account may begin now, and when those above its limit begin.

A run may begin while the account has allowance, which grows by `per_second` a second and never
beyond that of one second (a generic cell rate algorithm). `spent_until` is the only state: the
instant from which on the whole allowance of a second is there again, but for that second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

BURST: Final = timedelta(seconds=1)
"""So much of the allowance may be spent at one instant: what is due at a full hour is on time."""

QUEUE_MARGIN: Final = timedelta(seconds=10)
"""A postponed row is expected this much later than its turn: then it comes by itself."""

SLOWEST_RETURN: Final = 100
"""Where runs under way are the limit, this many postponed rows a second come by themselves."""

_SOONEST_LOOK: Final = timedelta(milliseconds=100)
_LATEST_LOOK: Final = timedelta(seconds=60)
SHARING: Final = 4
"""So many schedulers may begin runs of an account at the same instant without counting first: each
a quarter of what may begin until its limit of runs under way is reached."""

_NEAR: Final = 8
_NEAR_RUNS: Final = 16
_ROUNDING: Final = 1e-6


class Bound(StrEnum):
    """Which limit postponed a firing."""

    FIRINGS = "firingsPerSecond"
    RUNS = "runsUnderWay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """What an account may begin; None where nothing bounds it.

    `runs` is how many runs may be under way.
    """

    per_second: int | None = None
    runs: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FiringLimits:
    """What a claim has to know of limits; as it is by default, there are none.

    `of` has the accounts that may be near a limit or have limits of their own, `queued` those of
    them that have postponed firings. Of any other account, which may begin what `default` says, so
    many rows are claimed at a time without being counted: `quiet` as far as firings a second are
    concerned, `quiet_runs` as far as runs under way are.
    """

    default: Allowed = Allowed()
    of: Mapping[int, Allowed] = field(default_factory=dict)
    queued: frozenset[int] = frozenset()
    quiet: int = 2**31 - 1
    quiet_runs: int = 2**31 - 1

    def allowed(self, account_id: int) -> Allowed:
        """What this account may begin."""
        return self.of.get(account_id, self.default)

    def is_counted(self, account_id: int, number: int) -> bool:
        """Whether so many runs of this account, begun at once, are counted where all can see it."""
        return account_id in self.of or number > min(self.quiet, self.quiet_runs)


UNLIMITED: Final = FiringLimits()


def quiet_number(per_second: int | None) -> int:
    """How many firings in a second are so few that they need not be counted where all can see it.

    An eighth: two schedulers that count for themselves let through a quarter at most.
    """
    return UNLIMITED.quiet if per_second is None else per_second // _NEAR


def quiet_runs(runs: int | None) -> int:
    """How many runs may begin in a second and be counted later, with all others, every 5 s.

    A sixteenth: five of them, and half of what an account may have, which counts as near the limit,
    are less than it may have. None where an account may have less than 16.
    """
    return UNLIMITED.quiet_runs if runs is None else runs // _NEAR_RUNS


def available(per_second: int, spent_until: datetime, now: datetime) -> int:
    """How many runs may begin now."""
    left = (now + BURST - max(spent_until, now)) / BURST
    return max(0, int(per_second * left + _ROUNDING))


def turns(per_second: int, spent_until: datetime, now: datetime, number: int) -> list[datetime]:
    """When each of so many runs may begin, one after another; never before now."""
    start = max(spent_until, now) - BURST
    return [max(now, start + (n + 1) * BURST / per_second) for n in range(number)]


def queue_look(per_second: int, spent_until: datetime, now: datetime, number: int) -> datetime:
    """When to look again at a run before which so many postponed firings are to begin.

    Not at once, and not so late that a queue that was deleted holds it up for long.
    """
    turn = turns(per_second, spent_until, now, number)[-1]
    return min(max(turn, now + _SOONEST_LOOK), now + _LATEST_LOOK)


def expected(per_second: int, queued_until: datetime, now: datetime, number: int) -> list[datetime]:
    """When each of so many postponed rows comes by itself, if it did not get its turn before.

    `queued_until` is the expectation of the last row in the queue.
    """
    start = max(queued_until, now + QUEUE_MARGIN)
    return [start + (n + 1) * BURST / per_second for n in range(number)]


def return_rate(allowed: Allowed, bound: Bound) -> int:
    """How many postponed rows of an account come by themselves in a second."""
    per_second = allowed.per_second
    if bound is Bound.RUNS or per_second is None:
        return min(SLOWEST_RETURN, per_second or SLOWEST_RETURN)
    return per_second


def reason(allowed: Allowed, bound: Bound) -> str:
    """Why a firing was postponed, in words; the limit may have been switched off since."""
    if (allowed.runs if bound is Bound.RUNS else allowed.per_second) is None:
        return f"postponed: the account was above its limit ({bound})"
    if bound is Bound.RUNS:
        return f"postponed: the account may have {allowed.runs} runs under way ({bound})"
    return f"postponed: the account may begin {allowed.per_second} runs a second ({bound})"
