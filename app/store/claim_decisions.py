"""Claim decisions: which firing of each claimed job is made, and when the job is due next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import psycopg

from app.domain.dapr.schedule import DaprSchedule
from app.domain.dapr.series import MAX_TOGETHER, MAX_TOGETHER_OF_ALL, further_ticks
from app.domain.fusion.time_triggers import TimeTriggers
from app.domain.rearm import Rearmed, rearm
from app.domain.timings.claiming import MAX_INSTANT, MISSED_AT_ONCE
from app.domain.trigger import Trigger, from_document
from app.store.misfires import of_columns
from app.store.queries import run


class Due(NamedTuple):
    """A locked due row, of which the statement made no run."""

    account_id: int
    job_id: UUID
    version: int
    due_at: datetime
    now: datetime
    serial: bool
    standing: bool
    remaining: int | None
    recurring: bool
    crowded: bool
    """Whether its account has more due than it may begin."""
    expected_at: datetime | None
    """When its row was expected, where its firing was postponed."""
    bound: str | None
    """The limit that postponed it."""
    latest: datetime = MAX_INSTANT
    """Firings up to this instant are claimed now."""


class Decided(NamedTuple):
    """What the claim does with a due row; `ends_job`: whether the job ends with the run."""

    due: Due
    fire_at: datetime | None
    next_at: datetime | None
    ends_job: bool
    missed: int = 0
    left_out: int = 0
    further: tuple[datetime | None, ...] = ()
    """Further ticks that its run may call, then the tick that follows them, if any."""
    searches: int = 1
    """How many schedules were searched for each of its firings."""

    @property
    def firings(self) -> int:
        """How many ticks its run is to call; 0 without a run."""
        return 0 if self.fire_at is None else max(1, len(self.further))


_Schedule = tuple[dict[str, str], str | None, float | None]


def decide_all(
    connection: psycopg.Connection,
    found: Sequence[Due],
    unreadable: Callable[[UUID, Exception], None],
) -> list[Decided]:
    """Return what a claim does with these locked rows, in their order.

    Rows are left out once MISSED_AT_ONCE firings were searched for: they stay due, for a later
    claim. To count the missed firings of one job takes up to half a second; meanwhile the calls of
    all accounts wait, and PostgreSQL ends a session that stands still in a transaction for too
    long. Rows that are due last come first, as they have missed least.
    """
    recurring = [due for due in found if due.recurring]
    schedules: dict[UUID, _Schedule] = {}
    if recurring:
        jobs = {
            "ids": [due.job_id for due in recurring],
            "account_ids": [due.account_id for due in recurring],
        }
        schedules = {row[0]: row[1:] for row in run(connection, "triggers", jobs).fetchall()}
    most = min(MAX_TOGETHER_OF_ALL // max(1, len(recurring)), MAX_TOGETHER)
    decided: dict[UUID, Decided] = {}
    searched = 0
    for due in sorted(recurring, key=lambda each: each.due_at, reverse=True):
        if searched >= MISSED_AT_ONCE:
            break
        each = decided[due.job_id] = _decide(due, schedules, unreadable, most)
        searched += (each.missed + each.left_out) * each.searches
    return [
        decided[due.job_id] if due.recurring else Decided(due, due.due_at, None, ends_job=True)
        for due in found
        if due.job_id in decided or not due.recurring
    ]


def _decide(
    due: Due,
    schedules: Mapping[UUID, _Schedule],
    unreadable: Callable[[UUID, Exception], None],
    most: int,
) -> Decided:
    """Where the trigger cannot be evaluated, the job has no next firing, but does not end.

    `most` is how many further ticks its run may have.
    """
    try:
        document, policy, window = schedules[due.job_id]
        misfire = of_columns(policy, window)
        trigger = from_document(document)
        each = rearm(
            trigger,
            due_at=due.due_at,
            now=due.now,
            misfire=misfire,
            postponed=due.bound is not None,
        )
        further = _ticks(trigger, due, each, most)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(due.job_id, error)
        return Decided(due, due.due_at, None, ends_job=False)
    is_last = due.remaining is not None and due.remaining <= 1
    next_at = None if is_last else each.next_at
    final = next_at is None and not due.standing
    searches = len(trigger.triggers) if isinstance(trigger, TimeTriggers) else 1
    return Decided(
        *(due, each.fire_at, next_at, final, each.missed, each.left_out, further, searches)
    )


def _ticks(trigger: Trigger, due: Due, each: Rearmed, most: int) -> tuple[datetime | None, ...]:
    """The further ticks that the run may call; none where a limit of the account applies."""
    if not isinstance(trigger, DaprSchedule) or each.fire_at is None or each.next_at is None:
        return ()
    if due.crowded or due.bound is not None or not due.serial:
        return ()
    left = most if due.remaining is None else max(0, min(most, due.remaining - 1))
    ahead = due.latest - due.now
    found = further_ticks(trigger, each.fire_at, each.next_at, now=due.now, ahead=ahead, most=left)
    if found and len(found) == due.remaining:
        found[-1] = None
    return tuple(found)
