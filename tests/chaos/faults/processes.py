"""Faults of processes: killed, and stopped for longer than a lease."""

from __future__ import annotations

import time
from random import Random
from typing import Final

from app.domain.timings.claiming import LOOK_AHEAD
from app.domain.timings.leases import LEASE
from tests.chaos.checker import UNSETTLED_S
from tests.chaos.deployment import Deployment
from tests.chaos.fault import Fault

KINDS: Final = ("scheduler", "worker", "web")
_BETWEEN_S: Final = 1.5
_BEYOND_S: Final = 1.5 * LEASE.total_seconds()
_TAKEN_OVER_S: Final = 2 * LEASE.total_seconds()
_AHEAD_S: Final = 0.05, LOOK_AHEAD.total_seconds() - 0.1
"""How long before the recurring jobs are due workers are stopped: they hold their runs by then, and
have not begun the calls."""

_CAUGHT_UP_S: Final = 2 * UNSETTLED_S
"""How long workers go on in between: by then calls are not excused by the last stop any more."""


def _killing(kind: str) -> Fault:
    def inject(made: Deployment, random: Random, seconds: float) -> None:
        end = time.monotonic() + seconds
        killed = []
        while time.monotonic() < end:
            name = random.choice(made.processes.names(kind))
            made.processes.kill(name)
            if kind == "worker":
                made.lose()
            killed.append(name)
            time.sleep(random.uniform(0, _BETWEEN_S))
        made.wait_until_at_work(*killed)

    about = f"a {kind} is killed (SIGKILL), then another or the same one, and so on"
    return Fault(f"kill-{kind}", about, inject, frozenset({kind}))


def _stopping(kind: str) -> Fault:
    def inject(made: Deployment, random: Random, seconds: float) -> None:
        name = random.choice(made.processes.names(kind))
        made.processes.stop(name)
        try:
            time.sleep(max(seconds, _BEYOND_S))
        finally:
            made.processes.go_on(name)

    about = f"a {kind} is stopped (SIGSTOP) for longer than a lease, and goes on"
    return Fault(f"stop-{kind}", about, inject, frozenset({kind}))


def _stop_workers(made: Deployment, random: Random, seconds: float) -> None:
    """Stop all workers but one, which takes over their runs before they go on; again and again."""
    end = time.monotonic() + seconds
    while True:
        _stop_before_calls(made, random)
        if time.monotonic() + _CAUGHT_UP_S + _TAKEN_OVER_S > end:
            return
        time.sleep(_CAUGHT_UP_S)


def _stop_before_calls(made: Deployment, random: Random) -> None:
    names = made.processes.names("worker")
    names.remove(random.choice(names))
    time.sleep((-time.time() - random.uniform(*_AHEAD_S)) % 1)
    for each in names:
        made.processes.stop(each)
    made.lose()
    try:
        time.sleep(_TAKEN_OVER_S)
    finally:
        for each in names:
            made.processes.go_on(each)


FAULTS: Final = (
    *(_killing(each) for each in KINDS),
    *(_stopping(each) for each in KINDS if each != "worker"),
    Fault(
        "stop-worker",
        "all workers but one are stopped (SIGSTOP) just before calls, for longer than a lease",
        _stop_workers,
        frozenset({"worker"}),
    ),
)
