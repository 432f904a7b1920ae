"""Schedules of the model: when a job is due, by arithmetic of its own."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_DAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """Local times of day, on some days of the week or on one day of the month.

    A local time that does not exist is left out; of one that occurs twice, the second counts.
    """

    hours: tuple[int, ...]
    minutes: tuple[int, ...]
    second: int = 0
    weekdays: tuple[int, ...] | None = None
    """0 is Sunday."""
    day: int | None = None
    """The day of the month; months that lack it are left out."""
    zone: str = "UTC"

    @property
    def cron(self) -> str:
        """As a Quartz expression."""
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
                    if (instant := _at(day, time(hour, minute, self.second), zone)) is not None
                ]
            day += _DAY
        return sorted(each for each in found if after < each <= until)

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


AnySchedule = Schedule | Once


def _at(day: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """The instant of a local time; None where the clock skips it."""
    local = datetime.combine(day, clock, zone).replace(fold=1)
    instant = local.astimezone(UTC)
    back = instant.astimezone(zone)
    return instant if (back.date(), back.time()) == (day, clock) else None


def _listed(numbers: tuple[int, ...]) -> str:
    return ",".join(f"{number}" for number in numbers)


def draw_schedule(chance: random.Random) -> Schedule:
    """A schedule that fires some tens to hundreds of times a year."""
    zone = chance.choice(
        ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
    )
    hours = tuple(sorted(chance.sample(range(24), chance.choice([1, 1, 1, 2]))))
    minutes = (chance.choice([0, 15, 30, 45, 59]),)
    second = chance.choice([0, 0, 0, 30])
    if chance.random() < 0.5:
        return Schedule(
            hours=hours, minutes=minutes, second=second, day=chance.randint(1, 31), zone=zone
        )
    weekdays = tuple(sorted(chance.sample(range(7), 1)))
    return Schedule(hours=hours, minutes=minutes, second=second, weekdays=weekdays, zone=zone)
