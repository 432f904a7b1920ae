"""Redelivery: runs go back from history into flight, each whole and only once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from app.domain.run import Position, RunFilter
from app.domain.timings.claiming import LOOK_AHEAD, MANUAL_DELAY
from app.store.depth import current_depth
from app.store.run_filter import restrict

MAX_ATTEMPTS: Final = 1000
"""A run that was attempted this often is not sent again."""

_SPREAD: Final = timedelta(milliseconds=1)
"""Between two runs that are sent again together: other accounts' runs find room between them."""

_EARLIER_TOKENS: Final = 1000
"""More than a run can have used up that was settled before its token was kept in history."""

# Not EXISTS, for which the planner may read all the jobs there are instead of the few asked about.
_CONTENT: Final = """coalesce(
    (SELECT true FROM job j WHERE j.id = r.job_id AND j.version = r.job_version),
    (SELECT true FROM superseded s WHERE s.job_id = r.job_id AND s.version = r.job_version),
    false)"""

_LOCK: Final = text("""
SELECT job_id FROM due WHERE job_id = ANY (CAST(:job_ids AS uuid[])) ORDER BY job_id FOR UPDATE
""")

_SENDABLE: Final = text(f"""
SELECT {_CONTENT} FROM run r WHERE r.id = :id AND r.due_at = :due_at
""")  # noqa: S608 - joined from constants of this module

# A run leaves history and enters flight in one statement, and is gone for whoever comes second.
# Its token goes on above the last one it had: who held it in an earlier life settles nothing.
# Once at work, it is sent by the rules of every other run: where calls must not overlap, one run of
# the job at a time, and what is to come of it waits.
_TAKE_UP: Final = text(f"""
WITH v AS MATERIALIZED (
  SELECT v.id, v.due_at, v.later, coalesce(d.serial, false) AS serial,
         row_number() OVER (PARTITION BY r.job_id ORDER BY v.due_at, v.id) AS place
  FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[]), CAST(:offsets AS interval[]))
         AS v (id, due_at, later)
  JOIN run r ON r.id = v.id AND r.due_at = v.due_at
  LEFT JOIN due d ON d.job_id = r.job_id
), again AS (
  DELETE FROM run r
  USING v
  WHERE r.id = v.id AND r.due_at = v.due_at AND r.account_id = :account_id
    AND r.state = ANY (CAST(:states AS text[])) AND r.attempts < :most_attempts
    AND {_CONTENT}
    AND (NOT v.serial
         OR v.place = 1 AND NOT EXISTS (SELECT FROM inflight i
                                        WHERE i.job_id = r.job_id AND i.serial
                                          AND i.cancelled_at IS NULL))
    AND NOT EXISTS (SELECT FROM inflight i
                    WHERE i.job_id = r.job_id AND i.job_version = r.job_version
                      AND i.kind = r.kind AND i.due_at = r.due_at)
  RETURNING r.*, v.serial,
            greatest(r.due_at, clock_timestamp() + CAST(:ahead AS interval) + v.later) AS send_at
), held AS (
  UPDATE due SET held_at = next_at, next_at = NULL
  FROM again WHERE due.job_id = again.job_id AND due.serial AND due.next_at IS NOT NULL
)
INSERT INTO inflight (id, job_id, account_id, job_version, kind, due_at, missed, final, serial,
                      started_by, state, send_at, attempts, tried, token, look_at,
                      depth)
SELECT id, job_id, account_id, job_version, kind, due_at, missed,
       coalesce((SELECT NOT d.recurring FROM due d WHERE d.job_id = again.job_id), false), serial,
       started_by, 'claimed', send_at, attempts, attempts, coalesce(token, :earlier_tokens) + 1,
       send_at - CAST(:look_ahead AS interval), greatest(depth, CAST(:depth AS smallint))
FROM again
RETURNING id
""")  # noqa: S608 - joined from constants of this module


class Candidate(NamedTuple):
    """A settled run that may be sent again, if what it sends is still there."""

    position: Position
    job_id: UUID
    sendable: bool


def lock_jobs(connection: Connection, job_ids: Sequence[UUID]) -> None:
    """Take the row locks of these jobs, as many as there still are, in the order of their ids."""
    connection.execute(_LOCK, {"job_ids": list(job_ids)})


def sendable(connection: Connection, position: Position) -> bool | None:
    """Whether the content of a settled run is there; None where no such run is settled."""
    return connection.execute(_SENDABLE, position._asdict()).scalar_one_or_none()


def take_up(
    connection: Connection,
    account_id: int,
    positions: Sequence[Position],
    *,
    states: frozenset[str],
    behind: int = 0,
) -> int:
    """Send these settled runs again; how many of them could be.

    Those are left that are not in one of the `states` any more, have lost their content or were
    attempted MAX_ATTEMPTS times; and those of a job whose calls must not overlap, while another
    run of it is under way. Their jobs must be locked. `behind` were taken up before.
    """
    taken = connection.execute(
        _TAKE_UP,
        {
            "account_id": account_id,
            "ids": [position.id for position in positions],
            "dues": [position.due_at for position in positions],
            "offsets": [_SPREAD * (behind + n) for n in range(len(positions))],
            "states": sorted(states),
            "most_attempts": MAX_ATTEMPTS,
            "earlier_tokens": _EARLIER_TOKENS,
            "ahead": MANUAL_DELAY,
            "look_ahead": LOOK_AHEAD,
            "depth": current_depth(),
        },
    )
    return len(taken.all())


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
