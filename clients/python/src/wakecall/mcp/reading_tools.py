"""Reading tools: those that change nothing, and are offered to every key."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from wakecall import AsyncClient, WakecallError
from wakecall.mcp.access import Ctx, access_of
from wakecall.mcp.documents import (
    UNTRUSTED,
    Document,
    cut,
    listing,
    milliseconds,
    moment,
    present,
    zone_of,
)
from wakecall.mcp.search_tool import search_docs
from wakecall.mcp.tooling import answering, find_job, find_job_id, run_id
from wakecall.mcp.views import (
    Shown,
    job_line,
    job_members,
    run_line,
    run_view,
)
from wakecall.models import (
    Account,
    Destinations,
    Failures,
    FiringLoad,
    Job,
    Lateness,
    Preview,
    Run,
    RunState,
)

Limit = Annotated[int, Field(ge=1, le=50)]
# An argument that may be left out is an empty text: what may also be null is parsed as JSON by the
# framework where it can be, so that a payload of JSON would be refused.
JobRef = Annotated[str, Field(description="Id or name")]
When = Annotated[str, Field(description="ISO 8601")]
Late = Annotated[float | None, Field(description="At least so late", ge=0, le=604_800_000)]
OR_ONE: Final = BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
"""Takes a text for a list of one."""

_OVER: Final = {"failed", "dead"}
_NEAR: Final = 0.8
_SHOWN: Final = 5
_TEXT: Final = 160
_URL: Final = 200


@answering
async def account_overview(ctx: Ctx) -> Document:
    """Health of the account: lateness, failing jobs, waiting calls, load ahead, limits near."""
    access = access_of(ctx)
    client = access.client()
    account, accuracy, failing, load, waiting = await asyncio.gather(
        client.account(),
        client.accuracy(),
        client.runs.failures(),
        client.upcoming_counts(),
        client.destinations(),
    )
    return present(
        account=account.name,
        suspended=moment(account.suspended, access.zone, access.now()),
        key_scope=account.key.scope if account.key else None,
        lateness_last_hour=_lateness(accuracy.hour),
        lateness_last_day=_lateness(accuracy.day),
        next_firings=_load(load, (access.zone, access.now())),
        failing_jobs=_failing(failing, (access.zone, access.now())),
        waiting_calls=_waiting(waiting),
        limits_near=_limits_near(account),
        next_step=_after_overview(failing),
    )


def _lateness(lateness: Lateness) -> Document:
    return present(
        calls=lateness.deliveries,
        p50_ms=milliseconds(lateness.p50),
        p99_ms=milliseconds(lateness.p99),
        max_ms=milliseconds(lateness.max),
    )


def _load(load: FiringLoad, shown: Shown) -> Document:
    zone, now = shown
    busiest = load.busiest
    return present(
        within_24_h=sum(each.firings for each in load.hours),
        overdue=load.overdue or None,
        busiest_minute=moment(busiest.begins, zone, now) if busiest else None,
        firings_in_it=busiest.firings if busiest else None,
    )


def _failing(failing: Failures, shown: Shown) -> list[Document]:
    zone, now = shown
    return [
        present(
            job=each.job,
            name=cut(each.name, _TEXT),
            failed_within_a_day=each.count,
            newest_run=each.newest,
            due=moment(each.due, zone, now),
            status=each.status,
            error=each.error,
            **{UNTRUSTED: present(reason=cut(each.reason, _TEXT))},
        )
        for each in failing.jobs[:_SHOWN]
    ]


def _waiting(waiting: Destinations) -> list[Document]:
    return [
        present(
            destination=cut(each.destination, _URL),
            calls=each.waiting,
            state=each.state,
            why=cut(each.reason, _TEXT),
        )
        for each in waiting.destinations[:_SHOWN]
    ]


def _limits_near(account: Account) -> Document:
    return {
        name: f"{each.used} of {each.limit}"
        for name, each in account.limits.items()
        if each.limit is not None and (each.used or 0) >= each.limit * _NEAR
    }


def _after_overview(failing: Failures) -> str | None:
    if not failing.jobs:
        return None
    return f"get_run(run={failing.jobs[0].newest!r}) shows why the newest of these runs failed."


@answering
async def find_jobs(  # noqa: PLR0913 - each is an argument of the tool
    ctx: Ctx,
    *,
    text: Annotated[str, Field(description="Beginning of the name")] = "",
    host: Annotated[str, Field(description="Host of the URL")] = "",
    tag: str = "",
    failing: bool = False,
    paused: bool | None = None,
    due_before: When = "",
    limit: Limit = 20,
    cursor: str = "",
) -> Document:
    """Find jobs, the newest first; with due_before, the next firing first."""
    access = access_of(ctx)
    client = access.client()
    shown = (access.zone, access.now())
    filters: dict[str, Any] = present(
        name_prefix=text or None, host=host or None, tags=[tag] if tag else None
    )
    if due_before:
        if paused or failing:
            raise ValueError("due_before cannot be combined with paused or failing.")
        return await _due_jobs(client, shown, due_before, filters, limit, cursor)
    filters |= present(sort="name" if text else None, failing=failing or None)
    filters |= {} if paused is None else {"enabled": not paused}
    return await listing(
        "jobs",
        lambda wanted: client.jobs.list(limit=wanted, cursor=cursor or None, **filters).first(),
        lambda job: job_line(job, shown),
        limit,
    )


async def _due_jobs(
    client: AsyncClient,
    shown: Shown,
    due_before: str,
    filters: dict[str, Any],
    limit: int,
    cursor: str,
) -> Document:
    zone, now = shown
    return await listing(
        "firings",
        lambda wanted: client.upcoming(
            until=due_before, limit=wanted, cursor=cursor or None, **filters
        ).first(),
        lambda each: present(
            job=each.job,
            name=cut(each.name, _TEXT),
            due=moment(each.due, zone_of(each.timezone, zone), now),
            calls=cut(each.url or each.endpoint, _URL),
            cron=each.cron or each.schedule,
            timezone=each.timezone,
            delayed_by=cut(each.reason, _TEXT),
        ),
        limit,
    )


@answering
async def get_job(
    ctx: Ctx, *, job: JobRef, runs: Annotated[int, Field(ge=0, le=20)] = 5
) -> Document:
    """Show a job: what it calls, when it fires next, and its newest runs."""
    access = access_of(ctx)
    client = access.client()
    found = await find_job(client, job)
    zone = zone_of(found.timezone, access.zone)
    shown = (zone, access.now())
    newest: tuple[Run, ...] = ()
    if runs:
        newest = (await client.jobs.runs(found.id, limit=runs, brief=True).first()).items
    document = {
        **job_line(found, shown),
        **job_members(found),
        **await _schedule_of(client, found, shown),
        "runs": [run_line(each, shown) for each in newest],
    }
    step = next(
        (f"get_run(run={each.id!r}) shows why it failed." for each in newest[:1] if _failed(each)),
        None,
    )
    return {**document, **present(next_step=step)}


def _failed(run: Run) -> bool:
    return run.state in _OVER


async def _schedule_of(client: AsyncClient, job: Job, shown: Shown) -> Document:
    """The schedule of a cron job in English, with its next firings; nothing for other jobs."""
    if job.cron is None or job.dialect != "native":
        return {}
    try:
        preview = await client.preview(
            cron=job.cron,
            timezone=job.timezone,
            on_gap=job.on_gap,
            on_overlap=job.on_overlap,
            count=3,
        )
    except WakecallError:
        return {}
    return _preview(preview, shown)


def _preview(preview: Preview, shown: Shown) -> Document:
    zone, now = shown
    return present(
        schedule=cut(preview.summary, 2 * _TEXT),
        firings=[moment(each.utc, zone, now) for each in preview.next],
        minimum_gap_s=None if preview.minimum_gap is None else preview.minimum_gap.total_seconds(),
        warnings=[cut(each, _TEXT) for each in preview.warnings[:3]],
    )


@answering
async def find_runs(
    ctx: Ctx,
    *,
    state: Annotated[list[RunState] | None, OR_ONE] = None,
    job: JobRef = "",
    after: When = "",
    before: When = "",
    late_ms: Late = None,
    limit: Limit = 20,
    cursor: str = "",
) -> Document:
    """Find runs by the time at which they were due, the newest first."""
    access = access_of(ctx)
    client = access.client()
    shown = (access.zone, access.now())
    filters: dict[str, Any] = {
        "state": state,
        "job": await find_job_id(client, job),
        "after": after or None,
        "before": before or None,
        "min_lateness": None if late_ms is None else timedelta(milliseconds=late_ms),
        "brief": True,
    }
    return await listing(
        "runs",
        lambda wanted: client.runs.list(limit=wanted, cursor=cursor or None, **filters).first(),
        lambda run: run_line(run, shown),
        limit,
    )


@answering
async def get_run(
    ctx: Ctx,
    *,
    run: str,
    include_answer: Annotated[
        bool, Field(description="With the receiver's last answer, which strangers wrote")
    ] = False,
) -> Document:
    """Show a run, its attempts, and why it failed or waits."""
    access = access_of(ctx)
    found = await access.client().runs.get(run_id(run))
    view = run_view(found, (access.zone, access.now()), with_answer=include_answer)
    return {**view, **present(next_step=_after_run(found))}


def _after_run(run: Run) -> str | None:
    if run.state in _OVER:
        return f"redeliver(run={run.id!r}) tells whether it can be sent again."
    if run.state == "running":
        return "Its receiver has yet to report the result."
    return None


@answering
async def preview_schedule(
    ctx: Ctx,
    *,
    cron: Annotated[str, Field(description="Quartz (6 or 7 fields), crontab (5) or @daily")] = "",
    when: When = "",
    timezone: str = "UTC",
    count: Annotated[int, Field(ge=1, le=20)] = 5,
) -> Document:
    """Show when a schedule would fire, and whether it can be booked."""
    access = access_of(ctx)
    preview = await access.client().preview(
        cron=cron or None,
        when=when or None,
        timezone=None if _has_offset(when) else timezone,
        count=count,
    )
    shown = (zone_of(timezone, access.zone), access.now())
    return {
        **_preview(preview, shown),
        "timezone": preview.timezone,
        "bookable": preview.bookable,
        **present(reasons=[cut(each, _TEXT) for each in preview.reasons]),
    }


def _has_offset(when: str) -> bool:
    """Whether an instant names its offset, so that a zone beside it would be refused."""
    time = when.partition("T")[2]
    return time.endswith(("Z", "z")) or "+" in time or "-" in time


READING: Final[tuple[Any, ...]] = (
    account_overview,
    find_jobs,
    get_job,
    find_runs,
    get_run,
    preview_schedule,
    search_docs,
)
"""The tools that change nothing, in the order in which they are listed."""
