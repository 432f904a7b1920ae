"""Run counts: how many runs of an account ended in which state, by spans of time of one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from app.domain.lateness import Window
from app.domain.run import RunState
from app.errors import InvalidMember

MAX_BUCKETS: Final = 750
"""A month of hours."""

BUCKETS: Final = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "30m": timedelta(minutes=30),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
}
"""Each divides a day, and is a multiple of the time that one histogram of lateness covers."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Adjoining buckets of the length `step`, from `begins` up to `ends`; all are bounds in UTC."""

    begins: datetime
    ends: datetime
    step: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCount:
    """The runs that were due in one bucket and are over, and how late its calls began."""

    begins: datetime
    numbers: Mapping[RunState, int]
    """How many runs ended in each final state."""
    lateness: Window | None
    """The first attempts that were settled in the bucket; None if there are none."""

    @property
    def total(self) -> int:
        """How many runs there are in all states."""
        return sum(self.numbers.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCounts:
    """Counts of adjoining buckets, the newest first."""

    counts: tuple[RunCount, ...]
    more_before: datetime | None
    """Where the next older bucket ends that was not counted; None if all were."""


def span(after: datetime, before: datetime, step: timedelta) -> Span:
    """Return the whole buckets in which the time from `after` to `before` lies.

    Raises InvalidMember for `before` if it is not later than `after`, and for `bucket` if there are
    more than MAX_BUCKETS.
    """
    if before <= after:
        raise InvalidMember(
            "before", "before must be later than after.", remedy="Give a later instant."
        )
    first, end = (after - _EPOCH) // step, -((_EPOCH - before) // step)
    if end - first > MAX_BUCKETS:
        raise InvalidMember(
            "bucket",
            f"There are {end - first} buckets between after and before, but at most {MAX_BUCKETS} "
            "are counted at once.",
            remedy="Give a longer bucket, or less time between after and before.",
        )
    try:
        return Span(begins=_EPOCH + first * step, ends=_EPOCH + end * step, step=step)
    except OverflowError:
        raise InvalidMember(
            "before", "before is too close to the year 10000.", remedy="Give an earlier instant."
        ) from None


def bucket_of(instant: datetime, step: timedelta) -> datetime:
    """Return where the bucket begins in which the instant lies."""
    return _EPOCH + (instant - _EPOCH) // step * step
