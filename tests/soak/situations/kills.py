"""Kills: web, scheduler and worker by SIGKILL, and the worker's successor at once."""

from __future__ import annotations

import signal

from tests.e2e.instance import until
from tests.soak.deployment import Deployment, kill
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    for name in ("web", "scheduler"):
        _kill(deployment, name)
        deployment.rest(0.05)
    worker = deployment.names("worker")[0]
    first = deployment.instance.send(worker, signal.SIGKILL)
    until(lambda: deployment.instance.pid(worker) not in {None, first}, "it is started again")
    deployment.rest(0.02, 2.0)
    _kill(deployment, worker)
    deployment.rest(0.05)
    for each in deployment.beside:
        kill(each.process.pid, signal.SIGKILL)
        each.process.wait()
        each.start()
        deployment.wait_for_heartbeat(each.kind, each.process.pid)
    deployment.mended()


def _kill(deployment: Deployment, name: str) -> None:
    before = deployment.instance.send(name, signal.SIGKILL)
    deployment.wait_for_successor(name, before)


KILLS = Situation(
    "kills",
    "web, schedulers and workers are killed, a worker twice in a row",
    _play,
    may_repeat=True,
)
