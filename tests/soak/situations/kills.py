"""Kills: web, scheduler and worker by SIGKILL, and the worker's successor at once."""

from __future__ import annotations

import signal

from tests.e2e.instance import until
from tests.soak.ground import Ground, kill
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    for name in ("web", "scheduler"):
        _kill(ground, name)
        ground.rest(0.05)
    worker = ground.names("worker")[0]
    first = ground.instance.send(worker, signal.SIGKILL)
    until(lambda: ground.instance.pid(worker) not in {None, first}, "it is started again")
    ground.rest(0.02, 2.0)
    _kill(ground, worker)
    ground.rest(0.05)
    for each in ground.beside:
        kill(each.process.pid, signal.SIGKILL)
        each.process.wait()
        each.start()
        ground.wait_for_beat(each.kind, each.process.pid)
    ground.mended()


def _kill(ground: Ground, name: str) -> None:
    before = ground.instance.send(name, signal.SIGKILL)
    ground.wait_for_successor(name, before)


KILLS = Situation(
    "kills",
    "web, schedulers and workers are killed, a worker twice in a row",
    _play,
    may_repeat=True,
)
