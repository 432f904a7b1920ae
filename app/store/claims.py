"""Claiming: due rows become runs in flight, and their jobs are re-armed, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from app.store.queries import Answer, run


class Claimed(NamedTuple):
    """A run to ring for; `ahead` is in seconds until it may begin, negative if late."""

    run_id: UUID
    token: int
    account_id: int
    ahead: float
    reclaims: int = 0


class _Due(NamedTuple):
    """A recurring job that is due, under its row lock."""

    account_id: int
    job_id: UUID
    version: int
    due_at: datetime
    now: datetime
    serial: bool
    standing: bool
    remaining: int | None


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
_NOBODY: Final[list[int]] = []


def claim(
    connection: psycopg.Connection,
    *,
    budget: int,
    ahead: float,
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    """Claim up to `budget` jobs due within `ahead` seconds, the earliest first.

    A job whose trigger cannot be evaluated fires all the same; `unreadable` is told of it, and
    maintenance tries to re-arm it.
    """
    choice = {"budget": budget, "share": 0, "reach": 0.0, "skip": _NOBODY}
    return _claim(connection, choice, ahead, unreadable)


def claim_fairly(
    connection: psycopg.Connection,
    *,
    share: int,
    ahead: float,
    reach: float,
    skip: Sequence[int],
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    """Claim at most `share` jobs of each tenth of a second and account, `reach` seconds back.

    Accounts in `skip` have enough under way already.
    """
    choice = {"budget": 0, "share": share, "reach": reach, "skip": list(skip)}
    return _claim(connection, choice, ahead, unreadable)


def still_claimed(connection: psycopg.Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the runs that nobody has taken yet."""
    return {row[0] for row in run(connection, "still_claimed", {"ids": list(ids)})}


def _claim(
    connection: psycopg.Connection,
    choice: Mapping[str, Any],
    ahead: float,
    unreadable: Callable[[UUID, Exception], None],
) -> list[Claimed]:
    with connection.pipeline(), connection.transaction():
        params = {**choice, "ahead": ahead, "patience": PATIENCE}
        rows = run(connection, "claim_due", params).fetchall()
        claimed = [Claimed(row[0], FIRST_TOKEN, row[1], row[2]) for row in rows if row[0]]
        recurring = [_Due(row[1], *row[3:]) for row in rows if not row[0]]
        begun = _claim_recurring(connection, recurring, unreadable) if recurring else None
    if begun is not None:
        claimed += [Claimed(run_id, FIRST_TOKEN, *row) for run_id, *row in begun.fetchall()]
    return claimed


def _claim_recurring(
    connection: psycopg.Connection,
    found: Sequence[_Due],
    unreadable: Callable[[UUID, Exception], None],
) -> Answer:
    ids = [due.job_id for due in found]
    schedules: dict[UUID, _Schedule] = {
        row[0]: row[1:] for row in run(connection, "triggers", {"ids": ids}).fetchall()
    }
    decided = [_decide(due, schedules, unreadable) for due in found]
    run(
        connection,
        "rearm",
        {
            "ids": ids,
            "nexts": [each.next_at for each in decided],
            "helds": [each.due.serial and each.fire_at is not None for each in decided],
        },
    )
    made = [each for each in decided if each.fire_at is not None]
    begun = run(
        connection,
        "insert_inflight",
        {
            "job_ids": [each.due.job_id for each in made],
            "account_ids": [each.due.account_id for each in made],
            "versions": [each.due.version for each in made],
            "dues": [each.fire_at for each in made],
            "missed": [each.missed for each in made],
            "finals": [each.final for each in made],
            "serials": [each.due.serial for each in made],
            "patience": PATIENCE,
        },
    )
    _tell_missed(connection, [each for each in decided if each.missed])
    return begun


def _decide(
    due: _Due,
    schedules: Mapping[UUID, _Schedule],
    unreadable: Callable[[UUID, Exception], None],
) -> _Decided:
    """Where the trigger cannot be evaluated the job is not over, but has no next firing."""
    try:
        document, policy, window = schedules[due.job_id]
        misfire = of_columns(policy, window)
        each = rearm(from_document(document), due_at=due.due_at, now=due.now, misfire=misfire)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(due.job_id, error)
        return _Decided(due, due.due_at, None, final=False)
    next_at = None if due.remaining == 1 else each.next_at
    final = next_at is None and not due.standing
    return _Decided(due, each.fire_at, next_at, final, each.missed, each.left_out)


def _tell_missed(connection: psycopg.Connection, missed: Sequence[_Decided]) -> None:
    """Count what was missed; what no run stands for enters history by itself."""
    if not missed:
        return
    alone = [each for each in missed if each.fire_at is None]
    if alone:
        leave_out(
            connection,
            [
                LeftOut(
                    each.due.job_id,
                    each.due.account_id,
                    each.due.version,
                    each.due.due_at,
                    each.left_out,
                    each.final,
                )
                for each in alone
            ],
        )
    left_out = sum(each.left_out for each in missed)
    joined = sum(each.missed for each in missed) - left_out
    amounts = {
        (tally.MISSED, tally.JOINED): joined,
        (tally.MISSED, tally.LEFT_OUT): left_out,
        (tally.RUN, str(RunState.CANCELLED)): len(alone),
    }
    beats.add(connection, {name: amount for name, amount in amounts.items() if amount})
