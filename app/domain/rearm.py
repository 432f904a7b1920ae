"""Re-arming: which firing of a claimed job is made, when the next is due, and which were missed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy, window_of
from app.domain.trigger import Trigger, is_recurring, next_after

MAX_COUNTED: Final = 1000
MAX_AT_ONCE: Final = 100
_TICK: Final = timedelta(microseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rearmed:
    """The result of a claim for one job; counts stop at MAX_COUNTED."""

    fire_at: datetime | None
    """The due time of the firing that is made; None if all firings that are due are too late."""
    next_at: datetime | None
    """The next firing; None if there is none."""
    missed: int = 0
    """Firings that are not made."""
    left_out: int = 0
    """Those of the missed firings that were too late."""


def rearm(
    trigger: Trigger,
    *,
    due_at: datetime,
    now: datetime,
    misfire: Misfire = DEFAULT,
    postponed: bool = False,
) -> Rearmed:
    """Return what a claim at `now` does with the firing that is due at `due_at`.

    If the firing is too late (misfire.window_of), the first firing that is not too late replaces
    it; the firing of a one-time job is never too late. Unless the policy is to make all firings,
    the next one is strictly after `now`, and the one that is made replaces all in between. A firing
    that was `postponed` by a limit of its account was in time when it was first claimed, so it is
    made however late it is now.
    """
    window = window_of(misfire) if is_recurring(trigger) and not postponed else None
    left_out, fire_at = 0, due_at
    if window is not None and due_at < now - window:
        left_out, first = _leave_out(trigger, due_at, now - window)
        if first is None or first > now:
            return Rearmed(fire_at=None, next_at=first, missed=left_out, left_out=left_out)
        fire_at = first
    if misfire.policy is MisfirePolicy.ALL:
        following = next_after(trigger, fire_at)
        return Rearmed(fire_at=fire_at, next_at=following, missed=left_out, left_out=left_out)
    following, between = _pass_over(trigger, fire_at, now)
    missed = min(between + left_out, MAX_COUNTED)
    return Rearmed(fire_at=fire_at, next_at=following, missed=missed, left_out=left_out)


def catch_up(
    trigger: Trigger,
    *,
    due_at: datetime,
    now: datetime,
    misfire: Misfire,
    postponed: bool = False,
) -> Iterator[Rearmed]:
    """Yield the firings to be made at `now` of a job that is due since `due_at`, up to MAX_AT_ONCE.

    `postponed` applies to the first firing, as in `rearm`.
    """
    following: datetime | None = due_at
    for number in range(MAX_AT_ONCE):
        if following is None or following > now:
            return
        each = rearm(
            trigger,
            due_at=following,
            now=now,
            misfire=misfire,
            postponed=postponed and number == 0,
        )
        if each.fire_at is not None:
            yield each
        following = each.next_at


def _leave_out(
    trigger: Trigger, due_at: datetime, earliest: datetime
) -> tuple[int, datetime | None]:
    """Return the number of firings in [due_at, earliest), and the first firing after these."""
    first, between = _pass_over(trigger, due_at, earliest - _TICK)
    return min(between + 1, MAX_COUNTED), first


def _pass_over(trigger: Trigger, after: datetime, until: datetime) -> tuple[datetime | None, int]:
    """Return the first firing after both instants, and the number of firings between the two."""
    following = next_after(trigger, after)
    passed = 0
    while following is not None and following <= until:
        passed += 1
        if passed == MAX_COUNTED:
            return next_after(trigger, until), passed
        following = next_after(trigger, following)
    return following, passed
