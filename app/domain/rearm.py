"""Re-arming: which firing of a claimed job is made, which follows, and what was missed."""

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
    """What a claim makes of a job; counts stop at MAX_COUNTED.

    `fire_at` is the due time of the firing that is made, None where all that are due are too late.
    `next_at` is None when there is none after it. `missed` firings are not made, of which
    `left_out` were too late.
    """

    fire_at: datetime | None
    next_at: datetime | None
    missed: int = 0
    left_out: int = 0


def rearm(
    trigger: Trigger,
    *,
    due_at: datetime,
    now: datetime,
    misfire: Misfire = DEFAULT,
    postponed: bool = False,
) -> Rearmed:
    """What becomes of the firing due at `due_at` when it is claimed at `now`.

    Where it is too late (misfire.window_of), the first that is not stands in its place; a one-time
    job's never is. Unless every one is to be made, the next is strictly after `now`, and the one
    that is made stands for all between. One that was `postponed` by a limit of its account was not
    too late when it was first to be claimed, and is made however late it is now.
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
    """The firings still to be made at `now` of a job due since `due_at`, up to MAX_AT_ONCE.

    `postponed` tells of the first of them, as `rearm` has it.
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
    """How many firings there are from `due_at` to before `earliest`, and the first from then on."""
    first, between = _pass_over(trigger, due_at, earliest - _TICK)
    return min(between + 1, MAX_COUNTED), first


def _pass_over(trigger: Trigger, after: datetime, until: datetime) -> tuple[datetime | None, int]:
    """The first firing after both instants, and how many there are between the two."""
    following = next_after(trigger, after)
    passed = 0
    while following is not None and following <= until:
        passed += 1
        if passed == MAX_COUNTED:
            return next_after(trigger, until), passed
        following = next_after(trigger, following)
    return following, passed
