"""Firing limits: which accounts may be near their limits, as far as one process knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import psycopg

from app.domain.firing_rate import Allowed, FiringLimits, quiet_number, quiet_runs
from app.domain.limits import Limits, overridden
from app.domain.timings.limits import FIRING_WINDOW_S, OWN_LIMITS_S, QUEUED_ACCOUNTS_S, QUIET_SHARE
from app.store import limits as store
from app.store import runs_under_way
from app.store.postponing import queued_accounts
from app.uptime import read_uptime


class KnownFirings:
    """Used by one thread: that of a scheduler, or the one of a worker that begins overdue runs.

    The runs of an account that begins few are counted here only, and cost a claim nothing. The runs
    of an account that begins more, or has a limit below the default, are counted in the database,
    where every scheduler and worker sees them.
    """

    def __init__(self, defaults: Limits, *, clock: Callable[[], float] = read_uptime) -> None:
        self._defaults = defaults
        self._clock = clock
        self._own: Mapping[int, Limits] = {}
        self._own_at = float("-inf")
        self._stricter: Mapping[int, Allowed] = {}
        self._full: frozenset[int] = frozenset()
        self._queued: frozenset[int] = frozenset()
        self._queued_at = float("-inf")
        self._window_at = float("-inf")
        self._begun: Counter[int] = Counter()
        self._near: frozenset[int] = frozenset()

    def limits(self, connection: psycopg.Connection) -> FiringLimits:
        """The limits that the next claim applies; reads from the database what is out of date."""
        now = self._clock()
        if now - self._own_at >= OWN_LIMITS_S:
            own = store.with_own(connection)
            self._own = {
                account: overridden(self._defaults, overrides) for account, overrides in own.items()
            }
            self._own_at = now
            self._stricter = self._differing()
        if now - self._queued_at >= QUEUED_ACCOUNTS_S:
            self._queued = queued_accounts(connection)
            self._full = self._half_full(connection)
            self._queued_at = now
        if now - self._window_at >= FIRING_WINDOW_S:
            self._near = frozenset(self._busy())
            self._begun.clear()
            self._window_at = now
        default = self._defaults.firings_per_second
        accounts = self._queued | self._near | set(self._busy()) | self._full
        return FiringLimits(
            default=Allowed(per_second=default, runs=self._defaults.runs_under_way),
            of={**self._stricter, **{each: self._allowed(each) for each in accounts}},
            queued=self._queued,
            quiet=max(1, quiet_number(default) // QUIET_SHARE),
            quiet_runs=quiet_runs(self._defaults.runs_under_way),
        )

    def count(self, begun: Mapping[int, int]) -> None:
        """Add the runs that began, by account."""
        self._begun.update(begun)

    def postponed(self, accounts: Iterable[int]) -> None:
        """Record that these accounts have postponed firings."""
        self._queued |= frozenset(accounts)

    def _allowed(self, account_id: int) -> Allowed:
        limits = self._of(account_id)
        return Allowed(per_second=limits.firings_per_second, runs=limits.runs_under_way)

    def _half_full(self, connection: psycopg.Connection) -> frozenset[int]:
        """The accounts that have at least half of the runs under way that their limit allows."""
        return runs_under_way.near_limit(
            connection,
            self._defaults.runs_under_way,
            {account: limits.runs_under_way for account, limits in self._own.items()},
            enough=lambda most: most // 2,
        )

    def _of(self, account_id: int) -> Limits:
        return self._own.get(account_id, self._defaults)

    def _busy(self) -> Iterable[int]:
        """The accounts that in the present window began more runs than may stay uncounted."""
        for account_id, number in self._begun.items():
            limits = self._of(account_id)
            uncounted = quiet_number(limits.firings_per_second) // QUIET_SHARE
            if number > min(uncounted, quiet_runs(limits.runs_under_way)):
                yield account_id

    def _differing(self) -> dict[int, Allowed]:
        """The accounts whose own limits differ from the defaults that a claim knows."""
        default = self._defaults
        return {
            account_id: self._allowed(account_id)
            for account_id, limits in self._own.items()
            if (limits.firings_per_second, limits.runs_under_way)
            != (default.firings_per_second, default.runs_under_way)
        }
