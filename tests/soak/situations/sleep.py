"""Sleep: a worker is stopped for longer than its leases, and goes on."""

from __future__ import annotations

import signal

from app.domain.timings.leases import LEASE
from tests.soak.ground import Ground, kill
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    for name in ground.names("worker")[:1]:
        pid = ground.instance.send(name, signal.SIGSTOP)
        ground.rest(0.15, 2.5 * LEASE.total_seconds())
        kill(pid, signal.SIGCONT)
    ground.mended()


SLEEP = Situation("sleep", "a worker stands still beyond its leases", _play, may_repeat=True)
