"""Destination: what one worker knows of one scheme, host and port of one account's URLs.

Apps that consume nothing while they are away have destinations of their own at the same place.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from app.domain.circuit_breaker import FREE, Brake, share_of
from app.store.parking import DestinationKey

if TYPE_CHECKING:
    from workers.dispatch.leased_run import Held

NOBODY: Final[deque[Held]] = deque(maxlen=0)
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
        "brake",
        "expected",
        "host",
        "in_flight",
        "key",
        "leaving",
        "limit",
        "parked",
        "probe",
        "seconds",
        "seen",
        "share",
        "spared",
        "sweeping",
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
        spared: bool = False,
    ) -> None:
        self.account_id = account_id
        self.host = host
        self.key = f"{'app+' if spared else ''}{scheme}://{host}:{port}"
        self.spared = spared
        self.share = share
        self.limit = share
        self.in_flight = 0
        self.leaving = 0
        self.parked = 0
        self.expected = 0
        self.seconds: float | None = None
        self.seen = 0.0
        self.brake: Brake = FREE
        self.probe: Held | None = None
        self.sweeping = False
        self.waiting: deque[Held] = NOBODY

    @property
    def parking(self) -> DestinationKey:
        """Where its runs are parked."""
        return self.account_id, self.key

    @property
    def idle(self) -> bool:
        """Whether nothing of it is under way in this worker."""
        return not (self.in_flight or self.waiting or self.leaving)

    @property
    def rate(self) -> float | None:
        """Calls that end in a second while all of its share is under way; None if unknown."""
        return self.share / max(self.seconds, 1e-6) if self.seconds is not None else None

    def cap(self, *, fresh: bool) -> int:
        """Calls that may be under way; what was sent for has its slots before what just came."""
        brake = self.brake
        most = self.share if brake.allowed is None else min(self.share, brake.allowed)
        return most - self.expected if fresh else most

    def share_out(self, connections: int, workers: int) -> None:
        """Take this worker's share of what the account may have under way."""
        self.share = share_of(connections, workers)
        self.consider()

    def consider(self) -> None:
        """Set `limit` to what the rest of the state comes to."""
        self.limit = max(0, self.share - self.expected) if self.brake is FREE else 0
