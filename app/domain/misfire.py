"""Misfire: the policy for the missed firings of a recurring job: make one, all or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.domain.checks import check_between

MIN_WINDOW: Final = 1.0
MAX_WINDOW: Final = 2_592_000.0
SKIP_AFTER: Final = 60.0
"""Seconds that a firing may be late under SKIP, if the job sets no window."""


class MisfirePolicy(StrEnum):
    """Which of the missed firings are made."""

    ALL = "all"
    """Every firing is made, with its own due time, oldest first."""

    ONE = "one"
    """One firing is made for all of them."""

    SKIP = "skip"
    """As ONE, but a firing that is later than the window is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Misfire:
    """The misfire members of a job; None for a member that has its default."""

    policy: MisfirePolicy | None = None
    """ONE by default."""
    window: float | None = None
    """A firing that is more seconds late than this is not made. By default, it is made however late
    it is; under SKIP, SKIP_AFTER is the default."""


DEFAULT: Final = Misfire()


def window_of(misfire: Misfire) -> timedelta | None:
    """Return how late a firing may be made; None if it is made however late it is."""
    if misfire.window is not None:
        return timedelta(seconds=misfire.window)
    return timedelta(seconds=SKIP_AFTER) if misfire.policy is MisfirePolicy.SKIP else None


def check_misfire(misfire: Misfire) -> None:
    """Check the bounds of the window; raises InvalidMember."""
    if misfire.window is not None:
        check_between("misfireWindow", misfire.window, MIN_WINDOW, MAX_WINDOW, "seconds")
