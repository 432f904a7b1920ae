"""Ended runs: settles for the scheduler what needs no wait, and puts off the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import psycopg

from app.domain.counters import RUN, Counters
from app.domain.timings.claiming import DEFER_LOCKED
from app.domain.timings.settling import SCHEDULER_SETTLE_S, pause_after_failures
from app.log import describe_error, logger
from app.store.database_errors import Kind, is_away, kind_of
from app.store.rescue import defer
from app.store.settling import Settlement
from app.store.single_settling import Settled, settle_singly_if_needed

MAX_FAILED: Final = 10_000
"""Runs whose failures are counted, at most. Those that failed first are counted anew."""


class EndedRuns:
    """The ends of runs that the scheduler settles, as it is the one that found them over.

    A statement may fail once, because the database was slow for a moment, or each time. So the
    first pause is short, for the next firing of a serial job waits for the end. It is doubled with
    each failure, as claims wait while settlements are tried.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        """Whoever owns them writes them; a count that cannot be written now is not lost."""
        self._failures: dict[UUID, int] = {}

    def settle(self, connection: psycopg.Connection, ended: Sequence[Settlement]) -> None:
        """Settle what needs no wait, defer the others. Raises if the database is away."""
        if not ended:
            return
        try:
            settled = settle_singly_if_needed(
                connection, ended, wait=False, within=SCHEDULER_SETTLE_S, budget=SCHEDULER_SETTLE_S
            )
            # Noted before the statements that follow, any of which may fail: what was settled is
            # not found again.
            self._counters.update((RUN, str(state)) for state in settled.states)
            self._forget((*settled.done, *settled.token_mismatch))
            locked = [each.settlement.id for each in settled.busy if each.error is None]
            pauses = self._pauses(_failed(settled))
            defer(connection, locked, DEFER_LOCKED)
            for pause, ids in pauses.items():
                defer(connection, ids, pause)
        except psycopg.Error as error:
            if is_away(error):
                raise
            logger.warning("database.busy", thread="scheduler", error=describe_error(error))

    def _pauses(self, failed: Iterable[tuple[UUID, psycopg.Error]]) -> dict[timedelta, list[UUID]]:
        """Log and count the failures; return the runs by the pause until each is tried again."""
        found: dict[timedelta, list[UUID]] = defaultdict(list)
        for run_id, error in failed:
            before = self._failures.pop(run_id, 0)
            if len(self._failures) >= MAX_FAILED:
                del self._failures[next(iter(self._failures))]
            self._failures[run_id] = before + 1
            found[timedelta(seconds=pause_after_failures(before))].append(run_id)
            is_passing = not before and kind_of(error) is Kind.BUSY
            log = logger.warning if is_passing else logger.error
            log("run.cannot_be_settled", run_id=f"{run_id}", error=describe_error(error))
        return found

    def _forget(self, over: Sequence[Settlement]) -> None:
        if self._failures:
            for each in over:
                self._failures.pop(each.id, None)


def _failed(settled: Settled) -> Iterator[tuple[UUID, psycopg.Error]]:
    for busy in settled.busy:
        if busy.error is not None:
            yield busy.settlement.id, busy.error
    for settlement, error in settled.failed:
        yield settlement.id, error
