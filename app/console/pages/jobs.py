"""Jobs: the list of the account's jobs, filtered, sorted and in pages."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import Final

from flask import request
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from app.api.context import current_context
from app.api.parameters import takes
from app.console import job_query, job_rows, page_context, times
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.job_query import JobQuery
from app.console.rendering import page
from app.domain.instants import format_utc
from app.domain.job_filter import ListedJob
from app.domain.role import Role
from app.service import job_list

PER_PAGE: Final = 25
"""With long names and tags, a page stays below 40 KB."""
_EXAMPLE: Final = {"url": "https://example.com/wake", "cron": "0 30 9 ? * MON-FRI"}
_LIVE_S: Final = 5
"""Seconds between two polls of the first page; other pages never move."""


@console.get("/jobs")
@needs(Role.READER)
@takes(job_query.SORT, job_query.CURSOR, *job_query.FILTERS, many=(job_query.TAG,))
def jobs() -> ResponseReturnValue:
    """List a page of jobs, each with its newest runs."""
    query = job_query.read(request.args)
    found_jobs, further = _find(query)
    ids = [each.job.id for each in found_jobs]
    runs = job_list.list_recent_runs(current_context(), viewer().caller, ids)
    return page(
        "jobs.html",
        query=query,
        rows=job_rows.rows(found_jobs, runs, page_context.now()),
        further=further,
        example=_EXAMPLE,
        at=_at,
        live=None if query.cursor else _LIVE_S,
    )


def _find(query: JobQuery) -> tuple[list[ListedJob], str]:
    """Return the jobs of the page, and the query of the page after it; empty if it is the last."""
    account_id = viewer().account_id
    with job_list.list_jobs(
        current_context(),
        viewer().caller,
        query.wanted,
        query.sort,
        after=query.position(account_id),
        limit=PER_PAGE + 1,
    ) as found:
        found_jobs = list(islice(found.jobs, PER_PAGE))
        more = next(found.jobs, None) is not None
        position = found_jobs[-1].position if more else found.resume_after
    return found_jobs, "" if position is None else query.after(account_id, position)


def _at(instant: datetime) -> Markup:
    """Return an instant with how far off it is, in as few bytes as a row of a list may have."""
    local = times.absolute(
        instant, page_context.zone(), now=page_context.now(), hours=page_context.hours()
    )
    return Markup('<time datetime="{}">{} <span class="ago">{}</span></time>').format(
        format_utc(instant), local, times.relative(instant, page_context.now())
    )
