"""Pairs of operations, each stopped before its statements for the other: all promises are kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import pytest

from tests.interleavings.breakages import BREAKAGES
from tests.interleavings.command import every_pair
from tests.interleavings.exploration import Environment, environment, explore
from tests.interleavings.situations import SITUATIONS
from tests.servers import Databases, database_name

pytestmark = pytest.mark.long

STRIDE = 100
"""One in so many pairs; `make interleavings` takes all of them."""

PARTS = 4
"""Tests, each of which takes every fourth of these pairs."""

FOUND_BY = {
    "changes of a job do not lock it": ("once, due", "replace", "pause"),
    "a claim does not lock what it claims": ("often, due", "delete", "claim"),
    "a worker does not lock what it begins": (
        "once, due, left to workers",
        "delete",
        "begin overdue",
    ),
    "a tag is added to what was read before the lock": ("once, due", "tag", "pause"),
}
"""Faults, and for each a situation and two operations that find it."""


@pytest.fixture(scope="module")
def made(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    url = databases.fresh()
    with environment(url, tmp_path_factory.mktemp("home")) as opened:
        yield opened
    databases.drop(database_name(url))


@pytest.mark.parametrize("part", range(PARTS))
def test_every_interleaving_is_as_one_operation_after_the_other(
    made: Environment, part: int
) -> None:
    chosen = list(islice(every_pair(SITUATIONS), part * STRIDE, None, STRIDE * PARTS))

    found = [f"{each}" for situation, pair in chosen for each in explore(made, situation, pair)]

    assert found == []


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_fault_that_shows_only_between_two_operations_is_found(
    made: Environment, name: str
) -> None:
    (breakage,) = (each for each in BREAKAGES if each.name == name)
    where, *pair = FOUND_BY[name]
    (situation,) = (each for each in SITUATIONS if each.name == where)
    first, second = (
        next(each for each in situation.operations if each.name == wanted) for wanted in pair
    )
    assert list(explore(made, situation, (first, second))) == []

    with breakage.planted():
        found = list(explore(made, situation, (first, second)))

    assert found != []
