"""Destination: what one worker knows of one scheme, host and port of one account's URLs.

Apps that consume nothing while they are away have destinations of their own at the same place.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from app.domain.circuit_breaker import CLOSED, CircuitBreaker, share_of
from app.store.parking import DestinationKey

if TYPE_CHECKING:
    from workers.dispatch.leased_run import LeasedRun

EMPTY: Final[deque[LeasedRun]] = deque(maxlen=0)
"""Who waits where nobody ever had to: a queue of its own would be most of a destination's size."""


class Destination:
    """Counters, the runs that wait for their turn here, and what holds calls up.

    `limit` is how many calls may be under way without a second thought: 0 where there is something
    to consider. `seconds` is what a call takes, None before the first has ended. `leaving` counts
    runs given back, `parked` those written so and, as far as is known, still away, `expected`
    those sent for. `spared` tells whether what does not reach it consumes nothing.
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
        self.unreachable_is_free = unreachable_is_free
        self.share = share
        self.limit = share
        self.in_flight = 0
        self.parking = 0
        self.parked = 0
        self.expected = 0
        self.seconds: float | None = None
        self.last_used_at = 0.0
        self.breaker: CircuitBreaker = CLOSED
        self.probe: LeasedRun | None = None
        self.sweeping = False
        self.waiting: deque[LeasedRun] = EMPTY

    @property
    def key_in_store(self) -> DestinationKey:
        """Where its runs are parked."""
        return self.account_id, self.key

    @property
    def idle(self) -> bool:
        """Whether nothing of it is under way in this worker."""
        return not (self.in_flight or self.waiting or self.parking)

    @property
    def rate(self) -> float | None:
        """Calls that end in a second while all of its share is under way; None if unknown."""
        return self.share / max(self.seconds, 1e-6) if self.seconds is not None else None

    def cap(self, *, fresh: bool) -> int:
        """Calls that may be under way; what was sent for has its slots before what just came."""
        breaker = self.breaker
        most = self.share if breaker.allowed is None else min(self.share, breaker.allowed)
        return most - self.expected if fresh else most

    def share_out(self, connections: int, workers: int) -> None:
        """Take this worker's share of what the account may have under way."""
        self.share = share_of(connections, workers)
        self.update_limit()

    def update_limit(self) -> None:
        """Set `limit` to what the rest of the state comes to."""
        self.limit = max(0, self.share - self.expected) if self.breaker is CLOSED else 0
