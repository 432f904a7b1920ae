"""Times of day of a schedule, in English: "at 09:00 and 17:30", "every 15 minutes"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product
from typing import Final, NamedTuple

from app.domain.quartz.description import joined

_MINUTES: Final = 60
_HOURS: Final = 24
_MAX_LISTED: Final = 4
"""The most times of day that are listed one by one."""


class Times(NamedTuple):
    """The times of day at which a schedule fires."""

    text: str
    are_listed: bool
    """Whether the text names each time of the day, and not how often the schedule fires."""
    are_all_day: bool = False
    """Whether the schedule fires alike in each hour of the day."""


def describe_times(seconds: Sequence[int], minutes: Sequence[int], hours: Sequence[int]) -> Times:
    """The times of day of these fields, each ascending and not empty."""
    if len(seconds) * len(minutes) * len(hours) <= _MAX_LISTED:
        times = [_clock(*each) for each in product(hours, minutes, seconds)]
        return Times(f"at {joined(times)}", are_listed=True)
    if len(seconds) > 1:
        pace = _pace(seconds, _MINUTES, "second")
        if len(minutes) < _MINUTES:
            pace += f" of {_numbered('minute', minutes)}"
    elif len(minutes) > 1:
        pace = _pace(minutes, _MINUTES, "minute") + _at_second(seconds[0])
    else:
        return _hourly(seconds[0], minutes[0], hours)
    if len(hours) == _HOURS:
        often = " of every hour" if pace.startswith("in minute") else ""
        return Times(f"{pace}{often}", are_listed=False, are_all_day=True)
    if _step(hours) == 1:
        last = _clock(hours[-1], minutes[-1], seconds[-1])
        return Times(
            f"{pace} from {_clock(hours[0], minutes[0], seconds[0])} to {last}", are_listed=False
        )
    return Times(f"{pace} of {_numbered('hour', hours)}", are_listed=False)


def _hourly(second: int, minute: int, hours: Sequence[int]) -> Times:
    """The times of a schedule that fires once in each of several hours."""
    step = _step(hours)
    pace = "every hour" if step == 1 else f"every {step} hours"
    if len(hours) == _HOURS:
        at = f" at minute {minute}" if minute or second else ""
        return Times(f"{pace}{at}{_at_second(second)}", are_listed=False, are_all_day=True)
    if step is None:
        times = [_clock(each, minute, second) for each in hours]
        return Times(f"at {joined(times)}", are_listed=True)
    first, last = (_clock(each, minute, second) for each in (hours[0], hours[-1]))
    whole_day = _HOURS % step == 0 and hours[0] < step and hours[-1] + step >= _HOURS
    return Times(f"{pace} from {first}{'' if whole_day else f' to {last}'}", are_listed=False)


def _pace(values: Sequence[int], size: int, unit: str) -> str:
    """How often the values of a field come around, which has `size` values in all."""
    step = _step(values)
    if step is None or values[0] >= step or values[-1] + step < size or size % step:
        return f"in {_numbered(unit, values)}"
    begin = f" from {unit} {values[0]}" if values[0] else ""
    return f"every {unit}" if step == 1 else f"every {step} {unit}s{begin}"


def _step(values: Sequence[int]) -> int | None:
    """The distance between two neighbours if it is always the same; None if it is not."""
    steps = {after - before for before, after in pairwise(values)}
    return steps.pop() if len(steps) == 1 else None


def _numbered(unit: str, values: Sequence[int]) -> str:
    if len(values) == 1:
        return f"{unit} {values[0]}"
    if _step(values) == 1 and len(values) > 2:  # noqa: PLR2004 - two are not a range
        return f"{unit}s {values[0]} to {values[-1]}"
    return f"{unit}s {joined([str(each) for each in values])}"


def _at_second(second: int) -> str:
    return f" at second {second}" if second else ""


def _clock(hour: int, minute: int, second: int) -> str:
    written = f"{hour:02}:{minute:02}"
    return f"{written}:{second:02}" if second else written
