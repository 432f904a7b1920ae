"""NotifiedRuns: overdue runs that were rung for and not taken yet, each counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID


class NotifiedRuns:
    """Runs by the batch that they were first rung for in.

    A batch is taken as a whole, so that its first run stands for all, and few are asked about. Runs
    that are rung for again, in the company of others, are counted where they were.
    """

    def __init__(self) -> None:
        self._batches: dict[UUID, dict[UUID, int]] = {}
        self._counted: set[UUID] = set()

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def total(self) -> int:
        """How many runs there are."""
        return len(self._counted)

    @property
    def asked_about(self) -> Sequence[UUID]:
        """The runs that stand for all."""
        return list(self._batches)

    def add(self, batch: Iterable[tuple[UUID, int]]) -> None:
        """Count the runs of a batch, each with its account, but for those that are counted."""
        fresh = {run_id: account for run_id, account in batch if run_id not in self._counted}
        if fresh:
            self._batches[next(iter(fresh))] = fresh
            self._counted.update(fresh)

    def keep(self, waiting: AbstractSet[UUID]) -> None:
        """Forget the batches whose first run is not among those that still wait."""
        for first in self._batches.keys() - waiting:
            self._counted.difference_update(self._batches.pop(first))

    def by_account(self) -> Counter[int]:
        """How many runs each account has."""
        return Counter(account for runs in self._batches.values() for account in runs.values())
