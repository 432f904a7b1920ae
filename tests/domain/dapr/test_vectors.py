"""Every fact that Dapr itself gave about its schedules holds here."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from app.domain.dapr import duration, time_spec
from app.domain.dapr.fields import Field, expand
from app.domain.dapr.reader import Every, read
from app.domain.dapr.refusal import Refusal
from app.domain.dapr.schedule import DaprSchedule, next_after, next_tick
from tests.domain.dapr.vectors import VECTORS, Vector, at, of

SECOND = timedelta(seconds=1)
MICRO = timedelta(microseconds=1)


def test_the_vectors_are_all_there() -> None:
    assert Counter(vector.kind for vector in VECTORS) == {
        "cron_next_n": 48,
        "period": 31,
        "cron_invalid": 26,
        "point_in_time": 24,
        "cron_active": 20,
        "cron_next": 19,
        "job_name": 18,
        "cron_field": 15,
        "duration": 14,
        "tick_next": 8,
        "job_parse": 6,
        "every_next": 4,
        "every": 2,
        # Calls and HTTP, which are tested where they are made.
        "trigger_count": 10,
        "http": 5,
        "trigger_body": 3,
        "http_sequence": 1,
        "http_get": 1,
    }


def ticks(schedule: str, base: datetime, count: int) -> list[datetime | None]:
    """Up to `count` ticks after `base`, ended by None where none is left."""
    booked, found = DaprSchedule(schedule=schedule, start=base), list[datetime | None]()
    after: datetime | None = base
    while after is not None and len(found) < count:
        after = next_after(booked, after)
        found.append(after)
    return found


@pytest.mark.parametrize("vector", of("cron_next"), ids=str)
def test_fires_when_dapr_fires(vector: Vector) -> None:
    assert ticks(vector.input, vector.base, 1) == [at(vector.expected)]


@pytest.mark.parametrize("vector", of("cron_next_n"), ids=str)
def test_fires_again_when_dapr_fires_again(vector: Vector) -> None:
    expected = [at(each) if each else None for each in vector.expected]
    assert ticks(vector.input, vector.base, vector.more["n"]) == expected


@pytest.mark.parametrize("vector", of("cron_active"), ids=str)
def test_fires_just_then_or_not(vector: Vector) -> None:
    found = ticks(vector.input, vector.base - SECOND, 1)
    assert (found == [vector.base]) is vector.expected


@pytest.mark.parametrize("vector", of("cron_invalid"), ids=str)
def test_refuses_what_dapr_refuses(vector: Vector) -> None:
    with pytest.raises(Refusal) as refusal:
        read(vector.input)
    assert refusal.value.member == "schedule"
    assert refusal.value.message.startswith(vector.message)
    assert refusal.value.text == f"{refusal.value.message}; {refusal.value.remedy}"


@pytest.mark.parametrize("vector", of("cron_field"), ids=str)
def test_a_field_names_what_it_names_in_dapr(vector: Vector) -> None:
    where = Field(low=vector.more["min"], high=vector.more["max"], forms="", names={"jan": 1})
    if vector.is_error:
        with pytest.raises(Refusal, match=vector.message):
            expand(where, vector.input)
    else:
        found = expand(where, vector.input)
        assert list(found.values) == vector.expected["values"]
        assert found.star is vector.expected["star"]


@pytest.mark.parametrize("vector", of("every"), ids=str)
def test_an_interval_is_as_long_as_in_dapr(vector: Vector) -> None:
    assert read(vector.input) == Every(period=vector.expected)


@pytest.mark.parametrize("vector", of("every_next"), ids=str)
def test_an_interval_is_added_as_in_dapr(vector: Vector) -> None:
    found = next_tick(Every(period=vector.input), vector.base, vector.base)
    assert found is not None
    # Rounded up: instants are kept to the microsecond, and no tick is early.
    assert timedelta() <= found - at(vector.expected) <= MICRO


@pytest.mark.parametrize("vector", of("duration"), ids=str)
def test_durations_are_those_of_go(vector: Vector) -> None:
    if vector.is_error:
        with pytest.raises(Refusal, match=r"^time: "):
            duration.parse(vector.input, member="dueTime")
    else:
        assert duration.parse(vector.input, member="dueTime") == vector.expected


@pytest.mark.parametrize("vector", of("period"), ids=str)
def test_periods_are_as_lax_as_in_dapr(vector: Vector) -> None:
    if vector.is_error:
        with pytest.raises(Refusal, match=r"^ttl format not recognized"):
            time_spec.span(vector.input, member="ttl")
    else:
        wanted = {**vector.expected}
        assert time_spec.span(vector.input, member="ttl") == time_spec.Period(
            nanoseconds=wanted.pop("ns"), **wanted
        )


@pytest.mark.parametrize("vector", of("point_in_time"), ids=str)
def test_points_in_time_are_those_of_dapr(vector: Vector) -> None:
    if vector.is_error:
        with pytest.raises(Refusal, match=r"^(due time format|repeats not supported)"):
            time_spec.parse(vector.input, vector.base, member="dueTime")
    else:
        assert time_spec.parse(vector.input, vector.base, member="dueTime") == at(vector.expected)


@pytest.mark.parametrize("vector", of("tick_next"), ids=str)
def test_a_tick_follows_the_last_one(vector: Vector) -> None:
    state = vector.input
    until = state.get("expiration")
    booked = DaprSchedule(
        schedule=state["schedule"],
        start=at(state["start"]),
        # The vector without a last tick leaves its expiry to another part of Dapr.
        until=at(until) if until and state["last"] else None,
    )
    # How many are left is kept beside the trigger.
    if state["count"] >= state.get("repeats", state["count"] + 1):
        assert vector.expected is None
        return
    found = next_after(booked, at(state["last"] or state["start"]))
    assert found is not None
    # What `last` has below a microsecond is lost.
    assert abs(found - at(vector.expected)) <= MICRO
