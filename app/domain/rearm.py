"""Re-arming: when a claimed job is due next, and how many firings were missed meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from app.domain.trigger import Trigger, next_after

MOST_COUNTED: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Rearmed:
    """`next_at` is None when the claimed firing was the last; `missed` stops at MOST_COUNTED."""

    next_at: datetime | None
    missed: int


def rearm(trigger: Trigger, *, due_at: datetime, now: datetime) -> Rearmed:
    """What follows the firing due at `due_at` when it is claimed at `now`.

    The next firing is strictly after both. Firings between the two were missed: the one that is
    claimed stands for them all.
    """
    following = next_after(trigger, due_at)
    missed = 0
    while following is not None and following <= now:
        missed += 1
        if missed == MOST_COUNTED:
            return Rearmed(next_at=next_after(trigger, now), missed=missed)
        following = next_after(trigger, following)
    return Rearmed(next_at=following, missed=missed)
