"""Booking: the trigger that the times of a Dapr job make, and which times are refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from app.domain.dapr import time_spec
from app.domain.dapr.backlog import MAX_AT_ONCE, MIN_STEP, has_too_many
from app.domain.dapr.reader import Every, Fields, read
from app.domain.dapr.refusal import Refusal, sanitize
from app.domain.dapr.schedule import DaprSchedule, next_after, next_tick
from app.domain.instants import format_utc
from app.domain.one_time import At

MAX_COUNTED: Final = (1 << 31) - 1
"""The highest `repeats` that is counted; a higher one counts as no limit."""


class Times(NamedTuple):
    """The members of a job that determine its ticks, as written; None for one that is not given."""

    schedule: str | None = None
    due_time: str | None = None
    ttl: str | None = None
    repeats: int | None = None


class Booked(NamedTuple):
    """The trigger of a job, with its first tick."""

    trigger: At | DaprSchedule
    first: datetime
    """Due at once where it is past."""
    remaining: int | None
    """How many ticks there are to be, the first included; None for no limit."""


def book(times: Times, now: datetime) -> Booked:
    """What is booked at `now` (aware). Raises Refusal; checks are made in Dapr's order."""
    now = now.astimezone(UTC)
    _check_members(times)
    schedule = None if times.schedule is None else read(times.schedule)
    due = None if times.due_time is None else time_spec.parse(times.due_time, now, member="dueTime")
    if schedule is None or times.schedule is None:
        if due is None:
            raise _nothing_given()
        return Booked(trigger=At(instant=due), first=due, remaining=None)
    trigger = DaprSchedule(
        schedule=times.schedule,
        start=now if due is None else due,
        first=due,
        until=_until(times.ttl, due, now),
    )
    _check_schedule(times.schedule, schedule, trigger.start)
    first = next_after(trigger, now) if due is None else due
    if first is None:
        raise Refusal(
            "ttl",
            "the job ends before its first tick",
            remedy='give it a longer "ttl", or its first tick in "dueTime"',
        )
    if has_too_many(trigger, schedule, times.repeats, now):
        raise _too_many(times.schedule, schedule)
    remaining = times.repeats
    if remaining is not None and remaining > MAX_COUNTED:
        remaining = None
    return Booked(trigger=trigger, first=first, remaining=remaining)


def counted_from(trigger: At | DaprSchedule, times: Times, now: datetime) -> At | DaprSchedule:
    """The trigger of a booked job, with no relative time later than if it was booked `now`.

    Times that the client gave as instants are the same whenever the job was booked.
    """
    now = now.astimezone(UTC)
    due = None if times.due_time is None else time_spec.parse(times.due_time, now, member="dueTime")
    if isinstance(trigger, At):
        return trigger if due is None or due >= trigger.instant else At(instant=due)
    start = min(trigger.start, now if due is None else due)
    until = trigger.until
    if until is not None and times.ttl is not None:
        until = min(until, time_spec.parse(times.ttl, start, member="ttl"))
    return replace(
        trigger, start=start, first=None if trigger.first is None else start, until=until
    )


def _check_members(times: Times) -> None:
    if times.schedule is None and times.due_time is None:
        raise _nothing_given()
    if times.schedule is None and times.repeats is not None and times.repeats > 1:
        raise Refusal(
            "repeats",
            "job must have a schedule to repeat",
            remedy='say how far apart in "schedule", as in "@every 1m"',
        )
    if times.repeats is not None and times.repeats < 1:
        raise Refusal(
            "repeats",
            "defined repeats must be greater than 0",
            remedy='leave "repeats" out for a job without an end',
        )
    if times.schedule is None and times.ttl is not None:
        raise Refusal(
            "ttl",
            "job must have a schedule to have a ttl",
            remedy='leave "ttl" out: a job with "dueTime" alone is called once',
        )


def _nothing_given() -> Refusal:
    return Refusal(
        "schedule",
        "job must have either a due time or a schedule",
        remedy='give it a "schedule", a "dueTime", or both',
    )


def _until(ttl: str | None, due: datetime | None, now: datetime) -> datetime | None:
    if ttl is None:
        return None
    until = time_spec.parse(ttl, now if due is None else due, member="ttl")
    if due is not None and until < due:
        raise Refusal(
            "ttl",
            "ttl must be greater than due time",
            remedy='a relative "ttl" is counted from "dueTime", if that is given',
        )
    return until


def _check_schedule(text: str, schedule: Every | Fields, start: datetime) -> None:
    """Refuse the schedules that Dapr accepts and then fires endlessly, without a pause."""
    if isinstance(schedule, Every) and schedule.period < 0:
        raise Refusal(
            "schedule",
            f"the interval is negative: {sanitize(text)}",
            remedy='give a positive duration, as in "@every 5m"',
        )
    if next_tick(schedule, start, start) is None:
        raise Refusal(
            "schedule",
            f"the schedule never fires: {sanitize(text)} names no time after {format_utc(start)}",
            remedy="name a date that exists",
        )


def _too_many(text: str, schedule: Every | Fields) -> Refusal:
    if isinstance(schedule, Every) and schedule.period < MIN_STEP:
        return Refusal(
            "schedule",
            f"the interval is shorter than a millisecond, without an end: {sanitize(text)}",
            remedy='use "@every 1ms" or longer, '
            f'or say how often in "repeats", at most {MAX_AT_ONCE:,} times',
        )
    return Refusal(
        "dueTime",
        f"more than {MAX_AT_ONCE:,} ticks of {sanitize(text)} would be due at once",
        remedy='begin later, or say how often in "repeats" or how long in "ttl"',
    )
