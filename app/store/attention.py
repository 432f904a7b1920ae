"""Attention: failing jobs of an account, and the destinations for which its calls wait."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from app.domain.attention import Failing, Failures, WaitingDestination, WaitingDestinations
from app.domain.run import RunState
from app.store.history import SETTLED_ROWS
from app.store.run_summaries import summaries_of

MAX_EXAMINED: Final = 2_000
"""The most runs that are grouped. They take some 20 ms, however many runs the account has."""

_UNSUCCESSFUL: Final = (RunState.DEAD, RunState.FAILED)

# One query for each state, whose index is in this order. The events of an account are one group:
# each is about another run, so that a receiver of events that is down would fill the list.
_NEWEST: Final = """
(SELECT id, due_at, CASE WHEN kind <> 'event' THEN job_id END AS job_id FROM run
 WHERE account_id = :account_id AND state = '{state}' AND due_at >= :since
 ORDER BY due_at DESC, id DESC LIMIT :examined)
"""
_GROUPED: Final = text(f"""
SELECT job_id, count(*) AS failures, max(due_at) AS due_at,
       (array_agg(id ORDER BY due_at DESC, id DESC))[1] AS id, sum(count(*)) OVER () AS examined
FROM (SELECT * FROM ({" UNION ALL ".join(_NEWEST.format(state=each) for each in _UNSUCCESSFUL)}) u
      ORDER BY due_at DESC, id DESC LIMIT :examined) AS newest
GROUP BY job_id ORDER BY max(due_at) DESC, job_id LIMIT :limit
""")  # noqa: S608 - joined from constants of this module

_RUNS: Final = text(f"""
SELECT r.* FROM unnest(CAST(:ids AS uuid[]), CAST(:dues AS timestamptz[])) AS v (id, due_at)
CROSS JOIN LATERAL (
  {SETTLED_ROWS}
  WHERE run.id = v.id AND run.due_at = v.due_at AND run.due_at BETWEEN :first AND :last
    AND account_id = :account_id LIMIT 1) r
ORDER BY r.due_at DESC, r.id DESC
""")  # noqa: S608 - joined from constants

_HELD: Final = text("""
SELECT destination, count(*) AS waiting, min(due_at) AS oldest,
       (array_agg(reason ORDER BY due_at DESC))[1] AS reason, sum(count(*)) OVER () AS examined
FROM (SELECT destination, due_at, reason FROM inflight
      WHERE account_id = :account_id AND destination IS NOT NULL AND destination <> ''
        AND state = 'waiting' AND cancelled_at IS NULL
      ORDER BY destination, due_at LIMIT :examined) AS held
GROUP BY destination ORDER BY waiting DESC, destination LIMIT :limit
""")


def failures(connection: Connection, account_id: int, since: datetime, *, limit: int) -> Failures:
    """Return up to `limit` jobs with failed or dead runs that were due at `since` or later.

    At most MAX_EXAMINED runs are examined, the newest.
    """
    params: dict[str, Any] = {
        "account_id": account_id,
        "since": since,
        "examined": MAX_EXAMINED,
        "limit": limit + 1,
    }
    groups = connection.execute(_GROUPED, params).all()
    shown = groups[:limit]
    if not shown:
        return Failures(jobs=(), is_complete=True)
    dues = [group.due_at for group in shown]
    params |= {"ids": [group.id for group in shown], "dues": dues}
    params |= {"first": min(dues), "last": max(dues)}
    rows = connection.execute(_RUNS, params).all()
    counts = {group.id: group.failures for group in shown}
    return Failures(
        jobs=tuple(
            Failing(count=counts[each.id], newest=each)
            for each in summaries_of(connection, account_id, rows)
        ),
        is_complete=len(groups) <= limit and groups[0].examined < MAX_EXAMINED,
    )


def held_destinations(
    connection: Connection, account_id: int, *, limit: int
) -> WaitingDestinations:
    """Return up to `limit` destinations for which calls wait; examines MAX_EXAMINED calls."""
    params = {"account_id": account_id, "examined": MAX_EXAMINED, "limit": limit + 1}
    rows = connection.execute(_HELD, params).all()
    return WaitingDestinations(
        destinations=tuple(
            WaitingDestination(
                destination=row.destination,
                waiting=row.waiting,
                oldest_due_at=row.oldest,
                reason=row.reason,
            )
            for row in rows[:limit]
        ),
        is_complete=len(rows) <= limit and (not rows or rows[0].examined < MAX_EXAMINED),
    )
