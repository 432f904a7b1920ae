"""Claims in parts: where a tick stops claiming, and whether it says that there is more."""

from __future__ import annotations

from collections import Counter

import pytest

from app.domain.timings.claiming import CLAIM_S, CLAIMED_AT_ONCE
from app.store.claims import Claims
from workers.claim_parts import claim_in_parts

BUDGET = 3 * CLAIMED_AT_ONCE + 10


class Queue:
    """Rows that are due; each part takes `takes` seconds, and `postponed` of it are postponed."""

    def __init__(self, rows: int, *, takes: float = 0.0, postponed: int = 0) -> None:
        self.rows = rows
        self.now = 0.0
        self.parts: list[int] = []
        self._takes = takes
        self._postponed = postponed

    def claim(self, most: int) -> Claims:
        self.parts.append(most)
        self.now += self._takes
        found = min(most, self.rows)
        self.rows -= found
        return Claims([], found, Counter({1: self._postponed} if self._postponed else {}))


@pytest.mark.parametrize(
    ("queue", "parts", "has_more"),
    [
        (Queue(0), [500], False),
        (Queue(499), [500], False),
        (Queue(500), [500, 500], False),
        (Queue(BUDGET), [500, 500, 500, 10], True),
        (Queue(BUDGET, takes=CLAIM_S / 2), [500, 500], True),
        (Queue(BUDGET, takes=3 * CLAIM_S), [500], True),
        (Queue(BUDGET, postponed=1), [500], True),
        (Queue(20, takes=3 * CLAIM_S, postponed=1), [500], False),
    ],
)
def test_parts_are_claimed_until_there_are_no_more_or_time_or_budget_is_used_up(
    queue: Queue, parts: list[int], *, has_more: bool
) -> None:
    _, more = claim_in_parts(queue.claim, budget=BUDGET, clock=lambda: queue.now)

    assert queue.parts == parts
    assert more is has_more


def test_a_part_that_left_rows_is_the_last_of_its_tick_and_not_of_all() -> None:
    parts: list[int] = []

    def claim(most: int) -> Claims:
        parts.append(most)
        return Claims([], 20, Counter(), is_cut=True)

    _, more = claim_in_parts(claim, budget=BUDGET, clock=lambda: 0.0)

    assert (parts, more) == ([500], True)
