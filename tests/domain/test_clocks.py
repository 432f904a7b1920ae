"""Clocks: pieces that leave out nothing, and local times that exist never, once or twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import clocks, zones
from app.domain.clocks import OnGap, OnOverlap, clock
from tests.domain.quartz.reference import utc

NEW_YORK = zones.find("America/New_York")
RULES = list(product(OnGap, OnOverlap))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from(sorted(zones.names())), st.sampled_from(RULES))
def test_the_pieces_of_a_clock_follow_each_other(name: str, rules: tuple[OnGap, OnOverlap]) -> None:
    on = clock(name, *rules)
    pieces = list(clocks.pieces_from(on, 0))
    assert pieces[0].start == pieces[0].offset
    assert pieces[-1].end == zones.LAST_INSTANT
    for before, after in pairwise(pieces):
        shift = after.offset - before.offset
        left_out = after.start - before.stop
        if shift > 0:
            assert left_out == shift
            moved = shift if rules[0] is OnGap.NEXT else 0
            assert before.moved_until - before.stop == moved
        else:
            assert left_out == (shift if rules[1] is OnOverlap.BOTH else 0)
            assert before.moved_until == before.stop
            first = rules[1] is OnOverlap.FIRST
            assert after.start - after.offset == before.end + (-shift if first else 0)
        assert before.offset == zones.offset_at(on.zone.info, before.end - 1)
        assert after.offset == zones.offset_at(on.zone.info, before.end)


def test_without_rules_a_clock_is_read_as_quartz_does() -> None:
    assert clock("UTC", None, None) == clock("UTC", OnGap.SKIP, OnOverlap.SECOND)


@pytest.mark.parametrize(
    ("name", "wall", "instants"),
    [
        ("America/New_York", (2026, 7, 1, 12), [utc(2026, 7, 1, 16)]),
        (
            "America/New_York",
            (2026, 11, 1, 1, 30),
            [utc(2026, 11, 1, 5, 30), utc(2026, 11, 1, 6, 30)],
        ),
        ("America/New_York", (2026, 11, 1, 2), [utc(2026, 11, 1, 7)]),
        ("America/New_York", (2026, 3, 8, 2), []),
        ("America/New_York", (2026, 3, 8, 2, 59, 59, 999_999), []),
        ("America/New_York", (2026, 3, 8, 3), [utc(2026, 3, 8, 7)]),
        ("Pacific/Apia", (2011, 12, 30, 12), []),
        (
            "Australia/Lord_Howe",
            (2026, 4, 5, 1, 45),
            [utc(2026, 4, 4, 14, 45), utc(2026, 4, 4, 15, 15)],
        ),
        ("Africa/Monrovia", (1972, 1, 7, 0, 0, 0), []),
        ("UTC", (9999, 12, 31, 23, 59, 59), [utc(9999, 12, 31, 23, 59, 59)]),
    ],
)
def test_the_instants_of_a_local_time(
    name: str, wall: tuple[int, ...], instants: list[datetime]
) -> None:
    naive = utc(*wall).replace(tzinfo=None)
    assert clocks.instants_of(zones.find(name), naive) == instants


@pytest.mark.parametrize(
    ("name", "wall", "end"),
    [
        ("America/New_York", (2026, 3, 8, 2), utc(2026, 3, 8, 7)),
        ("America/New_York", (2026, 3, 8, 2, 59, 59, 999_999), utc(2026, 3, 8, 7)),
        ("Pacific/Apia", (2011, 12, 30, 0), utc(2011, 12, 30, 10)),
        ("Pacific/Apia", (2011, 12, 30, 23, 59, 59), utc(2011, 12, 30, 10)),
        ("Australia/Lord_Howe", (2026, 10, 4, 2, 15), utc(2026, 10, 3, 15, 30)),
        ("Asia/Beirut", (2027, 3, 28, 0), utc(2027, 3, 27, 22)),
        ("America/New_York", (3000, 3, 9, 2, 30), utc(3000, 3, 9, 7)),
    ],
)
def test_a_gap_ends_with_the_change(name: str, wall: tuple[int, ...], end: datetime) -> None:
    zone, naive = zones.find(name), utc(*wall).replace(tzinfo=None)
    assert clocks.instants_of(zone, naive) == []
    assert clocks.end_of_gap(zone, naive) == end


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))  # noqa: DTZ001 - wall-clock times are naive
def test_seconds_count_wall_clocks_and_instants_alike(wall: datetime) -> None:
    seconds = clocks.whole_seconds(wall)
    assert clocks.wall_time(seconds) == wall.replace(microsecond=0)
    aware = wall.replace(tzinfo=utc(1970, 1, 1).tzinfo)
    assert clocks.whole_seconds(aware) == seconds
    assert clocks.instant(seconds) == aware - timedelta(microseconds=wall.microsecond)
