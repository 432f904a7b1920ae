"""Tests that must be alone are, and neither wait for ever nor keep the others waiting."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.booked import in_thread
from tests.e2e.instance import until
from tests.turns import Turns

MakeTurns = Callable[[], Turns]


@pytest.fixture
def make_turns(tmp_path: Path) -> Iterator[MakeTurns]:
    """Makes what each test process has one of."""
    with ExitStack() as stack:

        def make() -> Turns:
            turns = Turns(tmp_path)
            stack.callback(turns.close)
            return turns

        yield make


def is_free(lock: Path, kind: int) -> bool:
    """Whether a process could have this lock now."""
    handle = os.open(lock, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def test_others_test_beside_a_test_but_not_beside_one_that_is_alone(
    make_turns: MakeTurns, tmp_path: Path
) -> None:
    turns = make_turns()
    room = tmp_path / "room"
    turns.begin(alone=False)
    assert (is_free(room, fcntl.LOCK_SH), is_free(room, fcntl.LOCK_EX)) == (True, False)
    turns.end(next_alone=True)
    assert is_free(room, fcntl.LOCK_EX)

    for next_alone in (True, False):
        turns.begin(alone=True)
        assert not is_free(room, fcntl.LOCK_SH)
        turns.end(next_alone=next_alone)
        assert is_free(room, fcntl.LOCK_SH) is not next_alone


def test_who_would_be_alone_comes_before_those_who_came_later(
    make_turns: MakeTurns, tmp_path: Path
) -> None:
    first, lonely, later = make_turns(), make_turns(), make_turns()
    order: list[str] = []

    def test(turns: Turns, *, alone: bool) -> None:
        turns.begin(alone=alone)
        order.append("alone" if alone else "later")
        turns.end(next_alone=False)

    first.begin(alone=False)
    with in_thread(lambda: test(lonely, alone=True)) as alone:
        until(lambda: not is_free(tmp_path / "door", fcntl.LOCK_EX), "somebody is at the door")
        with in_thread(lambda: test(later, alone=False)) as came_later:
            order.append("first")
            first.end(next_alone=False)
            alone()
            came_later()
    assert order == ["first", "alone", "later"]
