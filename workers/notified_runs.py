"""Notified runs: overdue runs that were notified and are not taken yet, each counted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from uuid import UUID


class NotifiedRuns:
    """The runs, by the batch with which each was first notified.

    A batch is taken as a whole: whether its first run is taken tells it of all, so that few runs
    are looked up. A run that is notified again, in another batch, stays counted in its first.
    """

    def __init__(self) -> None:
        self._batches: dict[UUID, dict[UUID, int]] = {}
        self._counted: set[UUID] = set()

    def __bool__(self) -> bool:
        return bool(self._batches)

    @property
    def total(self) -> int:
        """How many runs are notified and not taken."""
        return len(self._counted)

    @property
    def asked_about(self) -> Sequence[UUID]:
        """The first run of each batch: those that are to be looked up."""
        return list(self._batches)

    def add(self, batch: Iterable[tuple[UUID, int]]) -> None:
        """Count the runs of a batch, with their accounts, unless they are counted already."""
        fresh = {run_id: account for run_id, account in batch if run_id not in self._counted}
        if fresh:
            self._batches[next(iter(fresh))] = fresh
            self._counted.update(fresh)

    def keep(self, waiting: AbstractSet[UUID]) -> None:
        """Forget the batches whose first run is not among those that still wait to be taken."""
        for first in self._batches.keys() - waiting:
            self._counted.difference_update(self._batches.pop(first))

    def by_account(self) -> Counter[int]:
        """How many of the runs each account has."""
        return Counter(account for runs in self._batches.values() for account in runs.values())
