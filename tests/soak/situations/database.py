"""Database: only reads for a while; hangs, so that the standby is promoted; is switched over."""

from __future__ import annotations

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation

_HANGS_S = 3.0


def _read_only(deployment: Deployment) -> None:
    deployment.database.set_read_only("on")
    deployment.rest(0.25, 4.0)
    deployment.database.set_read_only("off")
    deployment.mended()


def _hang(deployment: Deployment) -> None:
    deployment.database.freeze()
    deployment.rest(0.05, _HANGS_S)
    deployment.database.promote()
    deployment.mended()
    deployment.rest(0.4, 5.0)
    deployment.database.rejoin()


def _switch_over(deployment: Deployment) -> None:
    deployment.database.stop()
    deployment.database.promote()
    deployment.mended()
    deployment.rest(0.4, 5.0)
    deployment.database.rejoin()


READ_ONLY = Situation("read-only", "the database takes no writes for a while", _read_only)
HANG = Situation("hang", "the primary hangs, its standby is promoted", _hang, may_repeat=True)
SWITCHOVER = Situation("switchover", "the primary is stopped, its standby promoted", _switch_over)
