"""Resealing: encrypts all sealed values with the first key, so that the others can be removed."""

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
"""Rows that are read at once; a batch takes at most a tenth of a second."""

_RESEALED: Final = "values sealed again"
_READ: Final = "values read"


class Resealing:
    """One pass over all sealed values in batches; its position is kept in memory."""

    def __init__(self, box: SecretBox, *, page: int = PAGE) -> None:
        self._box = box
        self._page = page
        self._column = 0
        self._after: Position | None = None
        self.resealed = 0

    @property
    def is_over(self) -> bool:
        """Whether all sealed values have been read."""
        return self._column == len(COLUMNS)

    def step(self, connection: psycopg.Connection) -> int:
        """Seal the values of the next batch of rows with the first key; return the number of rows.

        Values that none of the keys opens are not changed.
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


def reseal_all(context: Context, box: SecretBox, report: Callable[[Counter[str]], None]) -> int:
    """Seal all sealed values with the first key; return how many were changed.

    `report` is called after each batch with the counts so far.
    """
    done: Counter[str] = Counter()
    resealing = Resealing(box)
    with context.database.session() as connection:
        while not resealing.is_over:
            done[_READ] += resealing.step(connection)
            done[_RESEALED] = resealing.resealed
            report(done)
    return resealing.resealed


def count_by_key(
    context: Context, box: SecretBox, report: Callable[[Counter[str]], None]
) -> dict[str, Counter[int | None]]:
    """Count how many values of each column each key opens, by what the column holds.

    Keys are given by their index, and None stands for values that no key opens. `report` is called
    after each batch with the counts so far.
    """
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
                report(done)
                after = page.last
                if after is None:
                    break
    return found


def count_waiting_for_completion(context: Context) -> int:
    """Return how many runs wait for a completion.

    The tokens of these runs become invalid when the key that made them is removed.
    """
    with context.database.session() as connection:
        return count_running(connection)
