"""Run pages: an account's runs as people read them, in pages that lead both ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.job import Job
from app.domain.run import LIVE, SETTLED, Position, Run, RunKind
from app.domain.run_filter import RunFilter
from app.domain.run_request import RunContent
from app.domain.run_summary import RunPage, RunSummary
from app.service.context import Context
from app.service.runs import unknown_run
from app.store import history, run_content, run_list, run_summaries
from app.store import jobs as job_store

PAGE: Final = 50
"""Runs of a page, which has 40 KB at most."""

MAX_EVENTS: Final = 5
"""The newest events about a run that are shown with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStory:
    """A run, and what belongs to it."""

    run: Run
    content: RunContent | None
    """None if it is no longer kept."""
    job: Job | None
    """The job as it is now; None if it has ended, and for an event."""
    events: tuple[RunSummary, ...]
    """The newest events that report the run."""


def list_page(
    context: Context,
    caller: Caller,
    wanted: RunFilter,
    *,
    after: Position | None = None,
    towards_newer: bool = False,
    limit: int = PAGE,
) -> RunPage:
    """Return the page of matching runs that follows `after`, or with `towards_newer` precedes it.

    A page before which there is none is the first one, and full. One snapshot shows its runs and
    where the pages beside it begin.
    """
    with context.database.snapshot() as connection:
        if after is not None and towards_newer:
            found = _newer(connection, caller, wanted, after, limit)
            if found is not None:
                return found
            after = None
        return _older(connection, caller, wanted, after, limit)


def list_recent_of_job(
    context: Context, caller: Caller, job_id: UUID, limit: int
) -> tuple[RunSummary, ...]:
    """Return the newest `limit` runs of a job, which may have ended."""
    wanted = RunFilter(states=LIVE | SETTLED, job_id=job_id)
    return list_page(context, caller, wanted, limit=limit).runs


def _older(
    connection: Connection,
    caller: Caller,
    wanted: RunFilter,
    after: Position | None,
    limit: int,
) -> RunPage:
    found = run_list.page(connection, caller.account.id, wanted, after=after, limit=limit + 1)
    runs = run_summaries.summaries_of(connection, caller.account.id, found.rows[:limit])
    older = runs[-1].position if len(found.rows) > limit else found.resume_at
    return RunPage(
        runs=runs,
        newer=None if after is None else runs[0].position if runs else after,
        older=older,
        searched_to=None if found.resume_at is None else found.resume_at.due_at,
    )


def _newer(
    connection: Connection, caller: Caller, wanted: RunFilter, after: Position, limit: int
) -> RunPage | None:
    """Return the page before `after`; None if it would be the first."""
    found = run_list.page(
        connection, caller.account.id, wanted, after=after, limit=limit + 1, towards_newer=True
    )
    more = len(found.rows) > limit
    if not more and found.resume_at is None:
        return None
    runs = run_summaries.summaries_of(connection, caller.account.id, found.rows[-limit:])
    return RunPage(
        runs=runs,
        newer=runs[0].position if more else found.resume_at,
        older=runs[-1].position if runs else after,
        searched_to=None if found.resume_at is None else found.resume_at.due_at,
    )


def get_story(context: Context, caller: Caller, run_id: UUID) -> RunStory:
    """Return a run with what a page about it shows. Raises NotFound."""
    with context.database.transaction() as connection:
        run = history.find(connection, caller.account.id, run_id)
        if run is None:
            raise unknown_run(run_id)
        job = None
        if run.kind is not RunKind.EVENT:
            job = job_store.find(connection, caller.account.id, run.job_id)
        wanted = RunFilter(states=LIVE | SETTLED, job_id=run.id)
        events = run_list.page(connection, caller.account.id, wanted, after=None, limit=MAX_EVENTS)
        return RunStory(
            run=run,
            content=run_content.find(connection, caller.account.id, run),
            job=job,
            events=run_summaries.summaries_of(connection, caller.account.id, events.rows),
        )
