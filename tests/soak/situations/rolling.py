"""Rolling: every process stopped in good order and started again, one after the other."""

from __future__ import annotations

import signal

from tests.soak.ground import Ground
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    for kind in ("worker", "scheduler", "web"):
        for name in ground.names(kind):
            before = ground.instance.send(name, signal.SIGTERM)
            ground.wait_for_successor(name, before)
    for each in ground.beside:
        if each.stop() != 0:
            ground.broken(f"a {each.kind} did not end in good order")
        each.start()
        ground.wait_for_beat(each.kind, each.process.pid)
    ground.mended()


ROLLING = Situation("rolling", "all processes are restarted, one after the other", _play)
