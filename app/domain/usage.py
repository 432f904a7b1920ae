"""Usage: the exact counts of an account, and how its limits are divided into quotas of slots.

Each account has several slots, so that sessions that book at once do not wait for each other. A
slot counts a part of the account's usage and has a quota, which it may not exceed. The usage of an
account is the sum over its slots; the quotas add up to its limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

UNLIMITED: Final = 1 << 52
"""The quota of a slot of an account without a limit; no usage reaches it."""


class Use(NamedTuple):
    """An amount of everything that is counted."""

    jobs: int = 0
    bytes: int = 0
    """Bytes of jobs, and of content that is kept for jobs that changed or ended."""
    answers: int = 0
    """Bytes of responses that are kept for repeated requests."""

    def plus(self, other: Use) -> Use:
        """Return the sum."""
        return Use(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: Use) -> Use:
        """Return the difference."""
        return Use(*(mine - its for mine, its in zip(self, other, strict=True)))


NOTHING: Final = Use()


class Allowed(NamedTuple):
    """The limits of an account; None where there is none."""

    jobs: int | None
    bytes: int | None
    answers: int | None


class Share(NamedTuple):
    """The usage and the quota of one slot."""

    used: Use
    quota: Use


def share_out(slots: int, used: Use, allowed: Allowed, needed: Use) -> Sequence[Share]:
    """Return the shares of the slots of an account.

    The first slot has room for what is `needed`; the rest is divided evenly. If the account uses
    more than it is allowed, no slot has room.
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
