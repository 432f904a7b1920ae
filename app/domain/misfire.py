"""Misfire: what becomes of the firings of a recurring job that were missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from app.domain.checks import check_between

MIN_WINDOW: Final = 1.0
MAX_WINDOW: Final = 2_592_000.0
SKIP_AFTER: Final = 60.0
"""Seconds; how late a firing may be under SKIP where no window is given."""


class MisfirePolicy(StrEnum):
    """What is made up for of the firings missed meanwhile."""

    ALL = "all"
    """Every one, each with its own due time, oldest first."""

    ONE = "one"
    """One for all of them."""

    SKIP = "skip"
    """As ONE, but soon or not at all: what is later than the window is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Misfire:
    """What a job asks for; None for what it leaves to the default (ONE, however late).

    A firing that is later than `window` seconds when it could be made is not made any more.
    """

    policy: MisfirePolicy | None = None
    window: float | None = None


DEFAULT: Final = Misfire()


def window_of(misfire: Misfire) -> timedelta | None:
    """How late a firing may be made; None for however late."""
    if misfire.window is not None:
        return timedelta(seconds=misfire.window)
    return timedelta(seconds=SKIP_AFTER) if misfire.policy is MisfirePolicy.SKIP else None


def check_misfire(misfire: Misfire) -> None:
    """Refuse a window out of its bounds; raises InvalidMember."""
    if misfire.window is not None:
        check_between("misfireWindow", misfire.window, MIN_WINDOW, MAX_WINDOW, "seconds")
