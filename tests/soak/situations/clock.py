"""Clock: that of the database is set forward by an hour, and back by half a minute."""

from __future__ import annotations

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation

FORWARD_S, BACK_S = 3600.0, -30.0


def _situation(name: str, about: str, seconds: float) -> Situation:
    def play(deployment: Deployment) -> None:
        deployment.clock(seconds)
        deployment.rest(0.3, 5.0)
        deployment.clock(0.0)
        deployment.mended()

    return Situation(name, about, play, leaps=seconds > 0)


SITUATIONS = (
    _situation("clock-forward", "the database's clock is an hour ahead for a while", FORWARD_S),
    _situation("clock-back", "the database's clock is 30 s behind for a while", BACK_S),
)
