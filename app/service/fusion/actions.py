"""Actions: start and abort Fusion jobs at a client's request."""

from __future__ import annotations

from app.domain.account import Caller
from app.domain.fusion.action import Action, ActionResult
from app.domain.fusion.resource import Resource
from app.random_ids import new_id
from app.service import limits
from app.service.context import Context
from app.service.fusion import jobs, run_abort
from app.store import accounts, inflight, serial
from app.store.database import driver_of


def perform(
    context: Context, caller: Caller, resource: Resource, action: Action, *, app: str | None
) -> ActionResult:
    """Start or abort a job. Raises NotFound."""
    match action:
        case Action.START:
            return start(context, caller, resource, app=app)
        case Action.ABORT:
            return abort(context, caller, resource, app=app)


def start(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> ActionResult:
    """Run a job now, whatever its schedule, unless it is running. Raises NotFound, LimitReached."""
    with context.database.transaction() as connection:
        job = jobs.find_locked(connection, caller, resource, app)
        under_way = serial.live_run(driver_of(connection), job.id)
        if under_way is not None:
            return ActionResult(
                resource=resource, action=Action.START, accepted=False, running=under_way
            )
        limits.begin_run(context, connection, caller.account)
        by = accounts.key_label(connection, caller.key_id)
        inflight.call_by_hand(driver_of(connection), job.id, new_id(), started_by=by)
    return ActionResult(resource=resource, action=Action.START, accepted=True)


def abort(context: Context, caller: Caller, resource: Resource, *, app: str | None) -> ActionResult:
    """End the run of a job that is under way, with its retries. Raises NotFound."""
    with context.database.transaction() as connection:
        job = jobs.find_locked(connection, caller, resource, app)
        reason = f"aborted by {accounts.key_label(connection, caller.key_id)}"
        aborted = run_abort.abort(connection, job, reason)
    return ActionResult(resource=resource, action=Action.ABORT, accepted=aborted)
