"""Booking: what becomes of the times of a job, and what is refused, in what order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.domain.dapr.backlog import MAX_AT_ONCE
from app.domain.dapr.booking import MAX_COUNTED, Times, book
from app.domain.dapr.refusal import Refusal
from app.domain.dapr.schedule import DaprSchedule, next_after
from app.domain.one_time import At
from tests.domain.dapr.vectors import Vector, at, of
from tests.domain.quartz.reference import utc
from tests.worst import is_fast

NOW = utc(2026, 11, 22, 5, 30, 0, 250_000)
HOUR = timedelta(hours=1)


def times(members: dict[str, object]) -> Times:
    names = {"dueTime": "due_time"}
    return Times(**{names.get(name, name): value for name, value in members.items()})  # type: ignore[arg-type] # of a case


@pytest.mark.parametrize("vector", of("job_parse"), ids=str)
def test_what_dapr_makes_of_a_job(vector: Vector) -> None:
    if vector.is_error:
        with pytest.raises(Refusal):
            book(times(vector.input), vector.base)
        return
    booked, expected = book(times(vector.input), vector.base), vector.expected
    if "schedule" not in vector.input:
        assert booked.trigger == At(instant=at(expected["dueTime"]))
        return
    due, until = expected.get("dueTime"), expected["expiration"]
    assert booked.trigger == DaprSchedule(
        schedule=vector.input["schedule"],
        start=at(due or expected["start"]),
        first=at(due) if due else None,
        until=at(until) if until else None,
    )
    assert booked.first == (at(due) if due else at(expected["start"]) + HOUR)
    assert booked.remaining == vector.input.get("repeats")


@pytest.mark.parametrize("vector", of("trigger_count"), ids=str)
def test_every_job_that_dapr_calls_for_can_be_booked(vector: Vector) -> None:
    job = {name: value for name, value in vector.input["job"].items() if name in MEMBERS}
    job = {name: "0s" if value == "now" else value for name, value in job.items()}
    booked = book(times(job), NOW)
    repeats = job.get("repeats")
    assert booked.remaining == repeats
    if repeats is not None:
        assert isinstance(booked.trigger, DaprSchedule)
        tick: datetime | None = booked.first
        for _ in range(repeats - 1):
            assert tick is not None
            tick = next_after(booked.trigger, tick)
        assert tick is not None


MEMBERS = ("schedule", "dueTime", "ttl", "repeats")


@pytest.mark.parametrize(
    ("members", "first"),
    [
        ({"dueTime": "15s"}, NOW + timedelta(seconds=15)),
        ({"dueTime": "0s"}, NOW),
        ({"dueTime": "-5s"}, NOW - timedelta(seconds=5)),
        ({"dueTime": "2001-01-01T00:00:00Z"}, utc(2001, 1, 1)),
        ({"dueTime": "0001-01-01T00:00:00Z"}, utc(1, 1, 1)),
        ({"dueTime": "1h", "repeats": 1}, NOW + HOUR),
    ],
)
def test_a_due_time_alone_is_one_call(members: dict[str, object], first: datetime) -> None:
    booked = book(times(members), NOW)
    assert booked.trigger == At(instant=first)
    assert (booked.first, booked.remaining) == (first, None)


@pytest.mark.parametrize(
    ("members", "first", "until"),
    [
        ({"schedule": "@every 1h"}, NOW + HOUR, None),
        ({"schedule": "@hourly"}, utc(2026, 11, 22, 6), None),
        ({"schedule": "@hourly", "ttl": "2h"}, utc(2026, 11, 22, 6), NOW + 2 * HOUR),
        (
            {"schedule": "@hourly", "dueTime": "10s", "ttl": "11s"},
            NOW + timedelta(seconds=10),
            NOW + timedelta(seconds=21),
        ),
        ({"schedule": "@hourly", "dueTime": "1h", "ttl": "PT0S"}, NOW + HOUR, NOW + HOUR),
        ({"schedule": "@every 1h", "ttl": "1h"}, NOW + HOUR, NOW + HOUR),
        ({"schedule": "@daily", "dueTime": "2026-11-20T12:00:00Z"}, utc(2026, 11, 20, 12), None),
    ],
)
def test_a_schedule(members: dict[str, object], first: datetime, until: datetime | None) -> None:
    booked = book(times(members), NOW)
    assert isinstance(booked.trigger, DaprSchedule)
    assert booked.first == first
    assert booked.trigger.until == until
    assert booked.trigger.first == (first if "dueTime" in members else None)
    # The tick that is booked is the one the trigger would tell of.
    assert next_after(booked.trigger, min(NOW, first - timedelta(microseconds=1))) == first


def test_more_repeats_than_can_be_counted_are_no_limit() -> None:
    assert book(Times(schedule="@daily", repeats=MAX_COUNTED), NOW).remaining == MAX_COUNTED
    assert book(Times(schedule="@daily", repeats=MAX_COUNTED + 1), NOW).remaining is None


@pytest.mark.parametrize(
    ("members", "member", "reason"),
    [
        ({}, "schedule", "job must have either a due time or a schedule"),
        ({"ttl": "1h", "repeats": 0}, "schedule", "job must have either a due time or a schedule"),
        (
            {"dueTime": "x", "repeats": 2, "ttl": "x"},
            "repeats",
            "job must have a schedule to repeat",
        ),
        (
            {"dueTime": "x", "repeats": 0, "ttl": "x"},
            "repeats",
            "defined repeats must be greater than 0",
        ),
        ({"schedule": "x", "repeats": 0}, "repeats", "defined repeats must be greater than 0"),
        ({"dueTime": "x", "ttl": "x"}, "ttl", "job must have a schedule to have a ttl"),
        ({"schedule": "x", "dueTime": "x", "ttl": "x"}, "schedule", "expected exactly 6 fields"),
        ({"schedule": "", "dueTime": "1s"}, "schedule", "empty spec string"),
        (
            {"schedule": "@daily", "dueTime": "x", "ttl": "x"},
            "dueTime",
            "due time format not recognized",
        ),
        ({"schedule": "@daily", "dueTime": ""}, "dueTime", "due time format not recognized"),
        ({"schedule": "@daily", "ttl": "x"}, "ttl", "ttl format not recognized"),
        (
            {"schedule": "@daily", "dueTime": "1h", "ttl": "-1s"},
            "ttl",
            "ttl must be greater than due time",
        ),
        # What Dapr takes, and fires at once for ever, or never.
        ({"schedule": "@every -1h", "repeats": 3}, "schedule", "the interval is negative"),
        ({"schedule": "0 0 0 30 2 ?"}, "schedule", "the schedule never fires"),
        ({"schedule": "0 0 0 30 2 ?", "dueTime": "1s"}, "schedule", "the schedule never fires"),
        ({"schedule": ", * * * * *"}, "schedule", "the schedule never fires"),
        (
            {"schedule": "@daily", "dueTime": "2300-01-01T00:00:00Z"},
            "schedule",
            "the schedule never fires",
        ),
        ({"schedule": "@every 1h", "ttl": "59m"}, "ttl", "the job ends before its first tick"),
        (
            {"schedule": "@daily", "ttl": "2020-01-01T00:00:00Z"},
            "ttl",
            "the job ends before its first tick",
        ),
    ],
)
def test_refusals_come_in_the_order_of_dapr(
    members: dict[str, object], member: str, reason: str
) -> None:
    with pytest.raises(Refusal) as refusal:
        book(times(members), NOW)
    assert refusal.value.member == member
    assert refusal.value.text.startswith(reason)
    assert refusal.value.remedy


EDGE = f"{MAX_AT_ONCE - 1}s"


@pytest.mark.parametrize(
    ("members", "taken"),
    [
        ({"schedule": "@every 100ms"}, True),
        ({"schedule": "@every 10ms"}, True),
        ({"schedule": "@every 1ms"}, True),
        ({"schedule": "@every 1ms", "dueTime": "-9s"}, True),
        ({"schedule": "@every 1ms", "dueTime": "-11s"}, False),
        ({"schedule": "@every 999999ns"}, False),
        ({"schedule": "@every 1ms", "repeats": MAX_AT_ONCE}, True),
        ({"schedule": "@every 50ms", "ttl": "499s"}, True),
        ({"schedule": "@every 50ms", "ttl": "501s"}, True),
        ({"schedule": "@every 0s"}, False),
        ({"schedule": "@every 5ns", "dueTime": "1h"}, False),
        ({"schedule": "@every 0s", "repeats": MAX_AT_ONCE}, True),
        ({"schedule": "@every 0s", "repeats": MAX_AT_ONCE + 1}, False),
        ({"schedule": "@every 500us", "ttl": "5s"}, True),
        ({"schedule": "@every 500us", "ttl": "5.0005s"}, False),
        # All of these ticks are past.
        ({"schedule": "@every 1s", "dueTime": f"-{EDGE}"}, True),
        ({"schedule": "@every 1s", "dueTime": f"-{MAX_AT_ONCE}s"}, False),
        ({"schedule": "* * * * * *", "dueTime": f"-{EDGE}"}, True),
        ({"schedule": "* * * * * *", "dueTime": "-4h"}, False),
        ({"schedule": "* * * * * *", "dueTime": "-4h", "ttl": "1h"}, True),
        ({"schedule": "* * * * * *", "dueTime": "-4h", "repeats": 3}, True),
        ({"schedule": "@every 1s", "dueTime": "-4h", "ttl": "1h"}, True),
        ({"schedule": "@hourly", "dueTime": "P-1Y"}, True),
        ({"schedule": "@hourly", "dueTime": "P-2Y"}, False),
        ({"schedule": "@every 24h", "dueTime": "P-2Y"}, True),
        ({"schedule": "@every 24h", "dueTime": "0001-01-01T00:00:00Z"}, False),
        ({"schedule": "* * * * * *", "dueTime": "0001-01-01T00:00:00Z"}, False),
        ({"schedule": "@every 1s", "dueTime": "1h"}, True),
    ],
)
def test_no_booking_makes_a_flood(members: dict[str, object], *, taken: bool) -> None:
    if taken:
        book(times(members), NOW)
    else:
        with pytest.raises(Refusal, match=r"at once|without an end"):
            book(times(members), NOW)


def test_no_refusal_takes_long() -> None:
    members = {
        "schedule": "CRON_TZ=America/New_York * * * * * *",
        "dueTime": "1970-01-02T00:00:00Z",
    }
    with pytest.raises(Refusal):
        book(times({**members}), NOW)
    assert is_fast(lambda given: book(times({**given}), NOW), members, 1)
