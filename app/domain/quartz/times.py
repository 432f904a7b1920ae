"""Times: the times of day of a schedule within a part of a day."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from app.domain.quartz.schedule import Schedule

_MINUTE: Final = 60
_HOUR: Final = 3600


def closest_times(schedule: Schedule, start: int, stop: int) -> int | None:
    """The smallest gap between two times of day from `start` up to `stop`, all in seconds."""
    gaps: list[int] = []
    previous: int | None = None
    for first, last, inner in _runs(schedule, start, stop):
        if previous is not None:
            gaps.append(first - previous)
        if inner is not None:
            gaps.append(inner)
        previous = last
    return min(gaps, default=None)


def _runs(schedule: Schedule, start: int, stop: int) -> Iterator[tuple[int, int, int | None]]:
    """First and last time and smallest gap of each hour, or of its parts where it is cut."""
    minutes, seconds = schedule.minutes, schedule.seconds
    in_minute = min((after - before for before, after in pairwise(seconds)), default=None)
    length = seconds[-1] - seconds[0]
    apart = [(after - before) * _MINUTE - length for before, after in pairwise(minutes)]
    in_hour = min([*apart, *([] if in_minute is None else [in_minute])], default=None)
    for hour in schedule.hours:
        opening = hour * _HOUR + minutes[0] * _MINUTE + seconds[0]
        closing = hour * _HOUR + minutes[-1] * _MINUTE + seconds[-1]
        if start <= opening and closing < stop:
            yield opening, closing, in_hour
            continue
        for minute in minutes:
            base = hour * _HOUR + minute * _MINUTE
            if start <= base + seconds[0] and base + seconds[-1] < stop:
                yield base + seconds[0], base + seconds[-1], in_minute
                continue
            for second in seconds:
                if start <= base + second < stop:
                    yield base + second, base + second, None
