"""Exclusive tests: one that measures lateness or loads all cores runs while no other test does."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

ALONE = "alone"


class ExclusiveTests:
    """A lock between test processes: many shared tests, or one exclusive test, run at a time.

    `folder` is shared by all test processes. A test takes the entry lock first, then the run lock
    (shared or exclusive). An exclusive test keeps the entry lock until all shared tests have ended,
    so that new shared tests cannot starve it. The locks end with their process.
    """

    def __init__(self, folder: Path) -> None:
        self._entry, self._run = (
            os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("entry", "run")
        )
        self._is_alone = False

    def begin(self, *, alone: bool) -> None:
        """Wait until the test may run; at once if the test before it kept the lock exclusively."""
        if self._is_alone:
            return
        fcntl.flock(self._entry, fcntl.LOCK_EX)
        fcntl.flock(self._run, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._entry, fcntl.LOCK_UN)
        self._is_alone = alone

    def end(self, *, next_alone: bool) -> None:
        """Release the lock, unless the next test of this process is exclusive as well."""
        self._is_alone = self._is_alone and next_alone
        if not self._is_alone:
            fcntl.flock(self._run, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._entry)
        os.close(self._run)


def is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker(ALONE) is not None
