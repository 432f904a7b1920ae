"""Call rates: limits how often something happens, for each of many keys, in this process."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

MAX_KEYS: Final = 4096


class CallRates:
    """A key may occur `burst` times at once, and `per_second` times a second in the long run.

    The keys that occurred longest ago are forgotten above MAX_KEYS. Only one thread may use it.
    """

    def __init__(
        self, per_second: float, burst: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._each_s = 1 / per_second
        self._ahead_s = (burst - 1) / per_second
        self._clock = clock
        self._paid_at: OrderedDict[Hashable, float] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Count an occurrence of this key; return False, without effect, if there are too many."""
        now = self._clock()
        paid_at = max(self._paid_at.get(key, now), now)
        if paid_at - now > self._ahead_s:
            return False
        self._paid_at[key] = paid_at + self._each_s
        self._paid_at.move_to_end(key)
        if len(self._paid_at) > MAX_KEYS:
            self._paid_at.popitem(last=False)
        return True

    def exhausted(self, key: Hashable) -> bool:
        """Whether `take` would return False now."""
        return self._paid_at.get(key, 0.0) - self._clock() > self._ahead_s
