"""Database: only reads for a while; hangs, so that the standby is promoted; is switched over."""

from __future__ import annotations

from tests.soak.ground import Ground
from tests.soak.situation import Situation

_HANGS_S = 3.0


def _read_only(ground: Ground) -> None:
    ground.database.set_read_only("on")
    ground.rest(0.25, 4.0)
    ground.database.set_read_only("off")
    ground.mended()


def _hang(ground: Ground) -> None:
    ground.database.freeze()
    ground.rest(0.05, _HANGS_S)
    ground.database.promote()
    ground.mended()
    ground.rest(0.4, 5.0)
    ground.database.rejoin()


def _switch_over(ground: Ground) -> None:
    ground.database.stop()
    ground.database.promote()
    ground.mended()
    ground.rest(0.4, 5.0)
    ground.database.rejoin()


READ_ONLY = Situation("read-only", "the database takes no writes for a while", _read_only)
HANG = Situation("hang", "the primary hangs, its standby is promoted", _hang, may_repeat=True)
SWITCHOVER = Situation("switchover", "the primary is stopped, its standby promoted", _switch_over)
