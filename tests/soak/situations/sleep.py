"""Sleep: a worker is stopped for longer than its leases, and goes on."""

from __future__ import annotations

import signal

from app.domain.timings.leases import LEASE
from tests.soak.deployment import Deployment, kill
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    for name in deployment.names("worker")[:1]:
        pid = deployment.instance.send(name, signal.SIGSTOP)
        deployment.rest(0.15, 2.5 * LEASE.total_seconds())
        kill(pid, signal.SIGCONT)
    deployment.mended()


SLEEP = Situation("sleep", "a worker stands still beyond its leases", _play, may_repeat=True)
