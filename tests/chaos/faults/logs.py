"""Faults of logs: standard errors that take nothing more, while their processes run."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Final

from tests.broken_logs import fill
from tests.chaos.deployment import Deployment
from tests.chaos.fault import Fault

_KINDS: Final = ("scheduler", "worker", "web")


def _break(made: Deployment, random: Random, seconds: float, *, is_full: bool) -> None:
    """Restart one process of each kind with a pipe for its log, and break that."""
    names = [random.choice(made.processes.names(kind)) for kind in _KINDS]
    reader, writer = os.pipe()
    try:
        for name in names:
            _restart(made, name, writer)
        made.wait_until_at_work(*names)
        if is_full:
            fill(writer)
        else:
            os.close(reader)
        time.sleep(seconds)
        for name in names:
            _restart(made, name, None)
        made.wait_until_at_work(*names)
    finally:
        os.close(writer)
        if is_full:
            os.close(reader)


def _restart(made: Deployment, name: str, errors: int | None) -> None:
    status = made.processes.restart(name, errors)
    if status != 0:
        made.broken.append(f"{name} ended with status {status} when it was asked to end")


def _closed(made: Deployment, random: Random, seconds: float) -> None:
    _break(made, random, seconds, is_full=False)


def _full(made: Deployment, random: Random, seconds: float) -> None:
    _break(made, random, seconds, is_full=True)


FAULTS: Final = (
    Fault(
        "log-closed",
        "the pipe that takes the logs of a process of each kind is closed",
        _closed,
        frozenset(_KINDS),
    ),
    Fault(
        "log-full",
        "the pipe that takes the logs of a process of each kind is full",
        _full,
        frozenset(_KINDS),
    ),
)
