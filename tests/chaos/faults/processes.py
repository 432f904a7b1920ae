"""Faults of processes: killed, and stopped for longer than a lease."""

from __future__ import annotations

import time
from random import Random
from typing import Final

from app.domain.timings.leases import LEASE
from tests.chaos.deployment import Deployment
from tests.chaos.fault import Fault

KINDS: Final = ("scheduler", "worker", "web")
_BETWEEN_S: Final = 1.5
_BEYOND_S: Final = 1.5 * LEASE.total_seconds()


def _killing(kind: str) -> Fault:
    def inject(made: Deployment, random: Random, seconds: float) -> None:
        end = time.monotonic() + seconds
        killed = []
        while time.monotonic() < end:
            name = random.choice(made.processes.names(kind))
            made.processes.kill(name)
            _note(made, kind)
            killed.append(name)
            time.sleep(random.uniform(0, _BETWEEN_S))
        made.wait_until_at_work(*killed)

    about = f"a {kind} is killed (SIGKILL), then another or the same one, and so on"
    return Fault(f"kill-{kind}", about, inject, frozenset({kind}))


def _stopping(kind: str) -> Fault:
    def inject(made: Deployment, random: Random, seconds: float) -> None:
        name = random.choice(made.processes.names(kind))
        made.processes.stop(name)
        _note(made, kind)
        try:
            time.sleep(max(seconds, _BEYOND_S))
        finally:
            made.processes.go_on(name)

    about = f"a {kind} is stopped (SIGSTOP) for longer than a lease, and goes on"
    return Fault(f"stop-{kind}", about, inject, frozenset({kind}))


def _note(made: Deployment, kind: str) -> None:
    # Nothing that is done to a scheduler or a web may cost a second call.
    if kind == "worker":
        made.lose()


FAULTS: Final = (
    *(_killing(each) for each in KINDS),
    *(_stopping(each) for each in KINDS),
)
