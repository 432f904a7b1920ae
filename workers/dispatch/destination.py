"""Destination: what one worker knows of one scheme, host and port of one account's URLs.

A Dapr app has a destination of its own, even where other URLs lead to the same host and port.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final, Generic, TypeVar

from app.domain.circuit_breaker import CLOSED, CircuitBreaker, share_of
from app.store.parking import DestinationKey

_Run = TypeVar("_Run")
"""What waits for its turn at a destination."""

EMPTY: Final[deque[Any]] = deque(maxlen=0)
"""The queue of all destinations at which no run has ever waited. Most of the memory of a
destination would be a queue of its own."""


class Destination(Generic[_Run]):
    """Counters of one destination, the runs that wait for their turn there, and its breaker.

    Used by the loop's thread alone.
    """

    __slots__ = (
        "account_id",
        "breaker",
        "expected",
        "host",
        "in_flight",
        "key",
        "last_used_at",
        "limit",
        "parked",
        "parking",
        "probe",
        "seconds",
        "share",
        "sweeping",
        "unreachable_is_free",
        "waiting",
    )

    def __init__(
        self,
        account_id: int,
        scheme: str,
        host: str,
        port: int,
        share: int,
        *,
        unreachable_is_free: bool = False,
    ) -> None:
        self.account_id = account_id
        self.host = host
        self.key = f"{'app+' if unreachable_is_free else ''}{scheme}://{host}:{port}"
        """The text under which its runs are parked."""
        self.unreachable_is_free = unreachable_is_free
        """Whether a call that does not reach its receiver uses no attempt, as of a Dapr app."""
        self.share = share
        """How many of the account's connections to the destination this worker may open."""
        self.limit = share
        """Up to so many calls in flight a run begins without further checks; 0 where the breaker
        is not closed."""
        self.in_flight = 0
        """Calls that have begun and not ended."""
        self.parking = 0
        """Runs of this worker that are to be parked, which is not written yet."""
        self.parked = 0
        """Runs that are parked in the database, as far as this worker knows."""
        self.expected = 0
        """Runs that this worker has asked for (UnparkRequest) and not received yet."""
        self.seconds: float | None = None
        """How long a call takes, smoothed; None before the first call has ended."""
        self.last_used_at = 0.0
        self.breaker: CircuitBreaker = CLOSED
        self.probe: _Run | None = None
        """The run whose call is in flight as the probe of an open breaker."""
        self.sweeping = False
        """Whether a timer is set that parks the runs that have waited for too long."""
        self.waiting: deque[_Run] = EMPTY

    @property
    def key_in_store(self) -> DestinationKey:
        """The key under which its runs are parked in the database."""
        return self.account_id, self.key

    @property
    def idle(self) -> bool:
        """Whether no run of the destination is in flight, waiting or about to be parked here."""
        return not (self.in_flight or self.waiting or self.parking)

    @property
    def rate(self) -> float | None:
        """Calls that end in a second while the whole share is in flight; None if unknown."""
        return self.share / max(self.seconds, 1e-6) if self.seconds is not None else None

    def cap(self, *, fresh: bool) -> int:
        """Calls that may be in flight at once.

        A `fresh` run was never parked: it leaves room for the parked runs that are expected.
        """
        breaker = self.breaker
        most = self.share if breaker.allowed is None else min(self.share, breaker.allowed)
        return most - self.expected if fresh else most

    def set_share(self, connections: int, workers: int) -> None:
        """Set this worker's share of the `connections` that the account may have open."""
        self.share = share_of(connections, workers)
        self.update_limit()

    def end(self, run: _Run) -> None:
        """Count the end of a call that was in flight. If it was the probe, another may begin.

        Whatever became of the breaker since: a probe that is forgotten here keeps all others from
        being made.
        """
        self.in_flight -= 1
        if self.probe is run:
            self.probe = None

    def update_limit(self) -> None:
        """Compute `limit` again, as the share, the breaker or the expected runs have changed."""
        self.limit = max(0, self.share - self.expected) if self.breaker is CLOSED else 0
