"""Listing: how Fusion jobs stand, and what their runs came to, in Fusion's words."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from app.domain.account import Caller
from app.domain.fusion import status
from app.domain.fusion.resource import Kind, Resource
from app.domain.fusion.status import RunStatus
from app.domain.run import RunKind
from app.service.fusion import apps, jobs
from app.store import fusion_jobs as store
from app.store.engine import transaction
from app.store.fusion_jobs import RunOfJob, Standing

_BY_SCHEDULE: Final = "schedule"


@contextmanager
def of_all(
    caller: Caller,
    *,
    kinds: Collection[Kind],
    app: str | None,
    after: Resource | None,
    limit: int,
) -> Iterator[Iterator[dict[str, Any]]]:
    """How the account's jobs stand, by name, the first `limit` of those after `after`.

    Only of those kinds, and of that app, if given. They are read inside the context, a few at a
    time.
    """
    with (
        transaction() as connection,
        store.standing(
            connection,
            caller.account.id,
            endpoints=[jobs.endpoint_of_kind(kind) for kind in kinds or Kind],
            tag=apps.tag(app),
            after="" if after is None else str(after),
            limit=limit,
        ) as found,
    ):
        yield (_told(each, caller.now) for each in found)


def of_one(caller: Caller, resource: Resource, *, app: str | None) -> dict[str, Any]:
    """How a job stands. Raises NotFound."""
    endpoint = jobs.endpoint_of(resource)
    with transaction() as connection:
        jobs.find(connection, caller, resource, app)
        found = store.standing_of(connection, caller.account.id, str(resource), endpoint=endpoint)
    if found is None:
        raise jobs.unknown(resource, None)
    return _told(found, caller.now)


def history(
    caller: Caller, resource: Resource, *, limit: int, app: str | None
) -> list[dict[str, Any]]:
    """The newest runs of a job, the one under way included. Raises NotFound."""
    with transaction() as connection:
        job = jobs.find(connection, caller, resource, app)
        runs = store.runs(connection, job.id, limit)
    return [status.history_entry(str(resource), _run_status(each, caller.now)) for each in runs]


def _told(found: Standing, now: datetime) -> dict[str, Any]:
    return status.job_status(
        found.name,
        enabled=found.enabled,
        last=None if found.last is None else _run_status(found.last, now),
        next_at=found.next_at,
        started_by=_starter(found),
        extra=_extra(found),
    )


def _run_status(last: RunOfJob, now: datetime) -> RunStatus:
    return RunStatus(
        run_id=last.id,
        state=last.state,
        started_at=status.began(
            last.started_at, due_at=last.due_at, ended_at=last.settled_at, now=now
        ),
        ended_at=last.settled_at,
        reason=last.reason,
    )


def _starter(found: Standing) -> str | None:
    """Who started the last run: a key by its label, the schedule, or the job before it."""
    if found.last is None or found.last.kind is not RunKind.SCHEDULED:
        return None if found.last is None else found.last.started_by
    return _BY_SCHEDULE


def _extra(found: Standing) -> dict[str, Any]:
    """What there is to say besides: why the last run ended so, and whom the job follows in vain."""
    extra: dict[str, Any] = {}
    if found.last is not None and found.last.reason:
        extra["message"] = found.last.reason
    if found.lacking:
        names = ", ".join(found.lacking)
        several = len(found.lacking) > 1
        extra["missing"] = list(found.lacking)
        extra["warning"] = (
            f"This job is to run after {names}, and there {'are' if several else 'is'} no such "
            f"job{'s' if several else ''}: deleted, or never saved."
        )
    return extra
