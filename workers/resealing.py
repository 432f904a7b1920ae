"""Re-sealing in maintenance: seals values of other keys with the first key, a few a turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import psycopg

from app.log import logger
from app.service.resealing import Resealing
from app.service.secrets import SecretBox
from app.uptime import read_uptime

_TURN_S: Final = 0.5
"""How long one turn takes, at most; a batch that has begun is finished."""

_AGAIN_S: Final = 3600.0
"""Pause between two passes: processes with another key first seal with it until restarted."""


class Reseal:
    """Passes over all sealed values, with an hour between two passes."""

    def __init__(self, box: SecretBox, *, clock: Callable[[], float] = read_uptime) -> None:
        self._box = box
        self._clock = clock
        self._pass = Resealing(box)
        self._begins_at = float("-inf")

    def __call__(self, connection: psycopg.Connection) -> None:
        """Continue the pass, or begin one if the pause is over."""
        until = self._clock() + _TURN_S
        while self._clock() >= self._begins_at and self._clock() < until:
            self._pass.step(connection)
            if self._pass.is_over:
                self._begins_at = self._clock() + _AGAIN_S
                if self._pass.resealed:
                    logger.info("secrets.resealed", values=self._pass.resealed)
                self._pass = Resealing(self._box)


def resealing(keys: Sequence[str]) -> Reseal | None:
    """The step of maintenance, where more than one key is configured. Raises Misconfigured."""
    return Reseal(SecretBox(keys)) if len(keys) > 1 else None
