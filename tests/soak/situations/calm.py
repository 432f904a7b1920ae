"""Calm: the load and nothing else, which the others are compared with."""

from __future__ import annotations

from tests.soak.ground import Ground
from tests.soak.situation import Situation


def _play(ground: Ground) -> None:
    ground.rest(0.6)
    ground.mended()


CALM = Situation("calm", "the load and nothing else", _play)
