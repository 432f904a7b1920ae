"""Redelivery: runs go back from history into flight, each whole and only once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.run import Position, RunFilter
from app.domain.timings.claiming import LOOK_AHEAD, MANUAL_DELAY
from app.store.depth import current_depth
from app.store.queries import FRAGMENTS, run, value
from app.store.run_filter import restrict

MAX_ATTEMPTS: Final = 1000
"""A run that was attempted this often is not sent again."""

_SPREAD: Final = timedelta(milliseconds=1)
"""Between two runs that are sent again together: other accounts' runs find room between them."""

_EARLIER_TOKENS: Final = 1000
"""More than a run can have used up that was settled before its token was kept in history."""

_CONTENT: Final = FRAGMENTS["has_content"]


class Candidate(NamedTuple):
    """A settled run that may be sent again, if what it sends is still there."""

    position: Position
    job_id: UUID
    sendable: bool


def lock_jobs(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> None:
    """Take the row locks of these jobs, as many as there still are, in the order of their ids."""
    run(connection, "lock_jobs", {"job_ids": list(job_ids)})


def sendable(connection: psycopg.Connection, position: Position, job_id: UUID) -> bool | None:
    """Whether the content of a settled run is there; None where no such run is settled."""
    found: bool | None = value(
        run(connection, "is_sendable", {**position._asdict(), "job_id": job_id})
    )
    return found


def requeue(
    connection: psycopg.Connection,
    account_id: int,
    runs: Sequence[Candidate],
    *,
    states: frozenset[str],
    behind: int = 0,
) -> int:
    """Send these settled runs again; how many of them could be.

    Those are left that are not in one of the `states` any more, have lost their content or were
    attempted MAX_ATTEMPTS times; and those of a job whose calls must not overlap, while another
    run of it is under way. Their jobs must be locked. `behind` were requeued before.
    """
    requeued = run(
        connection,
        "requeue",
        {
            "account_id": account_id,
            "ids": [each.position.id for each in runs],
            "job_ids": [each.job_id for each in runs],
            "dues": [each.position.due_at for each in runs],
            "offsets": [_SPREAD * (behind + n) for n in range(len(runs))],
            "states": sorted(states),
            "max_attempts": MAX_ATTEMPTS,
            "earlier_tokens": _EARLIER_TOKENS,
            "ahead": MANUAL_DELAY,
            "look_ahead": LOOK_AHEAD,
            "depth": current_depth(),
        },
    )
    return requeued.rowcount


def candidates(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
) -> list[Candidate]:
    """Up to `limit` unsuccessful runs that the filter means, the oldest first, from `after` on."""
    conditions, params = restrict(account_id, wanted)
    params["limit"] = limit
    if after is not None:
        # The first condition is the second's: it alone names the partitions to look into.
        conditions.append("due_at >= :place_due AND (due_at, id) > (:place_due, :place_id)")
        params |= {"place_due": after.due_at, "place_id": after.id}
    # State by state, as the index has them: one that is rare is not looked for among the others.
    parts = [
        f"(SELECT * FROM run r WHERE r.state = '{state}' AND {' AND '.join(conditions)}"  # noqa: S608 - joined from constants of this module
        " ORDER BY r.due_at, r.id LIMIT :limit)"
        for state in sorted(wanted.states)
    ]
    query = f"""
    SELECT r.due_at, r.id, r.job_id, r.attempts < {MAX_ATTEMPTS} AND {_CONTENT} AS sendable
    FROM (SELECT * FROM ({" UNION ALL ".join(parts)}) AS a ORDER BY due_at, id LIMIT :limit) AS r
    ORDER BY r.due_at, r.id
    """  # noqa: S608 - joined from constants of this module
    return [
        Candidate(position=Position(due_at=due_at, id=run_id), job_id=job_id, sendable=there)
        for due_at, run_id, job_id, there in connection.execute(text(query), params)
    ]
