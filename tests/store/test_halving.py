"""Halving: all have the action but those that fail by themselves, in few tries."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, log2

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.store import halving
from app.store.halving import by_halves


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "_SECONDS", 60.0)


@given(st.sets(st.integers(0, 499), max_size=8), st.integers(1, 500))
def test_all_have_the_action_but_those_that_fail(bad: set[int], count: int) -> None:
    tries: list[Sequence[int]] = []

    def act(items: Sequence[int]) -> list[int]:
        tries.append(items)
        if bad & set(items):
            raise ValueError
        return list(items)

    found = by_halves(range(count), act)

    failing = sorted(bad & set(range(count)))
    assert sorted(each for part in found.done for each in part) == sorted(
        set(range(count)) - set(failing)
    )
    assert [item for item, _ in found.refused] == failing
    assert len(tries) <= 1 + 2 * len(failing) * ceil(log2(count) + 1)


def test_where_everything_fails_the_error_is_raised_after_few_tries() -> None:
    tries = 0

    def act(_: Sequence[int]) -> None:
        nonlocal tries
        tries += 1
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        by_halves(range(500), act)
    assert tries < 40
    assert len(by_halves(range(3), act).refused) == 3


def test_an_error_that_is_not_of_a_row_is_raised_or_ends_the_search() -> None:
    def away_from(first: int) -> tuple[list[int], list[int]]:
        def act(items: Sequence[int]) -> int:
            if len(items) > 1:
                raise ValueError
            if items[0] >= first:
                raise psycopg.errors.AdminShutdown
            return items[0]

        found = by_halves(range(4), act)
        return found.done, found.left

    with pytest.raises(psycopg.errors.AdminShutdown):
        away_from(0)
    assert away_from(2) == ([0, 1], [2, 3])


def test_what_is_left_when_time_is_up_is_not_acted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "_SECONDS", 0.0)

    def act(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise ValueError
        return list(items)

    found = by_halves(range(8), act)

    assert ([item for item, _ in found.refused], found.done) == ([1], [[0]])
    assert found.left == [2, 3, 4, 5, 6, 7]
