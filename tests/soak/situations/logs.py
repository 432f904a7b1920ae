"""Logs: a scheduler and a worker whose standard error takes nothing."""

from __future__ import annotations

from tests.broken_logs import BROKEN
from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _situation(name: str, about: str) -> Situation:
    def play(deployment: Deployment) -> None:
        with BROKEN[name]() as writer:
            made = [deployment.start("scheduler"), deployment.start("worker")]
            for each in made:
                # The one that was just started goes, as its log is a file.
                each.stop()
                each.start(writer)
            for each in made:
                deployment.wait_for_heartbeat(each.kind, each.process.pid)
            deployment.rest(0.5)
            for each in made:
                status = each.stop()
                if status != 0:
                    deployment.broken(f"a {each.kind} ended with status {status} when asked to")
        deployment.mended()

    return Situation(f"log-{name.replace(' ', '-')}", about, play)


SITUATIONS = (
    _situation("nobody reads", "scheduler and worker log into a pipe that nobody reads"),
    _situation("full pipe", "scheduler and worker log into a pipe that is full"),
    _situation("full disk", "scheduler and worker log to a disk that is full"),
)
