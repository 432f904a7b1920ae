"""Every fact that Quartz itself gave about its dialect holds here."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from app.domain import quartz
from app.domain.clocks import Clock
from app.errors import InvalidMember
from tests.domain.quartz.vectors import BOTH_DAYS_OPEN, FIRING, IN_UTC, REFUSED, VECTORS, Vector
from tests.worst import is_fast

SCAN = timedelta(days=12 * 365)


def firings(
    expression: str, after: datetime, count: int, clock: Clock | None = None
) -> list[datetime]:
    schedule = quartz.parse(expression)

    def next_after(after: datetime) -> datetime | None:
        if clock is None:
            return quartz.next_after(schedule, after)
        return quartz.next_after_on(clock, schedule, after)

    found: list[datetime] = []
    following = next_after(after)
    while following is not None and len(found) < count:
        found.append(following)
        following = next_after(following)
    return found


def test_the_vectors_are_all_there() -> None:
    assert len(VECTORS) == 506
    assert len(FIRING) + len(REFUSED) + len(BOTH_DAYS_OPEN) == len(VECTORS)
    assert len(IN_UTC) > 300
    assert len({vector.tz for vector in FIRING}) == 5


@pytest.mark.parametrize("vector", FIRING, ids=str)
def test_fires_when_quartz_fires(vector: Vector) -> None:
    assert tuple(firings(vector.expr, vector.base, 5, vector.clock)) == vector.next


@pytest.mark.parametrize("vector", REFUSED, ids=str)
def test_refuses_what_quartz_refuses(vector: Vector) -> None:
    with pytest.raises(InvalidMember) as refusal:
        quartz.parse(vector.expr)
    assert refusal.value.member == "cron"
    assert refusal.value.remedy


@pytest.mark.parametrize("vector", BOTH_DAYS_OPEN, ids=str)
def test_a_star_in_both_day_fields_is_read_as_star_and_question_mark(vector: Vector) -> None:
    head = vector.expr.split()
    head[5] = "?"
    assert quartz.parse(vector.expr) == quartz.parse(" ".join(head))


@pytest.mark.parametrize("vector", IN_UTC, ids=str)
def test_the_smallest_gap_is_the_one_quartz_showed(vector: Vector) -> None:
    gap = quartz.minimum_gap(quartz.parse(vector.expr), after=vector.base)
    if vector.min_gap_s is None:
        # The vectors were scanned over twelve years: no gap means no two firings in that time.
        second = firings(vector.expr, vector.base, 2)[1:]
        assert (gap is None) == (not second)
        assert all(firing > vector.base + SCAN for firing in second)
    else:
        assert gap == vector.min_gap_s


def test_no_expression_takes_five_milliseconds_to_judge() -> None:
    for vector in IN_UTC:
        schedule = quartz.parse(vector.expr)
        assert is_fast(quartz.minimum_gap, schedule, 0.005), vector.expr
