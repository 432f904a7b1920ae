"""Claiming: due rows become runs in flight, and their jobs are re-armed, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain import tally
from app.domain.pace import PATIENCE
from app.domain.rearm import rearm
from app.domain.run import RunState
from app.domain.trigger import from_document
from app.store import beats
from app.store.misfires import LeftOut, leave_out, of_columns
from app.store.queries import run


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A run to ring for; `ahead` is in seconds until it may begin, negative if late."""

    run_id: UUID
    token: int
    account_id: int
    ahead: float
    reclaims: int = 0


class _Due(NamedTuple):
    job_id: UUID
    account_id: int
    version: int
    recurring: bool
    due_at: datetime
    now: datetime


class _Decided(NamedTuple):
    """What becomes of a due row; as Rearmed, and `final` where the run ends its job."""

    due: _Due
    fire_at: datetime | None
    next_at: datetime | None
    final: bool
    missed: int = 0
    left_out: int = 0


_Schedule = tuple[dict[str, str], str | None, float | None]
FIRST_TOKEN: Final = 1


def claim(
    connection: psycopg.Connection,
    *,
    budget: int,
    ahead: float,
    new_id: Callable[[], UUID],
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    """Claim up to `budget` jobs due within `ahead` seconds, the earliest first.

    A job whose trigger cannot be evaluated fires all the same; `unreadable` is told of it, and
    maintenance tries to re-arm it.
    """
    with connection.transaction():
        rows = run(connection, "claim_due", {"budget": budget, "ahead": ahead}).fetchall()
        return _claim(connection, rows, new_id, unreadable)


def claim_fairly(
    connection: psycopg.Connection,
    *,
    share: int,
    ahead: float,
    reach: float,
    skip: Sequence[int],
    new_id: Callable[[], UUID],
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    """Claim at most `share` jobs of each tenth of a second and account, `reach` seconds back.

    Accounts in `skip` have enough under way already.
    """
    with connection.transaction():
        rows = run(
            connection,
            "claim_due_fairly",
            {"share": share, "ahead": ahead, "reach": reach, "skip": list(skip)},
        ).fetchall()
        return _claim(connection, rows, new_id, unreadable)


def still_claimed(connection: psycopg.Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the runs that nobody has taken yet."""
    return {row[0] for row in run(connection, "still_claimed", {"ids": list(ids)})}


def _claim(
    connection: psycopg.Connection,
    rows: Sequence[tuple[Any, ...]],
    new_id: Callable[[], UUID],
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    if not rows:
        return []
    found = [_Due._make(row) for row in rows]
    schedules = _schedules(connection, [due.job_id for due in found if due.recurring])
    decided = [_decide(due, schedules, unreadable) for due in found]
    made = [each for each in decided if each.fire_at is not None]
    run_ids = [new_id() for _ in made]
    # Both statements travel together: one wait for the two.
    with connection.pipeline():
        run(
            connection,
            "rearm",
            {
                "ids": [each.due.job_id for each in decided],
                "nexts": [each.next_at for each in decided],
            },
        )
        inserted = run(
            connection,
            "insert_inflight",
            {
                "ids": run_ids,
                "job_ids": [each.due.job_id for each in made],
                "account_ids": [each.due.account_id for each in made],
                "versions": [each.due.version for each in made],
                "dues": [each.fire_at for each in made],
                "missed": [each.missed for each in made],
                "finals": [each.final for each in made],
                "patience": PATIENCE,
            },
        )
    new = {row[0] for row in inserted.fetchall()}
    _tell_missed(connection, [each for each in decided if each.missed], new_id)
    return [
        Claimed(
            run_id=run_id,
            token=FIRST_TOKEN,
            account_id=each.due.account_id,
            ahead=((each.fire_at or each.due.due_at) - each.due.now).total_seconds(),
        )
        for run_id, each in zip(run_ids, made, strict=True)
        if run_id in new
    ]


def _schedules(connection: psycopg.Connection, ids: list[UUID]) -> Mapping[UUID, _Schedule]:
    if not ids:
        return {}
    rows = run(connection, "triggers", {"ids": ids}).fetchall()
    return {row[0]: row[1:] for row in rows}


def _decide(
    due: _Due,
    schedules: Mapping[UUID, _Schedule],
    unreadable: Callable[[UUID, Exception], None],
) -> _Decided:
    """Where the trigger cannot be evaluated the job is not over, but has no next firing."""
    if not due.recurring:
        return _Decided(due, due.due_at, None, final=True)
    try:
        document, policy, window = schedules[due.job_id]
        misfire = of_columns(policy, window)
        each = rearm(from_document(document), due_at=due.due_at, now=due.now, misfire=misfire)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(due.job_id, error)
        return _Decided(due, due.due_at, None, final=False)
    final = each.next_at is None
    return _Decided(due, each.fire_at, each.next_at, final, each.missed, each.left_out)


def _tell_missed(
    connection: psycopg.Connection, missed: Sequence[_Decided], new_id: Callable[[], UUID]
) -> None:
    """Count what was missed; what no run stands for enters history by itself."""
    if not missed:
        return
    alone = [each for each in missed if each.fire_at is None]
    if alone:
        found = [
            LeftOut(new_id(), *each.due[:3], each.due.due_at, each.left_out, each.final)
            for each in alone
        ]
        leave_out(connection, found)
    left_out = sum(each.left_out for each in missed)
    joined = sum(each.missed for each in missed) - left_out
    amounts = {
        (tally.MISSED, tally.JOINED): joined,
        (tally.MISSED, tally.LEFT_OUT): left_out,
        (tally.RUN, str(RunState.CANCELLED)): len(alone),
    }
    beats.add(connection, {name: amount for name, amount in amounts.items() if amount})
