"""Terminal: aligned progress lines, each with its duration."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LABEL_WIDTH: Final = 12
_NEWS_EVERY_S: Final = 5.0
_ERASE: Final = "\r\x1b[K"
_lock: Final = threading.Lock()


class Step:
    """One stretch of work, shown while it lasts and summed up when it is done."""

    def __init__(self, label: str) -> None:
        self.result = ""
        self._label = label
        self._began = self._shown_at = time.monotonic()

    def doing(self, text: str) -> None:
        """Show what goes on now: replaced by the next text on a terminal, rarely in a log."""
        if sys.stdout.isatty():
            _write(f"{_ERASE}{self._label:<{_LABEL_WIDTH}} {text[:60]}", end="")
        elif time.monotonic() - self._shown_at > _NEWS_EVERY_S:
            self._shown_at = time.monotonic()
            say(self._label, text)

    def done(self) -> None:
        """Print the step's result and how long it took."""
        erase = _ERASE if sys.stdout.isatty() else ""
        took = time.monotonic() - self._began
        _write(f"{erase}{self._label:<{_LABEL_WIDTH}} {self.result:<52} {took:6.1f} s".rstrip())


@contextmanager
def step(label: str, text: str) -> Iterator[Step]:
    """Show `label` and `text` while the block runs, then the result it set."""
    shown = Step(label)
    shown.doing(text)
    try:
        yield shown
    except BaseException:
        if sys.stdout.isatty():
            _write(_ERASE, end="")
        raise
    shown.done()


def say(label: str, text: str) -> None:
    """Print one aligned line."""
    _write(f"{label:<{_LABEL_WIDTH}} {text}".rstrip())


def fail(text: str) -> None:
    """Print the one line that says what is wrong and what to do."""
    with _lock:
        print(f"wakecall: {text}", file=sys.stderr, flush=True)


def shown(path: Path) -> str:
    """Return the path relative to the current directory, if it is below it."""
    here = Path.cwd()
    return f"{path.relative_to(here)}" if path.is_relative_to(here) else f"{path}"


def _write(text: str, *, end: str = "\n") -> None:
    # A closed terminal must not end the instance.
    with _lock:
        try:
            print(text, end=end, flush=True)
        except OSError:
            return
