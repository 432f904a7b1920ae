"""The cron jobs of the benchmark are all different, and all due at one instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.domain import quartz
from bench.phases.crons import expressions
from bench.plan import FULL


@pytest.mark.parametrize("day", [1, 28, 31])
def test_expressions_differ_and_fire_at_the_instant(day: int) -> None:
    instant = datetime(2030, 7, day, 23, 59, 58, tzinfo=UTC)

    made = expressions(instant, FULL.crons)

    assert len(set(made)) == FULL.crons
    for expression in made[:: FULL.crons // 50]:
        schedule = quartz.parse(expression)
        assert quartz.next_after(schedule, instant - timedelta(microseconds=1)) == instant
        following = quartz.next_after(schedule, instant)
        assert following is not None
        assert following > instant + timedelta(minutes=10)


def test_there_are_only_so_many() -> None:
    with pytest.raises(ValueError, match="only"):
        expressions(datetime(2030, 7, 1, tzinfo=UTC), 1_000_000)
