"""Gap: the shortest time between two firings of a job's time triggers."""

from __future__ import annotations

import heapq
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise
from math import gcd, prod
from typing import Final, NamedTuple

from app.domain import quartz
from app.domain.fusion.intervals import ByInterval, period
from app.domain.fusion.time_triggers import ByCron, TimeTrigger, TimeTriggers, next_of

MAX_WALKED: Final = 4096

_DAY: Final = 86_400_000
_SECOND: Final = 1000
_MILLISECOND: Final = timedelta(milliseconds=1)
_YEAR: Final = 12
_CYCLE: Final = 4800
_CYCLE_DAYS: Final = 146_097
"""Months, and days, after which the Gregorian calendar repeats. No shorter span suffices: firings
every 37 months are closest if one is in a February, and before that happens again, a century year
may have no leap day."""

_MAX_TIMES: Final = 200_000


class Gap(NamedTuple):
    """The shortest time between two firings, in whole seconds."""

    seconds: int | None
    """None where there is at most one firing."""
    exact: bool
    """False where firings of different triggers after `until` may come closer together."""
    until: datetime | None = None
    """The last firing that was compared; None if all were."""


def minimum_gap(timed: TimeTriggers, after: datetime) -> Gap:
    """Return the shortest time between two firings after `after` (aware).

    The gap of a single trigger is computed from its fields. Of several triggers, the next
    MAX_WALKED firings are compared; the result is exact if no firing follows these, or if no two
    times of day of the triggers are closer together.
    """
    live = [
        each
        for each in dict.fromkeys(timed.triggers)
        if each.enabled and next_of(each, after) is not None
    ]
    own = [gap for each in live if (gap := _own(each, after)) is not None]
    if len(live) < 2:  # noqa: PLR2004 - several
        return Gap(_seconds(own), exact=True)
    walked, until = _walk(live, after)
    if until is None:
        return Gap(_seconds(walked), exact=True)
    closest = min([*own, *walked])
    return Gap(_seconds([closest]), exact=closest <= _floor(live), until=until)


def _own(trigger: TimeTrigger, after: datetime) -> int | None:
    """Return the milliseconds between the closest firings of one trigger; None below two firings.

    The firings of a cron count from midnight of the date of its next firing.
    """
    match trigger:
        case ByCron(expression=expression):
            gap = quartz.minimum_gap(quartz.parse(expression), after=after)
            return None if gap is None else gap * _SECOND
        case ByInterval():
            if period(trigger) is None:
                return _own_by_month(trigger, after)
            listed = islice(_firings([trigger], after), 2)
            return next((_between(*pair) for pair in pairwise(listed)), None)


def _own_by_month(trigger: ByInterval, after: datetime) -> int | None:
    first = next_of(trigger, after)
    if first is None:
        return None
    every, month = trigger.every, _month(first)
    last = datetime.max.replace(tzinfo=first.tzinfo) if trigger.end is None else trigger.end
    pairs, rest = divmod(_month(last) - month, every)
    before = last.replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta.resolution
    if not rest and next_of(trigger, before) is None:
        pairs -= 1  # the firing of the last month would come after the end
    around = _CYCLE // gcd(_CYCLE, every)
    months = range(month, month + min(pairs, around) * every, every)
    days = _days(trigger.start.day)
    cycles, further = divmod(every, _CYCLE)
    apart = (days[each % _CYCLE + further] - days[each % _CYCLE] for each in months)
    closest = min(apart, default=None)
    return None if closest is None else (closest + cycles * _CYCLE_DAYS) * _DAY


def _month(instant: datetime) -> int:
    return instant.year * _YEAR + instant.month - 1


@lru_cache
def _days(day: int) -> tuple[int, ...]:
    """Return the ordinals of that day, or the last one before it, in each month of two cycles."""
    years = range(_CYCLE // _YEAR, 3 * _CYCLE // _YEAR)
    return tuple(
        date(year, month, min(day, monthrange(year, month)[1])).toordinal()
        for year in years
        for month in range(1, _YEAR + 1)
    )


def _walk(live: list[TimeTrigger], after: datetime) -> tuple[list[int], datetime | None]:
    """Return the gaps between the next firings, and the last of these; None if none follows it."""
    listed = list(islice(_firings(live, after), MAX_WALKED))
    gaps = [gap for pair in pairwise(listed) if (gap := _between(*pair))]
    return gaps, listed[-1] if len(listed) == MAX_WALKED else None


def _firings(live: list[TimeTrigger], after: datetime) -> Iterator[datetime]:
    """Yield the firings of all triggers in order; several at one instant are yielded separately."""
    coming = [
        (first, number)
        for number, each in enumerate(live)
        if (first := next_of(each, after)) is not None
    ]
    heapq.heapify(coming)
    while coming:
        instant, number = coming[0]
        yield instant
        following = next_of(live[number], instant)
        if following is None:
            heapq.heappop(coming)
        else:
            heapq.heapreplace(coming, (following, number))


def _floor(live: list[TimeTrigger]) -> int:
    """Return a lower bound of every gap in milliseconds, whatever the dates."""
    if sum(_count(each) for each in live) > _MAX_TIMES:
        whole = all(isinstance(each, ByCron) or not each.start.microsecond for each in live)
        return _SECOND if whole else 1
    times = sorted({time for each in live for time in _times(each)})
    overnight = _DAY - times[-1] + times[0]
    return min([later - earlier for earlier, later in pairwise(times)] + [overnight])


def _count(trigger: TimeTrigger) -> int:
    if isinstance(trigger, ByInterval):
        return _DAY // _step(trigger)
    schedule = quartz.parse(trigger.expression)
    return prod(map(len, (schedule.hours, schedule.minutes, schedule.seconds)))


def _times(trigger: TimeTrigger) -> Iterator[int]:
    """Return the times of day, in milliseconds, at which the trigger may fire on some date."""
    if isinstance(trigger, ByInterval):
        start, step = trigger.start, _step(trigger)
        midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
        yield from range(_between(midnight, start) % step, _DAY, step)
        return
    schedule = quartz.parse(trigger.expression)
    for hour in schedule.hours:
        for minute in schedule.minutes:
            for second in schedule.seconds:
                yield ((hour * 60 + minute) * 60 + second) * _SECOND


def _step(interval: ByInterval) -> int:
    length = period(interval)
    return _DAY if length is None else gcd(length // _MILLISECOND, _DAY)


def _between(earlier: datetime, later: datetime) -> int:
    return (later - earlier) // _MILLISECOND


def _seconds(gaps: list[int]) -> int | None:
    return min(gaps) // _SECOND if gaps else None
