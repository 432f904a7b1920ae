"""Quarantine: in which groups suspects are tried, and what the death of a group's process means.

A suspect is a run whose worker died while it held the run, timings.SUSPECT_AFTER times. Most
suspects only were in the same process as the one run that is the cause. So suspects are tried
together; each time the process of a group dies, the suspects of that group are tried again in
groups of half the size. The cause is alone after log2(n) deaths, and all others are settled then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

from app.domain.timings.leases import SUSPECT_AFTER

MAX_GROUP: Final = 1000
"""Suspects that one process tries at once, at most; the size of a group that was never tried."""


_T = TypeVar("_T")


class AfterDeath(NamedTuple):
    """The state of a run once the process that held it is considered dead.

    `group_size` is how many suspects may be tried together with this one; None if it is not a
    suspect, or was not tried yet.
    """

    reclaims: int
    group_size: int | None


def max_size(group_size: int | None) -> int:
    """How many suspects may be tried together, if one of them has this group size."""
    return MAX_GROUP if group_size is None else group_size


def choose(
    suspects: Sequence[tuple[_T, int | None]], *, size: int | None = None, under_way: int = 0
) -> tuple[int, list[_T]]:
    """The size of the group to be tried now, and its suspects; each is given with its own size.

    If a group of `size` is under way, the suspects are those that may join it, as the leases of one
    kill do not all run out at once. Otherwise the largest groups come first: most likely they do
    not contain the cause, so that all of their suspects are settled in the time of one call.
    """
    if not suspects:
        return size or 0, []
    sizes = [max_size(group_size) for _, group_size in suspects]
    chosen = max(sizes) if size is None else size
    fitting = [each for (each, _), its in zip(suspects, sizes, strict=True) if its == chosen]
    return chosen, fitting[: max(0, chosen - under_way)]


def after_death(reclaims: int, group_size: int | None) -> AfterDeath:
    """The state of a run whose lease ran out, most likely because the process that held it died.

    A suspect that was tried with others is not charged with it, but is tried with half as many.
    """
    if reclaims + 1 <= SUSPECT_AFTER:
        return AfterDeath(reclaims + 1, None)
    if is_alone(group_size):
        return AfterDeath(reclaims + 1, 1)
    return AfterDeath(reclaims, max_size(group_size) // 2)


def is_alone(group_size: int | None) -> bool:
    """Whether a suspect in a group of this size had a process to itself.

    The release before this one tried each suspect alone, and stored no size.
    """
    return group_size is None or group_size == 1
