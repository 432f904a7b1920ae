"""Misfires: the stored misfire policies of jobs, and firings that are left out as too late."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import psycopg

from app.domain.misfire import DEFAULT, Misfire, MisfirePolicy
from app.store.job_ends import purge
from app.store.queries import run

TOO_LATE: Final = "not made: it was later than the misfireWindow of its job allows"
"""The reason of a firing that is left out."""


class LeftOut(NamedTuple):
    """Consecutive firings of a job that are not made."""

    job_id: UUID
    account_id: int
    version: int
    due_at: datetime
    """The due time of the first one."""
    firings: int
    """How many there are."""
    over: bool
    """Whether the job has no further firing."""


def of_columns(policy: str | None, window: float | None) -> Misfire:
    """Return the policy in the columns `misfire` and `misfire_window` of a job."""
    if policy is None and window is None:
        return DEFAULT
    return Misfire(policy=None if policy is None else MisfirePolicy(policy), window=window)


def leave_out(connection: psycopg.Connection, found: Sequence[LeftOut]) -> None:
    """Record the firings in history, and end jobs without further firings, in the claim."""
    run(
        connection,
        "leave_out",
        {
            "job_ids": [each.job_id for each in found],
            "account_ids": [each.account_id for each in found],
            "versions": [each.version for each in found],
            "dues": [each.due_at for each in found],
            "missed": [each.firings - 1 for each in found],
            "reasons": [TOO_LATE] * len(found),
        },
    )
    purge(connection, [(each.job_id, each.version, True) for each in found if each.over])
