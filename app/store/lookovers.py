"""Looking over runs in flight whose time to be looked at has come, and acting on the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.lookover import Action, judge
from app.domain.pace import PATIENCE
from app.domain.run import RunState
from app.store.claims import Claimed
from app.store.queries import run
from app.store.settling import Settlement


@dataclass(frozen=True, kw_only=True, slots=True)
class Lookover:
    """What one pass found: runs to ring for, and ends that remain to be settled."""

    rung: list[Claimed]
    ended: list[Settlement]
    reclaimed: int
    full: bool


class _Looked(NamedTuple):
    id: UUID
    job_id: UUID
    job_version: int
    due_at: datetime
    final: bool
    state: str
    token: int
    reclaims: int
    cancelled: bool
    reason: str | None
    lease_left: float | None


_FINAL: Final = {Action.CANCEL: RunState.CANCELLED, Action.BURY: RunState.DEAD}
_DIED: Final = "every worker that took it ended before it could tell the outcome"


def look_over(connection: psycopg.Connection, *, limit: int, leases_count: bool) -> Lookover:
    """Judge up to `limit` runs; ring for and reclaim them in one transaction.

    Ends are settled by the caller afterwards, under their tokens: a job's due row is locked before
    its runs, everywhere, and here the runs are locked already.
    """
    with connection.transaction():
        found = run(connection, "look", {"limit": limit}).fetchall()
        rows = [_Looked._make(row) for row in found]
        verdicts = [(row, _verdict(row, leases_count=leases_count)) for row in rows]
        again = [each for each in verdicts if each[1] in {Action.RING, Action.RECLAIM}]
        rung = _ring(connection, again)
        left = [row.id for row, action in verdicts if action is Action.LEAVE]
        if left:
            run(connection, "look_later", {"ids": left})
    return Lookover(
        rung=rung,
        ended=[_end(row, _FINAL[action]) for row, action in verdicts if action in _FINAL],
        reclaimed=sum(action is Action.RECLAIM for _, action in verdicts),
        full=len(rows) == limit,
    )


def postpone(connection: psycopg.Connection, ids: Sequence[UUID]) -> None:
    """Look at these a minute later: what failed now would fail again at once."""
    run(connection, "postpone", {"ids": list(ids)})


def _verdict(row: _Looked, *, leases_count: bool) -> Action:
    return judge(
        RunState(row.state),
        cancelled=row.cancelled,
        lease_left=row.lease_left,
        reclaims=row.reclaims,
        leases_count=leases_count,
    )


def _ring(
    connection: psycopg.Connection, verdicts: Sequence[tuple[_Looked, Action]]
) -> list[Claimed]:
    if not verdicts:
        return []
    reclaimed = [int(action is Action.RECLAIM) for _, action in verdicts]
    params: dict[str, Any] = {
        "ids": [row.id for row, _ in verdicts],
        "reclaimed": reclaimed,
        "patience": PATIENCE,
    }
    return [
        Claimed(run_id=run_id, token=token, account_id=account_id, reclaims=reclaims, ahead=ahead)
        for run_id, token, account_id, reclaims, ahead in run(
            connection, "ring_again", params
        ).fetchall()
    ]


def _end(row: _Looked, state: RunState) -> Settlement:
    return Settlement(
        id=row.id,
        token=row.token,
        job_id=row.job_id,
        job_version=row.job_version,
        due_at=row.due_at,
        state=state,
        retry_at=None,
        reason=row.reason if state is RunState.CANCELLED else _DIED,
        last=row.final,
        ends_job=False,
        attempt=None,
    )
