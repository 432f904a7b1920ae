"""Refusal pace: how long the refusals of an account that exceeds its rate limit wait."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

INTERVAL_S: Final = 0.02
"""The time between two refusals of one account in one process: 50 a second. A refusal costs about
as much as a small request, and a client that repeats at once would get thousands of them."""

MAX_DELAY_S: Final = 1.0
"""The longest that a refusal waits, so that clients do not take the service to be down."""

MAX_ACCOUNTS: Final = 8192


class RefusalPace:
    """The instants at which the next refusal of each account may be sent.

    A client that waits for each response sends its next request so much later. Only the event loop
    uses it, so it needs no lock.
    """

    def __init__(self) -> None:
        self._next_at: OrderedDict[int, float] = OrderedDict()

    def delay(self, account: int, now: float) -> float:
        """Return the seconds that a refusal of this account waits, and count the refusal.

        `now` is a monotonic time in seconds.
        """
        at = min(max(self._next_at.get(account, now), now), now + MAX_DELAY_S)
        self._next_at[account] = at + INTERVAL_S
        self._next_at.move_to_end(account)
        if len(self._next_at) > MAX_ACCOUNTS:
            self._next_at.popitem(last=False)
        return at - now
