"""File order: files that take long are begun first, so that none is begun when the rest is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from tests.exclusive_tests import ALONE

LONG = "long"
LONG_S = 60


def in_order(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Tests of files that are marked `long`, then others, then those of files that run alone.

    pytest-xdist hands files out in this order. While a test runs alone, the other processes wait,
    and it waits for the tests that they have begun: at the end, none of these takes long.
    """
    return sorted(items, key=_turn)


def _turn(item: pytest.Item) -> int:
    module = item.getparent(pytest.Module)
    marks = set() if module is None else {mark.name for mark in module.own_markers}
    return 2 if ALONE in marks else 0 if LONG in marks else 1


class FileTimes:
    """How long the tests of each file took: names the files that should be marked `long`."""

    def __init__(self) -> None:
        self._seconds: Counter[str] = Counter()
        self._placed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self._seconds[file] += report.duration  # type: ignore[assignment] # Counter adds floats as well
        if {LONG, ALONE} & report.keywords.keys():
            self._placed.add(file)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for file, seconds in self.unmarked():
            terminalreporter.write_line(
                f"{file} took {seconds:.0f} s: `pytestmark` should have it begun first ({LONG}).",
                yellow=True,
            )

    def unmarked(self) -> list[tuple[str, float]]:
        """The files that took a minute or more without a mark, and what they took, in seconds."""
        return [
            (file, seconds)
            for file, seconds in self._seconds.most_common()
            if seconds >= LONG_S and file not in self._placed
        ]
