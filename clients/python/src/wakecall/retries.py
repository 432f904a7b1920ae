"""Retries: how often a client repeats a request, and how long it waits before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retries:
    """How a client repeats a request that had no answer, or one that asks to come back later."""

    max_attempts: int = 4
    """How often a request is sent at most, the first time included; 1 for no retries."""

    max_wait: float = 8.0
    """Seconds: the longest wait. A `Retry-After` that is longer ends the call with its error."""

    first_wait: float = 0.25
    """Seconds: up to this the first wait is drawn at random; up to twice as long each next one."""

    def __post_init__(self) -> None:
        # NaN is refused as well: each comparison with it is false, so that retries had no end.
        if not self.max_attempts >= 1:
            raise ValueError("max_attempts must be at least 1.")
        if not (self.max_wait >= 0 and self.first_wait >= 0):
            raise ValueError("max_wait and first_wait must not be negative.")

    def wait(self, attempts: int, retry_after: timedelta | None, chance: float) -> float | None:
        """Seconds to wait after so many attempts; None if the call is to end.

        `chance`, from 0 to 1, draws the wait ("full jitter"), so that clients that failed together
        do not come back together. A Retry-After is never cut short.
        """
        if attempts >= self.max_attempts:
            return None
        if retry_after is None:
            ceiling = self.first_wait * 2.0 ** min(attempts - 1, 32)
            return chance * min(self.max_wait, ceiling)
        seconds = max(retry_after.total_seconds(), 0.0)
        return None if seconds > self.max_wait else seconds + chance * self.first_wait


NO_RETRIES = Retries(max_attempts=1)
