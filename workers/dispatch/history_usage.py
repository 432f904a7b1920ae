"""History usage: counts the bytes of each account's history, and keeps less above its limit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import date
from typing import Final

import psycopg

from app.domain.history_usage import RUN_BYTES, attempt_bytes, bare
from app.domain.limits import Limits, overridden
from app.store import history_usage as store
from app.store import limits as limit_store
from app.store.settling import Settlement
from app.store.single_settling import Settled
from app.uptime import read_uptime
from workers.dispatch.leased_run import LeasedRun

JUDGE_S: Final = 5.0
"""How often the accounts with new history are compared with their limits."""


class HistoryUsage:
    """Only the settler's thread uses it.

    If a worker is killed, what it counted since its last heartbeat is lost: a few seconds of it.
    """

    def __init__(self, limits: Limits, *, clock: Callable[[], float] = read_uptime) -> None:
        self._limits = limits
        self._clock = clock
        self._added: Counter[tuple[int, date]] = Counter()
        self._written: set[int] = set()
        self._judged_at = float("-inf")
        self._full: frozenset[int] = frozenset()

    def pruned(
        self, batch: list[tuple[LeasedRun, Settlement]]
    ) -> list[tuple[LeasedRun, Settlement]]:
        """The batch without what receivers answered, for the accounts at their limit."""
        if not self._full:
            return batch
        return [
            (leased, settlement._replace(attempt=bare(settlement.attempt)))
            if settlement.attempt is not None and leased.run.account_id in self._full
            else (leased, settlement)
            for leased, settlement in batch
        ]

    def count(self, batch: Iterable[tuple[LeasedRun, Settlement]], settled: Settled) -> None:
        """Count the settled runs of a batch: all runs pass here, at about a microsecond each."""
        if settled.token_mismatch or settled.failed:
            done = {each.id for each in settled.done}
            batch = [each for each in batch if each[1].id in done]
        added = self._added
        for leased, settlement in batch:
            size = 0 if settlement.state is None else RUN_BYTES
            if settlement.attempt is not None:
                size += attempt_bytes(settlement.attempt)
            added[leased.run.account_id, _day(settlement)] += size

    def flush(self, connection: psycopg.Connection) -> None:
        """Add the counts to the stored ones; every JUDGE_S, find the accounts at their limit."""
        store.add(connection, self._added)
        self._written.update(account_id for account_id, _ in self._added)
        self._added.clear()
        if self._clock() - self._judged_at >= JUDGE_S:
            self._full = self._judge(connection, self._full | self._written)
            self._written.clear()
            self._judged_at = self._clock()

    def _judge(self, connection: psycopg.Connection, accounts: Iterable[int]) -> frozenset[int]:
        """The accounts, of these, whose history has reached its limit."""
        accounts = sorted(accounts)
        if not accounts:
            return frozenset()
        own = limit_store.of_accounts(connection, accounts)
        taken = store.of_accounts(connection, accounts)
        allowed = {
            each: overridden(self._limits, own.get(each, {})).history_bytes for each in accounts
        }
        return frozenset(
            each
            for each, most in allowed.items()
            if most is not None and taken.get(each, 0) >= most
        )


def _day(settlement: Settlement) -> date:
    """The day that its history counts for: its due day, or that of its call if that is later."""
    due_at, attempt = settlement.due_at, settlement.attempt
    return (due_at if attempt is None else max(due_at, attempt.started_at)).date()
