"""Rolling: every process stopped in good order and started again, one after the other."""

from __future__ import annotations

import signal

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    for kind in ("worker", "scheduler", "web"):
        for name in deployment.names(kind):
            before = deployment.instance.send(name, signal.SIGTERM)
            deployment.wait_for_successor(name, before)
    for each in deployment.beside:
        if each.stop() != 0:
            deployment.broken(f"a {each.kind} did not end in good order")
        each.start()
        deployment.wait_for_heartbeat(each.kind, each.process.pid)
    deployment.mended()


ROLLING = Situation("rolling", "all processes are restarted, one after the other", _play)
