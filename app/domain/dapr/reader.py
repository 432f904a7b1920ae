"""Reads the text of a schedule: a period (`@every`), or fields on the clock of a zone."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from app.domain import instants
from app.domain.clocks import Clock, OnGap, OnOverlap, clock
from app.domain.dapr import duration
from app.domain.dapr.days import NO_DAYS, day_fields
from app.domain.dapr.fields import (
    DAY_OF_MONTH,
    DAY_OF_WEEK,
    HOURS,
    MINUTES,
    MONTH,
    SECONDS,
    Values,
    expand,
)
from app.domain.dapr.names import BLANK
from app.domain.dapr.refusal import Refusal, sanitize
from app.domain.quartz.day_fields import day_table
from app.domain.quartz.schedule import FIRST_YEAR, LAST_YEAR, Schedule
from app.errors import InvalidMember

MAX_SCHEDULE: Final = 255

_EVERY: Final = "@every "
_DESCRIPTORS: Final = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_YEARS: Final = tuple(range(FIRST_YEAR, LAST_YEAR + 1))
_SPACES: Final = re.compile(f"[{BLANK}]+")
_PREFIX: Final = re.compile(f"(?:CRON_)?TZ=(?P<zone>[^{BLANK}]*)(?P<rest>.*)", re.DOTALL)
_FIELDS: Final = 6
_SHAPE: Final = (
    "write seconds, minutes, hours, day-of-month, month and day-of-week, as in "
    '"0 30 9 * * mon-fri", or "@daily", or "@every 1h30m"'
)
_DESCRIBED: Final = (
    'use @yearly, @monthly, @weekly, @daily, @hourly, or "@every" and a duration, as in "@every 5m"'
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Every:
    """A tick each `period` nanoseconds; the period may be zero or negative."""

    period: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Fields:
    """A tick whenever `schedule` matches.

    Local times that do not exist are skipped; local times that the clock shows twice fire twice.
    """

    schedule: Schedule
    clock: Clock | None
    """None for UTC."""
    days_of_month: Values
    days_of_week: Values


Read = Every | Fields


@lru_cache(maxsize=16384)
def read(text: str) -> Read:
    """The schedule in a text; raises Refusal for `schedule`.

    Cached, up to a bound: a scheduler evaluates the same schedules again and again.
    """
    if len(text) > MAX_SCHEDULE:
        raise Refusal(
            "schedule",
            f"the schedule is {len(text)} characters long",
            remedy=f"use at most {MAX_SCHEDULE}",
        )
    if not text:
        raise Refusal("schedule", "empty spec string", remedy=_SHAPE)
    prefix = _PREFIX.fullmatch(text)
    if prefix is None:
        return _unzoned(text)
    if not prefix["rest"]:
        reason = f"timezone prefix {sanitize(text)} is not followed by a schedule"
        raise Refusal("schedule", reason, remedy='write it as in "CRON_TZ=Europe/Rome @daily"')
    zone = _clock(prefix["zone"])
    rest = prefix["rest"].strip(BLANK)
    if rest.startswith(_EVERY):
        raise Refusal(
            "schedule",
            f"a time zone has no meaning for an interval: {sanitize(text)}",
            remedy=f'write "{sanitize(rest)}" alone',
        )
    return _fields(rest, zone)


def _unzoned(text: str) -> Read:
    if text.startswith(_EVERY):
        try:
            return Every(period=duration.parse(text.removeprefix(_EVERY), member="schedule"))
        except Refusal as cause:
            reason = f"failed to parse duration {sanitize(text)}: {cause.message}"
            raise Refusal("schedule", reason, remedy=cause.remedy) from None
    return _fields(text, None)


def _fields(text: str, zone: Clock | None) -> Fields:
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise Refusal("schedule", f"unrecognized descriptor: {sanitize(text)}", remedy=_DESCRIBED)
    fields = _SPACES.split(_DESCRIPTORS.get(text, text).strip(BLANK))
    if len(fields) != _FIELDS or not fields[0]:
        count = len(fields) if fields[0] else 0
        reason = f"expected exactly {_FIELDS} fields, found {count}: [{sanitize(' '.join(fields))}]"
        raise Refusal("schedule", reason, remedy=_suggestion(text) or _SHAPE)
    kinds = (SECONDS, MINUTES, HOURS, DAY_OF_MONTH, MONTH, DAY_OF_WEEK)
    read_in = [expand(kind, field) for kind, field in zip(kinds, fields, strict=True)]
    seconds, minutes, hours, by_month, months, by_week = read_in
    times = (seconds.values, minutes.values, hours.values, months.values)
    return Fields(
        schedule=Schedule(
            # A field of commas alone has no value: then the schedule has no days.
            seconds=seconds.values or (0,),
            minutes=minutes.values or (0,),
            hours=hours.values or (0,),
            days=day_table(day_fields(by_month, by_week)) if all(times) else NO_DAYS,
            months=months.values or (1,),
            years=_YEARS,
        ),
        clock=zone,
        days_of_month=by_month,
        days_of_week=by_week,
    )


def _suggestion(text: str) -> str | None:
    """The remedy for a text that is not a schedule but a duration or an instant."""
    bare = text.strip(BLANK)
    with suppress(Refusal):
        if duration.parse(bare, member="schedule") > 0:
            return f'write "@every {sanitize(bare)}", or, for one call, give it as dueTime'
    with suppress(InvalidMember):
        instants.parse(bare, member="schedule")
        return f'give "{sanitize(bare)}" as dueTime: a schedule is for calls that recur'
    return None


def _clock(name: str) -> Clock | None:
    if name in ("", "UTC"):
        return None
    try:
        return clock(name, OnGap.SKIP, OnOverlap.BOTH)
    except InvalidMember as cause:
        reason = f"provided bad location {sanitize(name)}: unknown time zone {sanitize(name)}"
        raise Refusal("schedule", reason, remedy=cause.remedy) from None
