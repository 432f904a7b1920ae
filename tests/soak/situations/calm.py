"""Calm: the load and nothing else, which the others are compared with."""

from __future__ import annotations

from tests.soak.deployment import Deployment
from tests.soak.situation import Situation


def _play(deployment: Deployment) -> None:
    deployment.rest(0.6)
    deployment.mended()


CALM = Situation("calm", "the load and nothing else", _play)
