"""Runs: what was fired, what is being retried, what came of it, and sending it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.run import LIVE, SETTLED, Attempt, Position, Redelivered, Run, RunFilter
from app.errors import Conflict, NotFound
from app.service import jobs, limits
from app.service.context import Context
from app.store import history, redelivery, run_list
from app.store import jobs as job_store
from app.store.database import driver_of, in_unit_of_work
from app.store.redelivery import Candidate

MAX_REDELIVERED: Final = 10_000
"""Runs that one call sends again at most."""

MAX_COUNTED: Final = 100_000
"""Runs that one call looks at at most."""

_BATCH: Final = 500
_BATCH_COUNTED: Final = 5000


@contextmanager
def list_runs_of_job(
    context: Context, caller: Caller, job_id: UUID, *, after: Position | None, limit: int
) -> Iterator[Iterator[Run]]:
    """The newest `limit` runs of a job, also of one that has ended; raises NotFound.

    They are read inside the context, a few at a time, however large their attempts are.
    """
    wanted = RunFilter(states=LIVE | SETTLED, job_id=job_id)
    with context.database.transaction() as connection:
        found = run_list.page(connection, caller.account.id, wanted, after=after, limit=limit)
        if not found and job_store.find(connection, caller.account.id, job_id) is None:
            raise jobs.unknown_job(job_id)
        yield history.runs_of(connection, found)


@contextmanager
def list_runs(
    context: Context, caller: Caller, wanted: RunFilter, *, after: Position | None, limit: int
) -> Iterator[Iterator[Run]]:
    """The newest `limit` of the account's runs that the filter means, live and settled.

    They are read as those of a job are.
    """
    with context.database.transaction() as connection:
        found = run_list.page(connection, caller.account.id, wanted, after=after, limit=limit)
        yield history.runs_of(connection, found)


@contextmanager
def list_attempts(
    context: Context, caller: Caller, run_id: UUID, *, before: int, limit: int
) -> Iterator[Iterator[Attempt]]:
    """The newest `limit` attempts of a run with numbers below `before`; raises NotFound.

    They are read as runs are.
    """
    with context.database.transaction() as connection:
        position = _position(_find(connection, caller, run_id))
        yield history.attempts_of(connection, position, before=before, limit=limit)


def get(context: Context, caller: Caller, run_id: UUID) -> Run:
    """The caller's run. Raises NotFound."""
    with context.database.transaction() as connection:
        return _find(connection, caller, run_id)


def redeliver(context: Context, caller: Caller, run_id: UUID) -> Run:
    """Send a settled run again, under the same id, with the content of its own version.

    Raises NotFound, Conflict where it is under way already or cannot be sent any more, and
    LimitReached.
    """
    with context.database.transaction() as connection:
        found = _find(connection, caller, run_id)
        if found.state in LIVE:
            raise _under_way(run_id)
        redelivery.lock_jobs(driver_of(connection), [found.job_id])
        limits.begin_run(context, connection, caller.account)
        position = _position(found)
        sent = Candidate(position=position, job_id=found.job_id, sendable=True)
        taken = redelivery.requeue(driver_of(connection), caller.account.id, [sent], states=SETTLED)
        if not taken:
            raise _left(connection, position, found.job_id)
        return _find(connection, caller, run_id)


def redeliver_all(
    context: Context, caller: Caller, wanted: RunFilter, *, after: Position | None, dry: bool
) -> Redelivered:
    """Send the unsuccessful runs again that the filter means, the oldest first; or count them.

    In batches, each on disk by itself: what was taken up stays so whatever becomes of the others.
    Inside `unit_of_work`, under an Idempotency-Key, they are one transaction: all of them, or none.
    No more of them than the account may have under way; raises LimitReached where that is none.
    """
    count = lost = looked_at = 0
    most, cut, more = MAX_COUNTED if dry else MAX_REDELIVERED, False, True
    if not dry:
        with context.database.transaction() as connection:
            room = limits.check_runs(context, connection, caller.account)
        most = most if room is None else min(most, room)
    while more and not cut and count < most and looked_at < MAX_COUNTED:
        room = min(_BATCH_COUNTED if dry else _BATCH, most - count)
        with context.database.transaction() as connection:
            met = redelivery.candidates(
                connection, caller.account.id, wanted, after=after, limit=room
            )
            more = len(met) == room
            taken = sum(each.sendable for each in met)
            if not dry:
                met, taken, cut = _send_again(
                    context, connection, caller, wanted, met, behind=count
                )
        count += taken
        lost += sum(not each.sendable for each in met)
        looked_at += len(met)
        after = met[-1].position if met else after
    if not dry and in_unit_of_work():
        with context.database.transaction() as connection:
            cut = limits.begin_runs(context, connection, caller.account, count) < count
    if cut and (not count or in_unit_of_work()):
        raise limits.too_many_runs(context, caller.account, asked=max(count, 1))
    return Redelivered(count=count, lost=lost, more_after=after if more or cut else None)


def _send_again(
    context: Context,
    connection: Connection,
    caller: Caller,
    wanted: RunFilter,
    met: list[Candidate],
    *,
    behind: int,
) -> tuple[list[Candidate], int, bool]:
    """Send these again, as many as may begin: those looked at, how many, whether some are left.

    What may begin is judged under a lock that claims wait for with jobs locked. So it is taken
    after the locks of the jobs, and inside `unit_of_work`, which locks the jobs of further batches,
    only at the end of all of them.
    """
    sendable = [each for each in met if each.sendable]
    if not sendable:
        return met, 0, False
    redelivery.lock_jobs(driver_of(connection), [each.job_id for each in sendable])
    granted = len(sendable)
    if not in_unit_of_work():
        granted = limits.begin_runs(context, connection, caller.account, granted)
    cut = granted < len(sendable)
    if cut:
        # Others began runs of the account meanwhile.
        met, sendable = met[: met.index(sendable[granted])], sendable[:granted]
    taken = redelivery.requeue(
        driver_of(connection),
        caller.account.id,
        sendable,
        states=wanted.states,
        behind=behind,
    )
    return met, taken, cut


def _find(connection: Connection, caller: Caller, run_id: UUID) -> Run:
    run = history.find(connection, caller.account.id, run_id)
    if run is None:
        raise unknown_run(run_id)
    return run


def unknown_run(run_id: UUID) -> NotFound:
    """The refusal of an id that is no run of the caller's."""
    return NotFound(
        f"There is no run {run_id}.",
        member="id",
        remedy="GET /1/runs lists the runs of this account.",
    )


def _position(run: Run) -> Position:
    return Position(due_at=run.due_at, id=run.id)


def _under_way(run_id: UUID) -> Conflict:
    return Conflict(
        f"The run {run_id} is under way.",
        member="id",
        remedy="Wait until it is settled: GET /1/runs/<id> tells when.",
    )


def _left(connection: Connection, position: Position, job_id: UUID) -> Conflict:
    """Why a run that was settled a moment ago was not taken up."""
    match redelivery.sendable(driver_of(connection), position, job_id):
        case None:
            return _under_way(position.id)
        case False:
            return Conflict(
                f"What the run {position.id} sent is not kept any more.",
                member="id",
                remedy="Book the call again. What a run sent is kept while its job stands as it "
                "was, and until retention after a change of the job or its end with a failure.",
            )
    return Conflict(
        f"The run {position.id} was attempted {redelivery.MAX_ATTEMPTS} times, or another run of "
        "its job is under way that it must not overlap.",
        member="id",
        remedy="Send it again when no other run of the job is under way, or book the call again.",
    )
