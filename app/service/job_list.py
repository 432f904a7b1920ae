"""Job list: an account's jobs, as ids or with their content, all of them or a page at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from uuid import UUID

from app.domain.account import Caller
from app.domain.job_filter import JobFilter, JobPosition, JobSort
from app.domain.recent_run import MAX_RECENT, RecentRun
from app.errors import InvalidMember
from app.service.context import Context
from app.store import job_list, job_pages, recent_runs
from app.store.job_pages import Found


@dataclass(frozen=True, kw_only=True, slots=True)
class JobIds:
    """The number of an account's jobs and a stream of their ids, both from one snapshot."""

    count: int
    ids: Iterator[UUID]


@contextmanager
def list_ids(context: Context, caller: Caller, tags: Sequence[str] = ()) -> Iterator[JobIds]:
    """Stream the ids of the caller's jobs that have all of `tags`, oldest first.

    The memory needed does not depend on the number of jobs. Raises InvalidMember for a list that
    takes too long to be read at once.
    """
    account_id = caller.account.id
    try:
        with context.database.snapshot() as connection, job_list.in_time(connection):
            counted = job_list.count(connection, account_id, tags)
            with closing(job_list.stream(connection, account_id, tags)) as ids:
                yield JobIds(count=counted, ids=ids)
    except job_list.TooLong:
        raise InvalidMember(
            "limit",
            "The account has too many matching jobs to list them all at once.",
            remedy="Set `limit` to 1 to 1000, and follow the Link header of each response to the "
            "next page.",
        ) from None


def list_page_of_ids(
    context: Context, caller: Caller, tags: Sequence[str], *, after: UUID | None, limit: int
) -> tuple[list[UUID], bool]:
    """Return up to `limit` of these ids, from after `after`, and whether there are more."""
    with context.database.statement() as connection:
        found = job_list.page(connection, caller.account.id, tags, after=after, limit=limit + 1)
    return found[:limit], len(found) > limit


@contextmanager
def list_jobs(
    context: Context,
    caller: Caller,
    wanted: JobFilter,
    sort: JobSort,
    *,
    after: JobPosition | None,
    limit: int,
) -> Iterator[Found]:
    """Find the caller's jobs with their content, as `app.store.job_pages.page` does.

    They must be read inside the context, which fetches a few at a time. One snapshot shows them and
    where the next page begins. Raises InvalidMember for a filter that the order rules out.
    """
    if sort is JobSort.NEXT and wanted.enabled is False:
        raise InvalidMember(
            "sort",
            "Paused jobs have no next firing to be sorted by.",
            remedy="Give another sort, or omit enabled.",
        )
    with (
        context.database.snapshot() as connection,
        job_pages.page(connection, caller.account, wanted, sort, after=after, limit=limit) as found,
    ):
        yield found


def list_recent_runs(
    context: Context, caller: Caller, job_ids: Sequence[UUID], *, limit: int = MAX_RECENT
) -> dict[UUID, tuple[RecentRun, ...]]:
    """Return the newest runs of each of these jobs of the caller, as `recent_runs.newest` does.

    It costs a look-up for each job and day of history: give the jobs of one page.
    """
    with context.database.transaction() as connection:
        return recent_runs.newest(connection, caller.account.id, job_ids, limit=limit)
