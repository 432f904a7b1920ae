"""Summary: the trigger of a recurring Dapr job in English, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.domain.dapr.description import name_days
from app.domain.dapr.reader import Every, Fields, read
from app.domain.dapr.schedule import DaprSchedule, step_of
from app.domain.instants import format_utc
from app.domain.quartz.summary import compose
from app.domain.quartz.times_text import describe_times

_UNITS: Final = (
    ("day", 86_400_000_000_000),
    ("hour", 3_600_000_000_000),
    ("minute", 60_000_000_000),
    ("second", 1_000_000_000),
    ("millisecond", 1_000_000),
    ("microsecond", 1_000),
    ("nanosecond", 1),
)


def summarize(trigger: DaprSchedule) -> str:
    """Return when the trigger is due; raises Refusal for a `schedule` that cannot be read."""
    schedule = read(trigger.schedule)
    text = _every(step_of(schedule)) if isinstance(schedule, Every) else _fields(schedule)
    if trigger.until is not None:
        text += f", until {format_utc(trigger.until)}"
    return text


def _fields(fields: Fields) -> str:
    schedule = fields.schedule
    times = describe_times(schedule.seconds, schedule.minutes, schedule.hours)
    zone = "UTC" if fields.clock is None else fields.clock.zone.name
    return compose(times, name_days(fields), schedule.months, schedule.years, zone)


def _every(nanoseconds: int) -> str:
    parts = list(_split(nanoseconds))
    if len(parts) == 1 and parts[0].startswith("1 "):
        return f"every {parts[0][2:]}"
    return f"every {' '.join(parts)}"


def _split(nanoseconds: int) -> Iterator[str]:
    for name, length in _UNITS:
        count, nanoseconds = divmod(nanoseconds, length)
        if count:
            yield f"{count} {name}{'' if count == 1 else 's'}"
