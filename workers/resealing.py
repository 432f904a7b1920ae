"""Re-sealing in maintenance: what other keys sealed is sealed with the first, a little a turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import psycopg

from app.log import logger
from app.service.resealing import Resealing
from app.service.secrets import SecretBox
from app.uptime import read_uptime

_TURN_S: Final = 0.5
"""How long one turn takes at most, but for a batch."""

_AGAIN_S: Final = 3600.0
"""Processes that still have another key first may seal with it until they are started again."""


class Reseal:
    """Passes over all that is sealed, an hour after one another."""

    def __init__(self, box: SecretBox, *, clock: Callable[[], float] = read_uptime) -> None:
        self._box = box
        self._clock = clock
        self._pass = Resealing(box)
        self._begins_at = float("-inf")

    def __call__(self, connection: psycopg.Connection) -> None:
        """Go on with the pass, or begin one where it is time to."""
        until = self._clock() + _TURN_S
        while self._clock() >= self._begins_at and self._clock() < until:
            self._pass.step(connection)
            if self._pass.is_over:
                self._begins_at = self._clock() + _AGAIN_S
                if self._pass.resealed:
                    logger.info("secrets.resealed", values=self._pass.resealed)
                self._pass = Resealing(self._box)


def resealing(keys: Sequence[str]) -> Reseal | None:
    """What maintenance does where other keys than the first are given. Raises Misconfigured."""
    return Reseal(SecretBox(keys)) if len(keys) > 1 else None
