"""Completions: receivers say later what came of the runs they were called for."""

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
    """Whether whoever sends this was called for that run; asks nobody."""
    keys = context.settings.secret_keys
    return completion_tokens(keys).fits(token, run_id)


def complete(
    context: Context, run_id: UUID, completion: Completion, *, account_id: int | None
) -> Run:
    """End a run as its receiver says; the run, which is not over yet where a worker has it.

    The worker's call is still being answered then, and the run ends as was said once it is, unless
    that answer ends it. Said again, it changes nothing. `account_id`, where given, must be the
    run's. Raises NotFound, and Conflict where the run ended otherwise, something else was said of
    it, or it has not been called; Unavailable where it is one of several ticks that are called in
    a row, of which nothing is stored yet.
    """
    with context.database.transaction() as connection:
        owner = store.owner(driver_of(connection), run_id)
        if owner is None or account_id not in {None, owner.account_id}:
            raise runs.unknown_run(run_id)
        if owner.is_to_come:
            raise Unavailable(
                f"The answer to the call of {run_id} is not stored yet; try again shortly."
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
    if live.completion not in {None, completion.said}:
        raise Conflict(
            f"It was said of the run {live.id} already that it {live.completion}.",
            member="status",
            remedy="A run is completed once; said again, it must be the same.",
        )
    if live.is_held:
        if live.completion is None:
            store.keep(driver_of(connection), live, completion)
    elif live.answered:
        run_ends.end(driver_of(connection), live, completion.state, completion.reason)
    else:
        raise Conflict(
            f"No call of the run {live.id} has been answered yet.",
            member="id",
            remedy="Complete a run after it was called; where its worker died meanwhile, it is "
            "called again, with the same webhook-id.",
        )


def _over(run: Run) -> Conflict:
    told = "is under way again" if run.state in LIVE else f"is {run.state} already"
    return Conflict(
        f"The run {run.id} {told}.",
        member="status",
        remedy="Nothing more can be said of it; POST /1/runs/<id>/redeliver sends it again.",
    )
