"""Completions: receivers report the results of runs after they answered the calls."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from app.domain.completion import Completion
from app.domain.run import LIVE, Run
from app.errors import Conflict, Unavailable
from app.service import runs
from app.service.context import Context
from app.service.secrets import completion_tokens
from app.store import completions as store
from app.store import history, redelivery, run_ends, serial
from app.store.database import driver_of


def is_token_of(context: Context, run_id: UUID, token: str) -> bool:
    """Return whether this is the completion token of the run; makes no query."""
    keys = context.settings.secret_keys
    return completion_tokens(keys).fits(token, run_id)


def complete(
    context: Context, run_id: UUID, completion: Completion, *, account_id: int | None
) -> Run:
    """End a run with the result that its receiver reports; return the run.

    If a worker still waits for the response to its call, the result is stored and the run is
    returned as it is. The result is applied after the response, unless the response itself ends
    the run. A repeated completion changes nothing. `account_id`, if given, must be the run's.

    Raises NotFound. Raises Conflict if the run ended in another way, was completed with another
    result, or has not been called. Raises Unavailable for one of several ticks that are called in
    a row, before their results are stored.
    """
    with context.database.transaction() as connection:
        owner = store.owner(driver_of(connection), run_id)
        if owner is None or account_id not in {None, owner.account_id}:
            raise runs.unknown_run(run_id)
        if owner.is_to_come:
            raise Unavailable(
                "The response to the call of this run is not stored yet; try again shortly."
            )
        redelivery.lock_jobs(
            driver_of(connection), serial.with_followers(driver_of(connection), [owner.job_id])
        )
        live = run_ends.lock(driver_of(connection), run_id)
        if live is not None:
            _complete(connection, live, completion)
        run = history.find(connection, owner.account_id, run_id)
        if run is None:
            raise runs.unknown_run(run_id)
        if live is None and run.state != completion.state:
            raise _over(run)
        return run


def _complete(connection: Connection, live: run_ends.Live, completion: Completion) -> None:
    if live.completion not in {None, completion.result}:
        raise Conflict(
            f"The run {live.id} was already completed as {live.completion}.",
            member="status",
            remedy="A run is completed once. A repeated completion must have the same status.",
        )
    if live.is_held:
        if live.completion is None:
            store.keep(driver_of(connection), live, completion)
    elif live.answered:
        run_ends.end(driver_of(connection), live, completion.state, completion.reason)
    else:
        raise Conflict(
            f"No call of the run {live.id} has received a response yet.",
            member="id",
            remedy="Complete a run only after its call was answered. If its worker died during the "
            "call, the run is called again with the same webhook-id.",
        )


def _over(run: Run) -> Conflict:
    state = "is under way again" if run.state in LIVE else f"has already ended as {run.state}"
    return Conflict(
        f"The run {run.id} {state}.",
        member="status",
        remedy="The run can no longer be completed. POST /1/runs/<id>/redeliver sends a run "
        "that has ended again.",
    )
