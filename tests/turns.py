"""Turns: what measures lateness, or loads all cores, runs while no other test process tests."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

ALONE = "alone"


class Turns:
    """Who tests just now: many, or one that is alone. `folder` is that of all the processes.

    Everybody comes through the door one by one, and whoever wants to be alone keeps it shut until
    the room is empty: those who do not cannot hold it off for ever. Locks end with their process.
    """

    def __init__(self, folder: Path) -> None:
        self._door, self._room = (
            os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600) for name in ("door", "room")
        )
        self._is_alone = False

    def begin(self, *, alone: bool) -> None:
        """Wait for the turn of a test; at once where the one before it has left its own."""
        if self._is_alone:
            return
        fcntl.flock(self._door, fcntl.LOCK_EX)
        fcntl.flock(self._room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(self._door, fcntl.LOCK_UN)
        self._is_alone = alone

    def end(self, *, next_alone: bool) -> None:
        """Let others in, unless what comes next must be alone as well."""
        self._is_alone = self._is_alone and next_alone
        if not self._is_alone:
            fcntl.flock(self._room, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._door)
        os.close(self._room)


def is_alone(item: pytest.Item | None) -> bool:
    return item is not None and item.get_closest_marker(ALONE) is not None
