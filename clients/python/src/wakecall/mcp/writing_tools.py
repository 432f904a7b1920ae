"""Writing tools: those that book and change. They are hidden from keys that may not."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from mcp.server.mcpserver import Resolve
from pydantic import Field

from wakecall import AsyncClient
from wakecall.mcp import confirmation
from wakecall.mcp.access import Ctx, access_of
from wakecall.mcp.confirmation import Action, Outcome, is_approved
from wakecall.mcp.documents import Document, moment, present, zone_of
from wakecall.mcp.reading_tools import OR_ONE, JobRef, When
from wakecall.mcp.tooling import answering, find_job, find_job_id, run_id
from wakecall.mcp.views import Shown, job_line, job_members, run_line
from wakecall.models import Job, Redelivery

ResentState = Literal["failed", "dead"]

_PREVIEWED: Final = 3


@answering
async def book_call(  # noqa: PLR0913 - each is an argument of the tool
    ctx: Ctx,
    *,
    url: str,
    when: When = "",
    after: Annotated[str, Field(description="Span from now: 10m, 1h30m")] = "",
    cron: Annotated[str, Field(description="Quartz, crontab or @daily")] = "",
    timezone: str = "",
    name: Annotated[str, Field(description="Unique; the same booking again is made once")] = "",
    payload: str = "",
    content_type: str = "",
    headers: dict[str, str] | None = None,
    tags: Annotated[list[str] | None, OR_ONE] = None,
    dry_run: bool = True,
) -> Document:
    """Book a call to a URL: once (when or after) or by cron. Books only with dry_run=false."""
    client = access_of(ctx).client()
    options: dict[str, Any] = {
        "when": when or None,
        "after": after or None,
        "cron": cron or None,
        "timezone": timezone or None,
        "data": payload or None,
        "content_type": content_type or None,
        "headers": headers,
        "tags": tags or (),
    }
    if name and (known := await _known(client, name, url, options)) is not None:
        return {"outcome": "unchanged", **_shown(ctx, known)}
    if dry_run:
        checked = await client.jobs.check(url, name=name or None, **options)
        step = "The same call with dry_run=false books it."
        return {"outcome": "not booked", **await _with_firings(ctx, checked), "next_step": step}
    booked = await client.jobs.book(url, name=name or None, **options)
    return {"outcome": "booked", **await _with_firings(ctx, booked)}


async def _known(client: AsyncClient, name: str, url: str, options: dict[str, Any]) -> Job | None:
    """The job of that name, if it is exactly this one; None if there is none.

    Raises ValueError for another job of that name: a booking replaces nothing.
    """
    put = await client.jobs.put(name, url, dry_run=True, **options)
    if put.outcome == "created":
        return None
    found = await client.jobs.by_name(name)
    if put.outcome == "unchanged":
        return found
    raise ValueError(
        f"The name is that of another job, {found.id}. Use another name, or have a person change "
        "the job: wakecall job set."
    )


def _shown(ctx: Ctx, job: Job) -> Document:
    access = access_of(ctx)
    shown: Shown = (zone_of(job.timezone, access.zone), access.now())
    return {**job_line(job, shown), **job_members(job)}


async def _with_firings(ctx: Ctx, job: Job) -> Document:
    """A job with its next firings, so that a schedule that was misread is noticed."""
    access = access_of(ctx)
    zone, now = zone_of(job.timezone, access.zone), access.now()
    if job.cron is None:
        return _shown(ctx, job)
    preview = await access.client().preview(cron=job.cron, timezone=job.timezone, count=_PREVIEWED)
    return {
        **_shown(ctx, job),
        **present(
            schedule=preview.summary,
            firings=[moment(each.utc, zone, now) for each in preview.next],
            warnings=list(preview.warnings[:_PREVIEWED]),
        ),
    }


@answering
async def change_job(
    ctx: Ctx,
    *,
    job: JobRef,
    action: Action,
    approval: Annotated[Outcome, Resolve(confirmation.approve_change)],
    confirm: Annotated[str, Field(description="To delete: the job's name")] = "",
) -> Document:
    """Pause, resume, fire (call now) or delete a job."""
    del confirm
    if not is_approved(approval):
        return {"outcome": "nothing was done: the person declined"}
    access = access_of(ctx)
    client = access.client()
    found = await find_job(client, job)
    shown: Shown = (zone_of(found.timezone, access.zone), access.now())
    match action:
        case "pause":
            return {"outcome": "paused", **job_line(await client.jobs.pause(found), shown)}
        case "resume":
            return {"outcome": "resumed", **job_line(await client.jobs.resume(found), shown)}
        case "delete":
            await client.jobs.delete(found)
            return {"outcome": "deleted", **job_line(found, shown)}
        case "fire":
            run = await client.jobs.fire(found)
            step = f"get_run(run={run.id!r}) shows what came of it."
            return {"outcome": "fired", "run": run_line(run, shown), "next_step": step}


@answering
async def redeliver(  # noqa: PLR0913 - each is an argument of the tool
    ctx: Ctx,
    *,
    approval: Annotated[Outcome, Resolve(confirmation.approve_redelivery)],
    run: Annotated[str, Field(description="One run; else a selection")] = "",
    state: Annotated[list[ResentState] | None, OR_ONE] = None,
    job: JobRef = "",
    after: When = "",
    before: When = "",
    dry_run: bool = True,
    expected_count: Annotated[
        int | None, Field(description="That of the dry run; needed above 100")
    ] = None,
) -> Document:
    """Send runs that are over again. Sends only with dry_run=false."""
    del expected_count
    access = access_of(ctx)
    client = access.client()
    if run:
        return await _redeliver_one(ctx, run_id(run), dry_run=dry_run)
    if not is_approved(approval):
        return {"outcome": "nothing was done: the person declined"}
    done = await client.runs.redeliver_all(
        dry_run=dry_run,
        state=state,
        job=await find_job_id(client, job),
        after=after or None,
        before=before or None,
    )
    return _resent(done, dry_run=dry_run)


async def _redeliver_one(ctx: Ctx, run: str, *, dry_run: bool) -> Document:
    access = access_of(ctx)
    client = access.client()
    shown: Shown = (access.zone, access.now())
    if dry_run:
        found = await client.runs.get(run)
        outcome = "would be sent again" if found.is_over else "is under way: it is not sent again"
        step = "The same call with dry_run=false sends it." if found.is_over else None
        return {"outcome": outcome, "run": run_line(found, shown), **present(next_step=step)}
    sent = await client.runs.redeliver(run)
    step = f"get_run(run={sent.id!r}) shows what came of it."
    return {"outcome": "sent again", "run": run_line(sent, shown), "next_step": step}


def _resent(done: Redelivery, *, dry_run: bool) -> Document:
    counted = {"count": done.count, "lost": done.lost, "more": done.more}
    if dry_run:
        step = f"The same call with dry_run=false and expected_count={done.count} sends them."
        return {"outcome": "not sent", **counted, **present(next_step=step if done.count else None)}
    return {"outcome": "sent again", **counted}


WRITING: Final[tuple[Any, ...]] = (book_call, change_job, redeliver)
"""The tools of this module, in the order in which they are listed."""
