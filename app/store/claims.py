"""Claiming: due rows become runs in flight, and their jobs are re-armed, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.pace import PATIENCE
from app.domain.rearm import Rearmed, rearm
from app.domain.trigger import from_document
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
    documents: dict[UUID, dict[str, str]] = dict(
        run(connection, "triggers", {"ids": ids}).fetchall()
    )
    rearmed = [_rearm(due, documents, unreadable) for due in found]
    nexts = [None if each is None else each.next_at for each in rearmed]
    run(connection, "rearm", {"ids": ids, "nexts": nexts})
    return run(
        connection,
        "insert_inflight",
        {
            "job_ids": ids,
            "account_ids": [due.account_id for due in found],
            "versions": [due.version for due in found],
            "dues": [due.due_at for due in found],
            "missed": [0 if each is None else each.missed for each in rearmed],
            "finals": [each is not None and each.next_at is None for each in rearmed],
            "patience": PATIENCE,
        },
    )


def _rearm(
    due: _Due,
    documents: Mapping[UUID, dict[str, str]],
    unreadable: Callable[[UUID, Exception], None],
) -> Rearmed | None:
    """None where the trigger cannot be evaluated: the job is not over, but has no next firing."""
    try:
        return rearm(from_document(documents[due.job_id]), due_at=due.due_at, now=due.now)
    except Exception as error:  # noqa: BLE001 - one bad row never stops the loop
        unreadable(due.job_id, error)
        return None
