"""Lateness counts: how late first attempts began, by account, until the next heartbeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import psycopg

from app.domain.lateness import BOUNDS, Histogram, bucket
from app.store import accuracy as store
from app.store.settling import Settlement
from app.store.single_settling import Settled
from workers.dispatch.leased_run import LeasedRun

_BUCKETS: Final = len(BOUNDS) + 1


class LatenessCounts:
    """Histograms by account; only the settler's thread uses them."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}
        self._most: dict[int, float] = {}

    def count(self, batch: Iterable[tuple[LeasedRun, Settlement]], settled: Settled) -> None:
        """Count the settled runs of a batch, in less than a microsecond each, as all runs pass."""
        if settled.token_mismatch or settled.failed or settled.busy:
            done = {each.id for each in settled.done}
            batch = [each for each in batch if each[1].id in done]
        counts, most = self._counts, self._most
        for leased, settlement in batch:
            attempt = settlement.attempt
            if attempt is None or attempt.number != 1 or not settlement.counts_for_lateness:
                continue
            account, late = leased.run.account_id, attempt.lateness_ms
            if account not in counts:
                counts[account], most[account] = [0] * _BUCKETS, 0.0
            counts[account][bucket(late)] += 1
            if late > most[account]:  # noqa: PLR1730 - a call costs twice the rest of the line
                most[account] = late

    def flush(self, connection: psycopg.Connection) -> None:
        """Add the counts to the stored histograms, and reset them."""
        store.add(
            connection,
            {
                account: Histogram(counts=counts, most_ms=self._most[account])
                for account, counts in self._counts.items()
            },
        )
        self._counts.clear()
        self._most.clear()
