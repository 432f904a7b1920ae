"""Tests that must be alone are, and neither wait for ever nor keep the others waiting."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.instance import until
from tests.exclusive_tests import ExclusiveTests
from tests.factories import in_thread

MakeExclusiveTests = Callable[[], ExclusiveTests]


@pytest.fixture
def make_exclusive_tests(tmp_path: Path) -> Iterator[MakeExclusiveTests]:
    """Makes what each test process has one of."""
    with ExitStack() as stack:

        def make() -> ExclusiveTests:
            exclusive = ExclusiveTests(tmp_path)
            stack.callback(exclusive.close)
            return exclusive

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


def test_shared_tests_run_together_but_never_beside_an_exclusive_test(
    make_exclusive_tests: MakeExclusiveTests, tmp_path: Path
) -> None:
    exclusive = make_exclusive_tests()
    run = tmp_path / "run"
    exclusive.begin(alone=False)
    assert (is_free(run, fcntl.LOCK_SH), is_free(run, fcntl.LOCK_EX)) == (True, False)
    exclusive.end(next_alone=True)
    assert is_free(run, fcntl.LOCK_EX)

    for next_alone in (True, False):
        exclusive.begin(alone=True)
        assert not is_free(run, fcntl.LOCK_SH)
        exclusive.end(next_alone=next_alone)
        assert is_free(run, fcntl.LOCK_SH) is not next_alone


def test_an_exclusive_test_runs_before_tests_that_came_later(
    make_exclusive_tests: MakeExclusiveTests, tmp_path: Path
) -> None:
    first, exclusive, later = make_exclusive_tests(), make_exclusive_tests(), make_exclusive_tests()
    order: list[str] = []

    def test(lock: ExclusiveTests, *, alone: bool) -> None:
        lock.begin(alone=alone)
        order.append("alone" if alone else "later")
        lock.end(next_alone=False)

    first.begin(alone=False)
    with in_thread(lambda: test(exclusive, alone=True)) as alone:
        until(
            lambda: not is_free(tmp_path / "entry", fcntl.LOCK_EX),
            "the exclusive test holds the entry lock",
        )
        with in_thread(lambda: test(later, alone=False)) as came_later:
            order.append("first")
            first.end(next_alone=False)
            alone()
            came_later()
    assert order == ["first", "alone", "later"]
