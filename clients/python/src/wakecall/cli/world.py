"""World: what a command has around it, so that tests can give it another."""

from __future__ import annotations

import shutil
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2

from wakecall.cli.config import Surroundings, surroundings


def _now() -> datetime:
    return datetime.now(UTC)


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


def _stdout_is_terminal() -> bool:
    return sys.stdout.isatty()


def _stdin_is_terminal() -> bool:
    return sys.stdin.isatty()


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _keyboard() -> int:
    return sys.stdin.fileno()


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Files, clock, terminal and network as a command meets them."""

    around: Surroundings = field(default_factory=surroundings)
    clock: Callable[[], datetime] = _now
    sleep: Callable[[float], None] = _sleep
    transport: httpx2.BaseTransport | None = None
    """What carries requests to the service; None for the network."""
    shows_tables: Callable[[], bool] = _stdout_is_terminal
    """Whether people read standard output."""
    can_ask: Callable[[], bool] = _stdin_is_terminal
    """Whether a person can answer on standard input."""
    columns: Callable[[], int] = _columns
    keyboard: Callable[[], int] = _keyboard
    """The descriptor of standard input, from which single keys are read."""
    open_page: Callable[[str], bool] = webbrowser.open
    """Opens a URL in the browser; returns whether there is one."""
