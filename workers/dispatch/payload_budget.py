"""PayloadBudget: how much memory this worker's long payloads may take, and whose is loaded next."""

from __future__ import annotations

from collections import Counter, deque
from queue import SimpleQueue

from workers.dispatch.fair_queue import SHARE_FACTOR
from workers.dispatch.leased_run import LeasedRun


class PayloadBudget:
    """Reserves bytes for the payloads that the take left in the database, and orders them loaded.

    No payload is loaded without a reservation. As with slots, an account may have SHARE_FACTOR
    times as many bytes as are left, and an account that has none is served before others: no
    account takes all the memory, and no payload waits for ever. Up to half of the budget may be
    reserved early, for runs whose turn is still to come, so that their payloads are here in time.
    A run whose turn it is takes their reservations where it needs them; otherwise two runs might
    wait for each other, one with a slot and one with memory. Used by the loop's thread alone.
    """

    def __init__(self, budget: int, orders: SimpleQueue[LeasedRun]) -> None:
        self._budget = budget
        self._orders = orders
        self._reserved = 0
        """Bytes for runs whose turn it is."""
        self._by_account: Counter[int] = Counter()
        """The same bytes by account."""
        self._early_runs: dict[LeasedRun, None] = {}
        self._early = 0
        """Bytes for runs whose turn is still to come."""
        self._waiting: dict[int, deque[LeasedRun]] = {}
        """Runs whose turn it is and for whose payload there is no room, by account."""

    @property
    def in_memory(self) -> int:
        """Bytes that are loaded or are being loaded."""
        return self._reserved + self._early

    def reserve_early(self, leased: LeasedRun) -> None:
        """Order a payload before its run's turn, if no other run needs the memory."""
        size = leased.run.size
        early = self._early + size
        left = self._budget - self._reserved - early
        fits = early <= self._budget // 2 and (
            self._by_account[leased.run.account_id] + early <= SHARE_FACTOR * left
        )
        if size and fits and not self._waiting:
            self._early_runs[leased] = None
            self._early = early
            self._order(leased)

    def request(self, leased: LeasedRun) -> bool:
        """Reserve memory for a run whose turn has come; True where its payload is loaded already.

        Until it is, the run is `awaiting_payload`.
        """
        leased.awaiting_payload = True
        if leased in self._early_runs:
            del self._early_runs[leased]
            self._early -= leased.run.size
            self._reserve(leased)
        elif not leased.payload_reserved:
            self._waiting.setdefault(leased.run.account_id, deque()).append(leased)
            self._serve()
        return leased.body is not None

    def store(self, leased: LeasedRun, body: bytes) -> bool:
        """Keep a payload that was loaded; False where it is here already or no longer reserved."""
        if not leased.payload_reserved or leased.body is not None:
            return False
        leased.body = body
        return True

    def drop(self, leased: LeasedRun) -> None:
        """Drop a run's payload and its reservation."""
        leased.body = None
        if not leased.payload_reserved:
            return
        leased.payload_reserved = False
        account_id, size = leased.run.account_id, leased.run.size
        if leased in self._early_runs:
            del self._early_runs[leased]
            self._early -= size
        else:
            self._reserved -= size
            self._by_account[account_id] -= size
            if not self._by_account[account_id]:
                del self._by_account[account_id]
        self._serve()

    def _fits(self, leased: LeasedRun) -> bool:
        size, own = leased.run.size, self._by_account[leased.run.account_id]
        left = self._budget - self._reserved
        if not own:
            # A payload that is larger than the whole budget is loaded while there is no other.
            return size <= left or not self._reserved
        return own + size <= SHARE_FACTOR * (left - size)

    def _serve(self) -> None:
        """Order the payloads of waiting runs while they fit, one account after the other."""
        for account_id, waiting in list(self._waiting.items()):
            while waiting and self._fits(waiting[0]):
                leased = waiting.popleft()
                self._reserve(leased)
                self._order(leased)
            if not waiting:
                del self._waiting[account_id]
            elif not self._by_account[account_id]:
                # Memory that becomes free is kept for it: smaller payloads would take it each time.
                return

    def _reserve(self, leased: LeasedRun) -> None:
        """Count a run's bytes, and drop early payloads that leave no memory for them."""
        size = leased.run.size
        self._reserved += size
        self._by_account[leased.run.account_id] += size
        while self._early_runs and self._reserved + self._early > self._budget:
            early, _ = self._early_runs.popitem()
            self._early -= early.run.size
            early.payload_reserved, early.body = False, None

    def _order(self, leased: LeasedRun) -> None:
        leased.payload_reserved = True
        self._orders.put(leased)
