"""Reached: which lines and functions of the service's code a call executes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
_OURS: Final = (f"{ROOT}/app/", f"{ROOT}/clients/python/src/")


class Lines:
    """The lines that were executed so far."""

    def __init__(self) -> None:
        self.seen: set[tuple[CodeType, int]] = set()

    def are_new(self, read: Callable[[str], object], text: str) -> bool:
        """Whether reading this text executes lines that none before it has."""
        before = len(self.seen)
        with _traced(self._begin):
            read(text)
        return len(self.seen) > before

    def _begin(self, frame: FrameType, _event: str, _argument: object) -> Any:
        return self._step if frame.f_code.co_filename.startswith(_OURS) else None

    def _step(self, frame: FrameType, event: str, _argument: object) -> Any:
        if event == "line":
            self.seen.add((frame.f_code, frame.f_lineno))
        return self._step


class Functions:
    """The functions that were called so far, by file and first line."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Note the functions that this thread calls."""
        with _traced(self._begin):
            yield

    def _begin(self, frame: FrameType, _event: str, _argument: object) -> None:
        name = frame.f_code.co_filename
        if name.startswith(_OURS):
            self.seen.add((name, frame.f_code.co_firstlineno))


@contextmanager
def _traced(begin: Any) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(begin)
    try:
        yield
    finally:
        sys.settrace(before)
