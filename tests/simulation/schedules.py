"""Schedules of the model: when a job is due, by arithmetic of its own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

ZONES: Final = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
)
_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Local times of day, on some days of the week or on one day of the month.

    A local time that does not exist is left out; of one that occurs twice, the second counts, or
    with `twice` both.
    """

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    second: int = 0
    weekdays: tuple[int, ...] | None = None
    """0 is Sunday."""
    day: int | None = None
    """The day of the month; months that lack it are left out."""
    zone: str = "UTC"
    twice: bool = False

    @property
    def cron(self) -> str:
        """As an expression of six fields, as Quartz and Dapr have it."""
        fields = [f"{self.second}", _listed(self.minutes), _listed(self.hours)]
        if self.weekdays is not None:
            days = ",".join(_DAYS[number] for number in self.weekdays)
            return " ".join([*fields, "?", "*", days])
        return " ".join([*fields, f"{self.day}" if self.day else "*", "*", "?"])

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """All instants after the one and not after the other, in UTC."""
        found: list[datetime] = []
        zone = ZoneInfo(self.zone)
        day = (after - _DAY).date()
        while day <= (until + _DAY).date():
            if self._is_on(day):
                found += [
                    instant
                    for hour in self.hours
                    for minute in self.minutes
                    for instant in self._at(day, time(hour, minute, self.second), zone)
                ]
            day += _DAY
        return sorted(each for each in found if after < each <= until)

    def _at(self, day: date, clock: time, zone: ZoneInfo) -> list[datetime]:
        """The instants of a local time; none where the clock skips it."""
        found = []
        for fold in (0, 1) if self.twice else (1,):
            local = datetime.combine(day, clock, zone).replace(fold=fold)
            instant = local.astimezone(UTC)
            back = instant.astimezone(zone)
            if (back.date(), back.time()) == (day, clock) and instant not in found:
                found.append(instant)
        return found

    def _is_on(self, day: date) -> bool:
        if self.weekdays is not None:
            return day.isoweekday() % 7 in self.weekdays
        return self.day is None or day.day == self.day


@dataclass(frozen=True, kw_only=True, slots=True)
class Once:
    """One instant."""

    at: datetime

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """The instant, if it is after the one and not after the other."""
        return [self.at] if after < self.at <= until else []


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """From a start on, again and again after the same time."""

    start: datetime
    every: timedelta

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """All instants after the one and not after the other."""
        first = max(0, (after - self.start) // self.every + 1)
        last = (until - self.start) // self.every
        return [self.start + number * self.every for number in range(first, last + 1)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Never:
    """No instant at all: only other jobs start the job, or its client."""

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """Nothing."""
        del after, until
        return []


AnySchedule = Schedule | Once | Interval | Never


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(f"{number}" for number in numbers)


def draw_schedule(
    chance: random.Random, zones: Sequence[str] = ZONES, *, twice: bool = False
) -> Schedule:
    """A schedule that fires some tens to hundreds of times a year."""
    zone = chance.choice(zones)
    hours = tuple(sorted(chance.sample(range(24), chance.choice([1, 1, 1, 2]))))
    minutes = (chance.choice([0, 15, 30, 45, 59]),)
    second = chance.choice([0, 0, 0, 30])
    if chance.random() < 0.5:
        day, weekdays = chance.randint(1, 31), None
    else:
        day, weekdays = None, (chance.randrange(7),)
    return Schedule(
        hours=hours,
        minutes=minutes,
        second=second,
        weekdays=weekdays,
        day=day,
        zone=zone,
        twice=twice,
    )
