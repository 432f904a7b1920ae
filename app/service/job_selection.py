"""Job selection: applies one action to several jobs, of a list or all that a filter selects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import Final
from uuid import UUID

from app.domain.account import Caller
from app.domain.audit import Action
from app.domain.booking import check_tag
from app.domain.job import Job, ReadOnlyMembers
from app.domain.job_filter import JobFilter
from app.errors import InvalidMember, Refused
from app.service import audit, jobs, manual_calls, pauses
from app.service.context import Context
from app.service.foreign_jobs import refuse_foreign
from app.service.usage import within_limits
from app.store import job_selection
from app.store.job_list import TooLong, in_time

MAX_AT_ONCE: Final = 100
"""The most jobs that one request acts on: each is a transaction of some milliseconds."""

MAX_COUNTED: Final = 100_000
"""The most jobs that are counted."""

FIRST: Final = UUID(int=0)
"""The position before all jobs."""


class JobAction(StrEnum):
    """What is done to each job."""

    PAUSE = "pause"
    RESUME = "resume"
    FIRE = "fire"
    TAG = "tag"
    UNTAG = "untag"
    DELETE = "delete"


_RECORDED: Final = {
    JobAction.PAUSE: Action.PAUSE_JOBS,
    JobAction.RESUME: Action.RESUME_JOBS,
    JobAction.FIRE: Action.FIRE_JOBS,
    JobAction.TAG: Action.TAG_JOBS,
    JobAction.UNTAG: Action.UNTAG_JOBS,
    JobAction.DELETE: Action.DELETE_JOBS,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """The result of an action on jobs."""

    done: int
    refused: tuple[tuple[UUID, Refused], ...]
    """The jobs to which it could not be done, and why."""


def count(context: Context, caller: Caller, wanted: JobFilter) -> int:
    """Return how many of the caller's jobs the filter selects, counted up to MAX_COUNTED.

    Raises InvalidMember if they take too long to be counted.
    """
    with _in_time(), context.database.transaction() as connection, in_time(connection):
        return job_selection.count(connection, caller.account.id, wanted, most=MAX_COUNTED)


def last(context: Context, caller: Caller) -> UUID:
    """Return the position of the caller's last job, after which those come that are booked later.

    An id that is made now would not do: the clock by which other ids were made may have been ahead.
    """
    with context.database.statement() as connection:
        return job_selection.last(connection, caller.account.id) or FIRST


def next_batch(
    context: Context, caller: Caller, wanted: JobFilter, *, after: UUID, until: UUID
) -> list[UUID]:
    """Return up to MAX_AT_ONCE ids of jobs that the filter selects, after `after`, up to `until`.

    Raises InvalidMember if they take too long to be found.
    """
    with _in_time(), context.database.transaction() as connection, in_time(connection):
        return job_selection.batch(
            connection, caller.account.id, wanted, after=after, until=until, limit=MAX_AT_ONCE
        )


def apply(
    context: Context,
    caller: Caller,
    action: JobAction,
    job_ids: Sequence[UUID],
    *,
    tag: str | None = None,
) -> Applied:
    """Do the action to each of the caller's jobs; `tag` is for TAG and UNTAG.

    Each job is a transaction of its own: one that is refused changes nothing of the others. What
    was done is one record of the audit log. Raises InvalidMember for a tag that a job cannot have,
    and for more than MAX_AT_ONCE jobs.
    """
    if len(job_ids) > MAX_AT_ONCE:
        raise InvalidMember(
            "id", f"{len(job_ids)} jobs are given.", remedy=f"Give at most {MAX_AT_ONCE} jobs."
        )
    act = _act(action, tag)
    refused: list[tuple[UUID, Refused]] = []
    done = 0
    try:
        for job_id in job_ids:
            try:
                act(context, caller, job_id)
            except Refused as error:
                refused.append((job_id, error))
            else:
                done += 1
    finally:
        # Also where the database was away, or a row was locked for too long, at one of them.
        if done:
            with context.database.transaction() as connection:
                what = f"{done} job{'' if done == 1 else 's'}"
                audit.record(connection, caller.account.id, _RECORDED[action], what, tag)
    return Applied(done=done, refused=tuple(refused))


def _act(action: JobAction, tag: str | None) -> Callable[[Context, Caller, UUID], object]:
    match action:
        case JobAction.PAUSE:
            return pauses.pause
        case JobAction.RESUME:
            return pauses.resume
        case JobAction.FIRE:
            return manual_calls.call_now
        case JobAction.DELETE:
            return jobs.delete
        case JobAction.TAG | JobAction.UNTAG:
            if tag is None:
                raise InvalidMember("tag", "tag is missing.", remedy="Give a tag.")
            check_tag("tag", tag)
            return partial(_change_tags, add=action is JobAction.TAG, tag=tag)


@within_limits
def _change_tags(context: Context, caller: Caller, job_id: UUID, *, add: bool, tag: str) -> Job:
    """Give a job a tag or take it away, as an update does; without a change, no new version."""
    with context.database.transaction() as connection:
        # Read under the lock: another change since, as a pause, would be undone.
        current = jobs.get_locked(connection, caller, job_id)
        if (tag in current.booking.tags) == add:
            return current
        refuse_foreign(current)
        others = tuple(each for each in current.booking.tags if each != tag)
        booking = replace(current.booking, tags=(*others, tag) if add else others)
        jobs.check_booking(context, booking)
        return jobs.make_next_version(
            context, connection, caller, current, booking, ReadOnlyMembers()
        )


@contextmanager
def _in_time() -> Iterator[None]:
    try:
        yield
    except TooLong:
        raise InvalidMember(
            "namePrefix",
            "The account has too many jobs to find those that the filter selects.",
            remedy="Select the jobs in the list, a page at a time.",
        ) from None
