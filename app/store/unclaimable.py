"""Unclaimable rows: a due row that cannot be claimed is set aside, and the others are claimed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from app.store.halving import by_halves, unless_refused
from app.store.queries import run

_Claims = TypeVar("_Claims")


def claim_by_halves(
    connection: psycopg.Connection,
    params: Mapping[str, Any],
    claim_named: Callable[[Sequence[UUID]], _Claims],
    unclaimable: Callable[[UUID, Exception], None],
) -> list[_Claims]:
    """Claim the rows that a claim with these parameters reads, but those that cannot be claimed.

    These wait in `held_at` until maintenance tries them again; `unclaimable` is called with the job
    of each. Returns the claims that succeeded. Raises the error where all fail (halving.py).
    """
    with connection.transaction():
        ids = [job_id for (job_id,) in run(connection, "find_due", params)]
    found = by_halves(ids, claim_named)
    for job_id, error in found.refused:
        unclaimable(job_id, error)
        row = {"job_id": job_id, "ahead": params["ahead"]}
        # A row that is left where it is is found again by the next claim.
        unless_refused(partial(run, connection, "hold_unclaimable", row))
    return found.done
