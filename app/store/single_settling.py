"""Single settling: if one row prevents a batch from being settled, the others are settled."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.run import RunState
from app.domain.timings.settling import SINGLE_BUDGET_S, SINGLE_STATEMENT_S
from app.store.database_errors import QUERY_CANCELED, Kind, kind_of, sqlstate
from app.store.job_ends import end_finished
from app.store.queries import run
from app.store.serial import following
from app.store.settling import NOTHING, Settlement, Written, moves_its_job, write

_LIMITS: Final = """
SELECT set_config('lock_timeout', '100ms', true),
       set_config('statement_timeout', %(milliseconds)s::text, true)
"""


class Busy(NamedTuple):
    """A settlement to try later: another transaction locks its rows, or it failed with `error`."""

    settlement: Settlement
    error: psycopg.Error | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """The result of settling a batch."""

    done: tuple[Settlement, ...] = ()
    """Settlements that were written."""
    token_mismatch: tuple[Settlement, ...] = ()
    """Settlements whose run has another token now, so that they were dropped."""
    failed: tuple[tuple[Settlement, psycopg.Error], ...] = ()
    """Settlements that cannot be written."""
    busy: tuple[Busy, ...] = ()
    """Settlements to try later."""

    @property
    def states(self) -> list[RunState]:
        """The final states of the runs that entered history."""
        return [each.state for each in self.done if each.state is not None]


def settle_singly_if_needed(
    connection: psycopg.Connection,
    batch: Sequence[Settlement],
    *,
    wait: bool = True,
    within: float = SINGLE_STATEMENT_S,
    budget: float = SINGLE_BUDGET_S,
) -> Settled:
    """Settle a batch; if one row makes that impossible, settle the others.

    With `wait`, all are first settled together, and row locks are waited for until the lock timeout
    of the session. After that, and without `wait`, locked rows are skipped. A settlement that fails
    by itself is tried once more without the headers and body of its reply, the only parts that come
    from outside. Each statement that does not wait may take `within` seconds, and all settlements
    that are tried one by one `budget` seconds. Raises psycopg.Error if the database is away.
    """
    try:
        if wait:
            return _ended(connection, batch, write(connection, batch))
        return _settle_free(connection, batch, within)
    except psycopg.Error as error:
        kind = kind_of(error)
        if kind is Kind.AWAY:
            raise
        if wait and kind is Kind.BUSY and sqlstate(error) != QUERY_CANCELED:
            # One statement finds all settlements whose rows are locked.
            return settle_singly_if_needed(
                connection, batch, wait=False, within=within, budget=budget
            )
        if len(batch) == 1:
            return _settle_bare(connection, batch[0], error, within)
    return _settle_each(connection, batch, within, budget)


def _settle_each(
    connection: psycopg.Connection, batch: Sequence[Settlement], within: float, budget: float
) -> Settled:
    """Settle these one by one; those that are left after `budget` seconds are tried later."""
    until = time.monotonic() + budget
    parts: list[Settled] = []
    for number, each in enumerate(batch):
        if time.monotonic() > until:
            parts.append(Settled(busy=tuple(Busy(left, None) for left in batch[number:])))
            break
        parts.append(settle_singly_if_needed(connection, [each], wait=False, within=within))
    return _together(parts)


def _settle_free(
    connection: psycopg.Connection, batch: Sequence[Settlement], within: float
) -> Settled:
    """Settle those whose rows are not locked, in one transaction that waits at most 0.1 s."""
    with connection.transaction():
        connection.execute(_LIMITS, {"milliseconds": round(within * 1000)})
        locked = _locked_elsewhere(connection, batch)
        free = [each for each in batch if each.row_id not in locked]
        written = write(connection, free) if free else NOTHING
    settled = _ended(connection, free, written)
    left = tuple(Busy(each, None) for each in batch if each.row_id in locked)
    return Settled(done=settled.done, token_mismatch=settled.token_mismatch, busy=left)


def _locked_elsewhere(connection: psycopg.Connection, batch: Sequence[Settlement]) -> set[UUID]:
    """Return the runs that cannot be settled without waiting; lock the rows of all others."""
    final = [each for each in batch if each.state is not None]
    needed = {each.row_id: {each.job_id} for each in batch if moves_its_job(each)}
    started = following(connection, [each.job_id for each in final if each.serial])
    for each in final:
        if each.serial:
            needed[each.row_id].update(started.get(each.job_id, ()))
    jobs = {job_id for all_of_it in needed.values() for job_id in all_of_it}
    locked_jobs = _ids(connection, "due_locked_elsewhere", jobs)
    locked = {run_id for run_id, all_of_it in needed.items() if all_of_it & locked_jobs}
    rest = [each.row_id for each in batch if each.row_id not in locked]
    return locked | _ids(connection, "inflight_locked_elsewhere", rest)


def _ids(connection: psycopg.Connection, name: str, ids: Iterable[UUID]) -> set[UUID]:
    wanted = list(ids)
    return {row[0] for row in run(connection, name, {"ids": wanted})} if wanted else set()


def _settle_bare(
    connection: psycopg.Connection, settlement: Settlement, error: psycopg.Error, within: float
) -> Settled:
    if kind_of(error) is Kind.BUSY:
        return Settled(busy=(Busy(settlement, error),))
    attempt = settlement.attempt
    if attempt is None or not (attempt.reply.headers or attempt.reply.body):
        return Settled(failed=((settlement, error),))
    reply = attempt.reply._replace(headers=(), body=b"")
    bare = settlement._replace(attempt=attempt._replace(reply=reply))
    return settle_singly_if_needed(connection, [bare], wait=False, within=within)


def _ended(
    connection: psycopg.Connection, batch: Sequence[Settlement], written: Written
) -> Settled:
    """End the jobs that have nothing left, and return the result of a written batch."""
    end_finished(connection, written.may_end)
    return Settled(
        done=tuple(each for each in batch if each.id in written.ids),
        token_mismatch=tuple(each for each in batch if each.id not in written.ids),
    )


def _together(parts: Sequence[Settled]) -> Settled:
    return Settled(
        done=tuple(each for part in parts for each in part.done),
        token_mismatch=tuple(each for part in parts for each in part.token_mismatch),
        failed=tuple(each for part in parts for each in part.failed),
        busy=tuple(each for part in parts for each in part.busy),
    )
