"""Find: pages by name, and jobs and runs by id or name; the palette shows what this page finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from flask import Response, request

from app.api.context import current_context
from app.api.parameters import takes
from app.console import elements, navigation
from app.console.access import needs, viewer
from app.console.blueprint import console
from app.console.rendering import page
from app.domain.account import Caller
from app.domain.job import Job
from app.domain.job_filter import JobFilter, JobSort
from app.domain.role import Role
from app.errors import NotFound
from app.service import job_list, jobs, runs
from app.service.context import Context

MAX_QUERY: Final = 200
MAX_JOBS: Final = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """One result of the search."""

    name: str
    kind: str
    url: str


@console.get("/find")
@needs(Role.READER)
@takes("q")
def find() -> Response:
    """Show the results for the text `q`; all pages if it is empty."""
    text = request.args.get("q", "").strip()[:MAX_QUERY]
    found = [*_pages(text), *_things(text)]
    return page("find.html", text=text, found=found)


def _pages(text: str) -> list[Hit]:
    links = navigation.groups(is_operator=viewer().operator).values()
    wanted = text.lower()
    return [
        Hit(name=each.name, kind="page", url=each.url)
        for group in links
        for each in group
        if wanted in each.name.lower()
    ]


def _things(text: str) -> list[Hit]:
    """Find the job and the run of an id, or else the jobs whose name begins with the text."""
    if not text.isprintable() or not text:
        return []
    context, caller = current_context(), viewer().caller
    identity = _id_in(text)
    if identity is not None:
        return [*_job_of(context, caller, identity), *_run_of(context, caller, identity)]
    wanted = JobFilter(name_prefix=text)
    with job_list.list_jobs(
        context, caller, wanted, JobSort.NAME, after=None, limit=MAX_JOBS
    ) as found:
        return [_job_hit(each.job) for each in found.jobs]


def _job_of(context: Context, caller: Caller, identity: UUID) -> list[Hit]:
    try:
        return [_job_hit(jobs.get(context, caller, identity))]
    except NotFound:
        return []


def _run_of(context: Context, caller: Caller, identity: UUID) -> list[Hit]:
    try:
        found = runs.get(context, caller, identity)
    except NotFound:
        return []
    return [
        Hit(name=f"{found.id}", kind=f"run, {found.state}", url=elements.to(f"runs/{found.id}"))
    ]


def _job_hit(job: Job) -> Hit:
    name = job.booking.name or job.booking.url
    return Hit(name=name, kind="job", url=elements.to(f"jobs/{job.id}"))


def _id_in(text: str) -> UUID | None:
    """Return the id that a text is, or ends in, as the path of a page or of the API does."""
    try:
        return UUID(text.rstrip("/").rpartition("/")[2])
    except ValueError:
        return None
