"""Usage: how much an account has of what is counted exactly, and how its quota is shared out.

Each account has several slots, so that sessions that book at once do not wait for each other: a
slot has a part of what the account uses, and a quota that it may not exceed. What all slots use is
what the account uses; the quotas together are its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

UNLIMITED: Final = 1 << 52
"""The quota of a slot where the account is not limited: nobody gets there."""


class Use(NamedTuple):
    """An amount of each thing that is counted."""

    jobs: int = 0
    bytes: int = 0
    """Of jobs, and of what is kept of them."""
    answers: int = 0
    """Bytes of answers that are kept for repeats."""

    def plus(self, other: Use) -> Use:
        """Both together."""
        return Use(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: Use) -> Use:
        """What is left of this without the other."""
        return Use(*(mine - its for mine, its in zip(self, other, strict=True)))


NOTHING: Final = Use()


class Allowed(NamedTuple):
    """What an account may have of each; None where that is not limited."""

    jobs: int | None
    bytes: int | None
    answers: int | None


class Share(NamedTuple):
    """What one slot has, and may have."""

    used: Use
    quota: Use


def share_out(slots: int, used: Use, allowed: Allowed, needed: Use) -> Sequence[Share]:
    """The slots of an account that uses so much and is allowed so much.

    The first has room for what is `needed`; the rest is shared out evenly. Where more is used than
    allowed, no slot has room.
    """
    quotas = [_quotas(slots, *each) for each in zip(used, allowed, needed, strict=True)]
    return [
        Share(used=used if slot == 0 else NOTHING, quota=Use(*(each[slot] for each in quotas)))
        for slot in range(slots)
    ]


def _quotas(slots: int, used: int, allowed: int | None, needed: int) -> list[int]:
    if allowed is None:
        return [UNLIMITED] * slots
    free = max(allowed - used, 0)
    first = min(needed, free)
    each, left = divmod(free - first, slots)
    return [used + first + each + left, *[each] * (slots - 1)]
