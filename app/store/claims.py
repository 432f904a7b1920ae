"""Claiming: due rows become runs in flight, and their jobs are re-armed, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.pace import PATIENCE
from app.domain.rearm import Rearmed, rearm
from app.domain.trigger import from_document
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


FIRST_TOKEN: Final = 1
_ONCE: Final = Rearmed(next_at=None, missed=0)


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
    documents = _triggers(connection, [due.job_id for due in found if due.recurring])
    rearmed = [_rearm(due, documents, unreadable) for due in found]
    nexts = [None if each is None else each.next_at for each in rearmed]
    run_ids = [new_id() for _ in found]
    # Both statements travel together: one wait for the two.
    with connection.pipeline():
        run(
            connection,
            "rearm",
            {"ids": [due.job_id for due in found], "nexts": nexts},
        )
        inserted = run(
            connection,
            "insert_inflight",
            {
                "ids": run_ids,
                "job_ids": [due.job_id for due in found],
                "account_ids": [due.account_id for due in found],
                "versions": [due.version for due in found],
                "dues": [due.due_at for due in found],
                "missed": [0 if each is None else each.missed for each in rearmed],
                "finals": [each is not None and each.next_at is None for each in rearmed],
                "patience": PATIENCE,
            },
        )
    new = {row[0] for row in inserted.fetchall()}
    return [
        Claimed(
            run_id=run_id,
            token=FIRST_TOKEN,
            account_id=due.account_id,
            ahead=(due.due_at - due.now).total_seconds(),
        )
        for run_id, due in zip(run_ids, found, strict=True)
        if run_id in new
    ]


def _triggers(connection: psycopg.Connection, ids: list[UUID]) -> Mapping[UUID, dict[str, str]]:
    if not ids:
        return {}
    return dict(run(connection, "triggers", {"ids": ids}).fetchall())


def _rearm(
    due: _Due,
    documents: Mapping[UUID, dict[str, str]],
    unreadable: Callable[[UUID, Exception], None],
) -> Rearmed | None:
    """None where the trigger cannot be evaluated: the job is not over, but has no next firing."""
    if not due.recurring:
        return _ONCE
    try:
        return rearm(from_document(documents[due.job_id]), due_at=due.due_at, now=due.now)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(due.job_id, error)
        return None
