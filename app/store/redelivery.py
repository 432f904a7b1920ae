"""Redelivery: move runs from history back into flight, each completely and only once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from sqlalchemy import Connection, text

from app.domain.run import Position
from app.domain.run_filter import RunFilter
from app.domain.timings.claiming import LOOK_AHEAD, MANUAL_DELAY
from app.store.depth import current_depth
from app.store.queries import FRAGMENTS, run, value
from app.store.run_filter import restrict, restrict_further

MAX_ATTEMPTS: Final = 1000
"""A run that was attempted this often is not sent again."""

_SPREAD: Final = timedelta(milliseconds=1)
"""The time between two runs that are sent again together: runs of other accounts fit in between."""

_EARLIER_TOKENS: Final = 1000
"""The token of runs that were settled by releases which did not store it: higher than any of them
can have been."""

_CONTENT: Final = FRAGMENTS["has_content"]


class Candidate(NamedTuple):
    """A settled run that may be sent again.

    It is `sendable` if its content is still stored and it was attempted fewer than MAX_ATTEMPTS
    times.
    """

    position: Position
    job_id: UUID
    sendable: bool


class Counted(NamedTuple):
    """How many runs were read in order; of those that the filter selects, how many are sendable."""

    read: int
    sendable: int
    others: int
    """How many of those that it selects are not sendable."""
    last: Position | None
    """The position of the last run that was read; None if there was none."""


class Examined(NamedTuple):
    """Runs that were read in order, and those among them that the filter selects."""

    candidates: Sequence[Candidate]
    read: int
    last: Position | None
    """The position of the last run that was read; None if there was none."""


def lock_jobs(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> None:
    """Lock the rows of those of these jobs that still exist, in the order of their ids."""
    run(connection, "lock_jobs", {"job_ids": list(job_ids)})


def sendable(connection: psycopg.Connection, position: Position, job_id: UUID) -> bool | None:
    """Return whether the content of a settled run is stored; None if there is no such run."""
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
    """Send these settled runs again; return how many were.

    Skipped are runs whose state is not in `states` (it may have changed), whose content is no
    longer stored, or which were attempted MAX_ATTEMPTS times; and runs of a serial job while
    another run of that job is under way. The jobs must be locked. `behind` is the number of runs
    that the same request has requeued before.
    """
    requeued = run(
        connection,
        "requeue",
        {
            **_settled(account_id, runs, states),
            "offsets": [_SPREAD * (behind + n) for n in range(len(runs))],
            "earlier_tokens": _EARLIER_TOKENS,
            "ahead": MANUAL_DELAY,
            "look_ahead": LOOK_AHEAD,
            "depth": current_depth(),
        },
    )
    return requeued.rowcount


def count_unsendable(
    connection: psycopg.Connection,
    account_id: int,
    runs: Sequence[Candidate],
    *,
    states: frozenset[str],
) -> int:
    """Return how many of these runs are settled in one of `states` and can never be sent again.

    The jobs must be locked. A run that was sendable when it was read is not any more where its job
    was deleted before the lock.
    """
    found: int = value(run(connection, "count_unsendable", _settled(account_id, runs, states)))
    return found


def _settled(
    account_id: int, runs: Sequence[Candidate], states: frozenset[str]
) -> dict[str, object]:
    """The parameters that name these runs of history, and what they may be like."""
    return {
        "account_id": account_id,
        "ids": [each.position.id for each in runs],
        "job_ids": [each.job_id for each in runs],
        "dues": [each.position.due_at for each in runs],
        "states": sorted(states),
        "max_attempts": MAX_ATTEMPTS,
    }


def candidates(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
) -> Examined:
    """Examine up to `limit` runs, oldest first, after `after`: those that the filter selects.

    Conditions of the filter that no index serves are judged for each run that is examined.
    """
    examined, params = _examined(account_id, wanted, after, limit)
    rows = connection.execute(text(f"{examined} ORDER BY due_at, id"), params).all()
    found = tuple(
        Candidate(Position(row.due_at, row.id), row.job_id, row.sendable)
        for row in rows
        if row.selected
    )
    last = Position(rows[-1].due_at, rows[-1].id) if rows else None
    return Examined(candidates=found, read=len(rows), last=last)


def count(
    connection: Connection,
    account_id: int,
    wanted: RunFilter,
    *,
    after: Position | None,
    limit: int,
) -> Counted:
    """Count the candidates among as many runs as `candidates` examines, without reading them."""
    examined, params = _examined(account_id, wanted, after, limit)
    query = f"""
    WITH examined AS MATERIALIZED ({examined}),
    last AS (SELECT due_at, id FROM examined ORDER BY due_at DESC, id DESC LIMIT 1)
    SELECT count(*) AS read, count(*) FILTER (WHERE sendable) AS sendable,
           count(*) FILTER (WHERE selected AND NOT sendable) AS others,
           (SELECT due_at FROM last) AS due_at, (SELECT id FROM last) AS id
    FROM examined
    """  # noqa: S608 - joined from constants
    row = connection.execute(text(query), params).one()
    last = Position(row.due_at, row.id) if row.read else None
    return Counted(read=row.read, sendable=row.sendable, others=row.others, last=last)


def _examined(
    account_id: int, wanted: RunFilter, after: Position | None, limit: int
) -> tuple[str, dict[str, Any]]:
    """The query for the runs that are examined, in no order, and its parameters."""
    conditions, params = restrict(account_id, wanted)
    further, more_params = restrict_further(wanted)
    params |= {"limit": limit, **more_params}
    if after is not None:
        # The second condition implies the first, which restricts the query to fewer partitions.
        conditions.append("due_at >= :place_due AND (due_at, id) > (:place_due, :place_id)")
        params |= {"place_due": after.due_at, "place_id": after.id}
    # One query for each state, as the index is ordered: a rare state is found by itself.
    parts = [
        f"(SELECT * FROM run r WHERE r.state = '{state}' AND {' AND '.join(conditions)}"  # noqa: S608 - joined from constants
        " ORDER BY r.due_at, r.id LIMIT :limit)"
        for state in sorted(wanted.states)
    ]
    selected = " AND ".join(further) or "true"
    query = f"""
    SELECT due_at, id, job_id, selected,
           selected AND r.attempts < {MAX_ATTEMPTS} AND {_CONTENT} AS sendable
    FROM (
      SELECT r.*, {selected} AS selected
      FROM (SELECT * FROM ({" UNION ALL ".join(parts)}) AS a ORDER BY due_at, id LIMIT :limit) AS r
      OFFSET 0) AS r
    """  # noqa: S608 - joined from constants
    return query, params
