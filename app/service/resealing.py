"""Re-sealing: all that is sealed is sealed with the first key, so that the others may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

import psycopg

from app.service.context import Context
from app.service.secrets import SecretBox
from app.store.completions import count_running
from app.store.sealed import COLUMNS, Position, walk

PAGE: Final = 500
"""Rows that are read at once; a batch takes a tenth of a second at most."""

_RESEALED: Final = "values sealed again"
_READ: Final = "values read"


class Resealing:
    """One pass over all that is sealed, a batch at a time; where it stands is kept in memory."""

    def __init__(self, box: SecretBox, *, page: int = PAGE) -> None:
        self._box = box
        self._page = page
        self._column = 0
        self._after: Position | None = None
        self.resealed = 0

    @property
    def is_over(self) -> bool:
        """Whether all that is sealed has been looked at."""
        return self._column == len(COLUMNS)

    def step(self, connection: psycopg.Connection) -> int:
        """Seal the values of the next batch of rows with the first key; how many rows there were.

        What none of the keys opens is left as it is.
        """
        resealed = 0

        def reseal(sealed: bytes) -> bytes | None:
            nonlocal resealed
            instead = self._box.reseal(sealed)
            resealed += instead is not None
            return instead

        page = walk(
            connection, COLUMNS[self._column], after=self._after, limit=self._page, reseal=reseal
        )
        self.resealed += resealed
        self._after = page.last
        if page.last is None:
            self._column += 1
        return page.rows


def reseal_all(context: Context, box: SecretBox, tell: Callable[[Counter[str]], None]) -> int:
    """Seal all that is sealed with the first key; how many values were sealed again."""
    done: Counter[str] = Counter()
    resealing = Resealing(box)
    with context.database.session() as connection:
        while not resealing.is_over:
            done[_READ] += resealing.step(connection)
            done[_RESEALED] = resealing.resealed
            tell(done)
    return resealing.resealed


def count_by_key(
    context: Context, box: SecretBox, tell: Callable[[Counter[str]], None]
) -> dict[str, Counter[int | None]]:
    """What each column holds, and how many of its values each key opens; None for no key."""
    found: dict[str, Counter[int | None]] = {}
    done: Counter[str] = Counter()
    with context.database.session() as connection:
        for column in COLUMNS:
            counted = found[column.holds] = Counter()

            def count(sealed: bytes, counted: Counter[int | None] = counted) -> None:
                counted[box.key_of(sealed)] += 1

            after: Position | None = None
            while True:
                page = walk(connection, column, after=after, limit=PAGE, reseal=count)
                done[_READ] += page.rows
                tell(done)
                after = page.last
                if after is None:
                    break
    return found


def count_waiting_for_completion(context: Context) -> int:
    """How many runs wait for a completion, whose tokens end with the key that made them."""
    with context.database.session() as connection:
        return count_running(connection)
