"""Runs: lists runs and their attempts, and sends settled runs again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.domain.account import Caller
from app.domain.audit import Action
from app.domain.run import LIVE, SETTLED, Attempt, Position, Redelivered, Run
from app.domain.run_filter import RunFilter
from app.errors import Conflict, NotFound
from app.service import audit, jobs, limits
from app.service.context import Context
from app.store import history, redelivery, run_list
from app.store import jobs as job_store
from app.store.database import driver_of, in_unit_of_work
from app.store.redelivery import Candidate

MAX_REDELIVERED: Final = 10_000
"""The most runs that one call of `redeliver_all` sends again."""

MAX_READ: Final = 100_000
"""The most runs that one call of `redeliver_all` or `count_redeliverable` reads."""

MAX_SEARCHED: Final = 20_000
"""The same if no index serves its filter."""

_BATCH: Final = 500
_BATCH_COUNTED: Final = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Runs, newest first, and the position where to continue if these do not fill the page."""

    runs: Iterator[Run]
    resume_at: Position | None
    """None if no further runs are left to be examined."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Batch:
    """What became of the runs that one batch of a bulk redelivery read."""

    met: Sequence[Candidate]
    """The runs that were judged; those behind them are left to a later request."""
    sent: int = 0
    """How many were sent, or would be."""
    gone: int = 0
    """Of how many the content went away since they were read."""
    cut: bool = False
    """Whether runs are left, as no more of the account may be under way."""


@contextmanager
def list_runs_of_job(
    context: Context,
    caller: Caller,
    job_id: UUID,
    *,
    after: Position | None,
    limit: int,
    brief: bool = False,
) -> Iterator[Iterator[Run]]:
    """Stream the newest `limit` runs of a job, which may have ended, from after `after`.

    They must be read inside the context, which loads a few at a time, so that large attempts do
    not fill the memory. A `brief` run has its first and its newest attempt, without headers and
    body. Raises NotFound.
    """
    wanted = RunFilter(states=LIVE | SETTLED, job_id=job_id)
    with context.database.transaction() as connection:
        rows = run_list.page(connection, caller.account.id, wanted, after=after, limit=limit).rows
        if not rows and job_store.find(connection, caller.account.id, job_id) is None:
            raise jobs.unknown_job(job_id)
        yield history.runs_of(connection, rows, brief=brief)


@contextmanager
def list_runs(
    context: Context,
    caller: Caller,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
    brief: bool = False,
) -> Iterator[Found]:
    """Find the newest `limit` runs of the account that match the filter, live and settled.

    They must be read as the runs of `list_runs_of_job`. One snapshot shows them and where the next
    page begins.
    """
    with context.database.snapshot() as connection:
        found = run_list.page(connection, caller.account.id, wanted, after=after, limit=limit)
        runs = history.runs_of(connection, found.rows, brief=brief)
        yield Found(runs=runs, resume_at=found.resume_at)


@contextmanager
def list_attempts(
    context: Context, caller: Caller, run_id: UUID, *, before: int, limit: int
) -> Iterator[Iterator[Attempt]]:
    """Stream the newest `limit` attempts of a run with numbers below `before`.

    They must be read as the runs of `list_runs_of_job`. Raises NotFound.
    """
    with context.database.transaction() as connection:
        position = _position(_find(connection, caller, run_id, with_attempts=False))
        yield history.attempts_of(connection, position, before=before, limit=limit)


def get(context: Context, caller: Caller, run_id: UUID) -> Run:
    """Return a run of the caller. Raises NotFound."""
    with context.database.transaction() as connection:
        return _find(connection, caller, run_id)


def redeliver(context: Context, caller: Caller, run_id: UUID) -> Run:
    """Send a settled run again, under the same id, with the content of its own version.

    Raises NotFound and LimitReached, and Conflict if the run is under way or can no longer be sent.
    """
    with context.database.transaction() as connection:
        found = _find(connection, caller, run_id, with_attempts=False)
        if found.state in LIVE:
            raise _under_way(run_id)
        redelivery.lock_jobs(driver_of(connection), [found.job_id])
        granted = limits.begin_runs(context, connection, caller.account, 1)
        position = _position(found)
        sent = Candidate(position=position, job_id=found.job_id, sendable=True)
        taken = redelivery.requeue(driver_of(connection), caller.account.id, [sent], states=SETTLED)
        if not taken:
            raise _left(connection, position, found.job_id)
        if not granted:
            # Only now: a run that cannot be sent is refused for that reason, also at the limit.
            raise limits.too_many_runs(context, caller.account)
        return _find(connection, caller, run_id)


def count_redeliverable(
    context: Context,
    caller: Caller,
    wanted: RunFilter,
    *,
    after: Position | None,
    most: int | None = None,
) -> Redelivered:
    """Count the runs that match the filter and that `redeliver_all` would send.

    Counting ends after about `most` runs, if one of them would be sent. A hundred thousand take the
    database half a second.
    """
    count = lost = looked_at = 0
    more, readable = True, _readable(wanted)
    while more and looked_at < readable and (not count or looked_at < (most or readable)):
        with context.database.transaction() as connection:
            counted = redelivery.count(
                connection, caller.account.id, wanted, after=after, limit=_BATCH_COUNTED
            )
        more = counted.read == _BATCH_COUNTED
        count += counted.sendable
        lost += counted.others
        looked_at += counted.read
        after = counted.last or after
    return Redelivered(count=count, lost=lost, more_after=after if more else None)


def redeliver_all(
    context: Context,
    caller: Caller,
    wanted: RunFilter,
    *,
    after: Position | None,
    most: int | None = None,
) -> Redelivered:
    """Send the runs that match the filter again, oldest first, `most` of them.

    The filter selects runs that are over.

    Runs are sent in batches, each a transaction of its own: a failure of a later batch does not
    undo an earlier one. Inside `unit_of_work`, as under an Idempotency-Key, all batches are one
    transaction. At most as many runs are sent as the account may have under way; raises
    LimitReached if that is none.
    """
    count = lost = looked_at = 0
    cut, more = False, True
    with context.database.transaction() as connection:
        room = limits.check_runs(context, connection, caller.account)
    most = min(each for each in (most, MAX_REDELIVERED, room) if each is not None)
    while more and not cut and count < most and looked_at < _readable(wanted):
        room = min(_BATCH, most - count)
        with context.database.transaction() as connection:
            examined = redelivery.candidates(
                connection, caller.account.id, wanted, after=after, limit=room
            )
            more, last = examined.read == room, examined.last
            done = _send_again(
                context, connection, caller, wanted, examined.candidates, behind=count
            )
            cut = done.cut
            if cut:
                last = done.met[-1].position if done.met else None
        count += done.sent
        lost += done.gone + sum(not each.sendable for each in done.met)
        looked_at += examined.read
        after = last or after
    if in_unit_of_work():
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
    met: Sequence[Candidate],
    *,
    behind: int,
) -> _Batch:
    """Send these runs again, as many as may begin.

    How many may begin is judged under a lock that claims wait for while they hold locks of jobs. So
    that lock is taken after the locks of the jobs. Inside `unit_of_work`, which locks the jobs of
    further batches, `redeliver_all` takes the lock after the last batch.
    """
    sendable = [each for each in met if each.sendable]
    if not sendable:
        return _Batch(met=met)
    redelivery.lock_jobs(driver_of(connection), [each.job_id for each in sendable])
    granted = len(sendable)
    if not in_unit_of_work():
        granted = limits.begin_runs(context, connection, caller.account, granted)
    cut = granted < len(sendable)
    if cut:
        # Other requests have begun runs of the account since the limit was checked.
        met, sendable = met[: met.index(sendable[granted])], sendable[:granted]
    driver, account_id, states = driver_of(connection), caller.account.id, wanted.states
    taken = redelivery.requeue(driver, account_id, sendable, states=states, behind=behind)
    gone = 0
    if taken < len(sendable):
        gone = redelivery.count_unsendable(driver, account_id, sendable, states=states)
    if taken:
        audit.record(connection, caller.account.id, Action.REDELIVER_RUNS, f"{taken} runs")
    return _Batch(met=met, sent=taken, gone=gone, cut=cut)


def _readable(wanted: RunFilter) -> int:
    return MAX_SEARCHED if wanted.is_searched else MAX_READ


def _find(
    connection: Connection, caller: Caller, run_id: UUID, *, with_attempts: bool = True
) -> Run:
    run = history.find(connection, caller.account.id, run_id, with_attempts=with_attempts)
    if run is None:
        raise unknown_run(run_id)
    return run


def unknown_run(run_id: UUID) -> NotFound:
    """Return the error for a run that does not exist or that another account owns."""
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
        remedy="Wait until the run is settled: GET /1/runs/<id> shows its state.",
    )


def _left(connection: Connection, position: Position, job_id: UUID) -> Conflict:
    """Return the error for a settled run that could not be sent again."""
    match redelivery.sendable(driver_of(connection), position, job_id):
        case None:
            return _under_way(position.id)
        case False:
            return Conflict(
                f"The content that the run {position.id} sent is no longer kept.",
                member="id",
                remedy="Book the call again. The content that a run sent is kept while its job is "
                "unchanged. After the job is changed, or has ended with a failure, the content is "
                "kept for the retention time.",
            )
    return Conflict(
        f"The run {position.id} was attempted {redelivery.MAX_ATTEMPTS} times, or it must not "
        "overlap another run of its job that is under way.",
        member="id",
        remedy="Send the run again when no other run of the job is under way, or book the call "
        "again.",
    )
