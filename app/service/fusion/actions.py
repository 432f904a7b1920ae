"""Actions: jobs started and aborted by hand, and why they were not where they were not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from uuid6 import uuid7

from app.domain.account import Caller
from app.domain.fusion import status
from app.domain.fusion.action import Action
from app.domain.fusion.resource import Resource
from app.service import limits
from app.service.fusion import ending, jobs
from app.store import accounts, inflight, serial
from app.store.engine import transaction


def perform(caller: Caller, resource: Resource, action: Action, *, app: str | None) -> Any:  # noqa: ANN401 - JSON
    """Start or abort a job; the reply says whether it was accepted. Raises NotFound."""
    match action:
        case Action.START:
            return start(caller, resource, app=app)
        case Action.ABORT:
            return abort(caller, resource, app=app)


def start(caller: Caller, resource: Resource, *, app: str | None) -> dict[str, Any]:
    """Run a job now, whatever its schedule, unless it is running; the reply. Raises NotFound."""
    name = str(resource)
    with transaction() as connection:
        job = jobs.locked(connection, caller, resource, app)
        under_way = serial.live_run(connection, job.id)
        if under_way is not None:
            return status.action_reply(
                name,
                Action.START,
                accepted=False,
                message=f"The job {name} is running already, as run {under_way}.",
            )
        limits.check_runs(connection, caller.account)
        by = accounts.called(connection, caller.key_id)
        inflight.fire(connection, job.id, UUID(int=uuid7().int), started_by=by)
    return status.started(name)


def abort(caller: Caller, resource: Resource, *, app: str | None) -> dict[str, Any]:
    """End the run of a job that is under way, retries and all; the reply. Raises NotFound."""
    name = str(resource)
    with transaction() as connection:
        job = jobs.locked(connection, caller, resource, app)
        reason = f"aborted by {accounts.called(connection, caller.key_id)}"
        if not ending.abort(connection, job, reason):
            return status.action_reply(
                name, Action.ABORT, accepted=False, message=f"The job {name} is not running."
            )
    return status.aborted(name)
