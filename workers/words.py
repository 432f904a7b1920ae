"""Words: what the database said of late, of all runs that are taken, and what that allows."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.pace import CONFIRMED_FOR

_CONFIRMED_S: Final = CONFIRMED_FOR.total_seconds()
_CLOSE_S: Final = 0.5
"""Long enough for a word that came back fast, too short for clocks to drift apart."""


class Word(NamedTuple):
    """Asked for at `asked`: runs that were withdrawn, and how far the database's clock lies back.

    `withdrawn` has for each run the highest token of a holder that it is withdrawn from.

    `offset` is monotonic time at the answer less the database's clock, which was read before:
    whoever adds it to an instant of that clock is late by the way back, never early.
    """

    asked: float
    offset: float
    withdrawn: Mapping[UUID, int]
    suspended: frozenset[int] = frozenset()
    """Accounts of which no call begins."""


class Words:
    """The last word, and the offsets of those before it; in the loop's thread."""

    def __init__(self) -> None:
        self._asked = float("-inf")
        self._offsets: deque[tuple[float, float]] = deque()
        self.withdrawn: Mapping[UUID, int] = {}
        self.suspended: frozenset[int] = frozenset()

    def hear(self, word: Word) -> None:
        """Take it in."""
        self.withdrawn = word.withdrawn
        self.suspended = word.suspended
        self._asked = max(self._asked, word.asked)
        # Ascending: one that is not the least, and goes first, is never the least.
        while self._offsets and self._offsets[-1][1] >= word.offset:
            self._offsets.pop()
        self._offsets.append((word.asked, word.offset))

    def confirms(self, now: float, confirmed: float) -> bool:
        """Whether a call may begin now of a run that was found wanted at `confirmed`."""
        return now - self._asked <= _CONFIRMED_S or now - confirmed <= _CONFIRMED_S

    def stops(self, account_id: int) -> bool:
        """Whether no call of this account begins."""
        return account_id in self.suspended

    def offset(self, now: float) -> float | None:
        """The least of the last moments, as that word was the shortest time on its way."""
        while self._offsets and now - self._offsets[0][0] > _CLOSE_S:
            self._offsets.popleft()
        return self._offsets[0][1] if self._offsets else None
