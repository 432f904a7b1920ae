"""Invariants: what must hold of the tables whenever no operation is under way."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import psycopg

from app.domain.run import PAUSED
from app.domain.usage import NOTHING
from app.store.usage import recount_one

_LIVE: Final = "SELECT FROM inflight i WHERE i.job_id = due.job_id AND i.cancelled_at IS NULL"
_BLOCKING: Final = (
    "SELECT FROM inflight i WHERE i.job_id = due.job_id AND i.serial"
    f" AND (i.cancelled_at IS NULL OR i.reason = '{PAUSED}')"
)
# A claim that began before the end of a suspension may set a firing aside after it: maintenance
# releases it.
_NOT_SUSPENDED: Final = (
    "due.account_id NOT IN (SELECT id FROM account"
    " WHERE suspended_at IS NOT NULL OR resumed_at IS NOT NULL)"
)

LOST: Final = "a job has nothing to come, and is not over"
INVARIANTS: Final = {
    LOST: f"""
        SELECT job.id FROM job JOIN due ON due.job_id = job.id
        WHERE enabled AND NOT standing AND next_at IS NULL AND held_at IS NULL
          AND NOT EXISTS ({_LIVE})""",
    "a job has no due row, or one of another version": """
        SELECT job.id FROM job FULL JOIN due ON due.job_id = job.id AND due.version = job.version
        WHERE job.id IS NULL OR due.job_id IS NULL""",
    "a paused job has a next firing": """
        SELECT job.id FROM job JOIN due ON due.job_id = job.id
        WHERE NOT enabled AND coalesce(next_at, held_at) IS NOT NULL""",
    "a firing waits for a run that is gone": f"""
        SELECT job_id FROM due
        WHERE held_at IS NOT NULL AND {_NOT_SUSPENDED}
          AND NOT EXISTS ({_BLOCKING})""",
    "a serial job's next firing does not wait for its run": f"""
        SELECT job_id FROM due
        WHERE serial AND next_at IS NOT NULL AND EXISTS ({_BLOCKING})""",
    "what a run sends is not kept": """
        SELECT i.id FROM inflight i
        WHERE i.cancelled_at IS NULL
          AND NOT EXISTS (SELECT FROM job j WHERE j.id = i.job_id AND j.version = i.job_version)
          AND NOT EXISTS (SELECT FROM superseded s
                          WHERE s.job_id = i.job_id AND s.version = i.job_version)""",
    "a run is both under way and over": "SELECT id FROM inflight JOIN run USING (id)",
    "a firing has two runs": """
        SELECT job_id FROM (
          SELECT job_id, due_at FROM inflight WHERE kind = 'scheduled' AND cancelled_at IS NULL
          UNION ALL
          SELECT job_id, due_at FROM run WHERE kind = 'scheduled' AND state <> 'cancelled') made
        GROUP BY job_id, due_at HAVING count(*) > 1""",
    "nobody checks a run that was cancelled": """
        SELECT id FROM inflight
        WHERE cancelled_at IS NOT NULL AND state <> 'taken' AND look_at > clock_timestamp()""",
    "a job that is gone follows others": """
        SELECT f.job_id FROM follow f WHERE f.job_id NOT IN (SELECT id FROM job)""",
    "an attempt has no run": """
        SELECT run_id FROM attempt
        WHERE run_id NOT IN (SELECT id FROM run UNION ALL SELECT id FROM inflight)""",
    "a run lacks attempts": """
        SELECT id FROM (SELECT id, attempts FROM run UNION ALL SELECT id, attempts FROM inflight) r
        WHERE attempts <> (SELECT count(*) FROM attempt a WHERE a.run_id = r.id)""",
}
"""Queries whose rows break the invariant that they are named after."""


def broken(connection: psycopg.Connection) -> Iterator[str]:
    """Yield the invariants that do not hold."""
    for name, query in INVARIANTS.items():
        found = connection.execute(query).fetchall()
        if found:
            yield f"{name}: {len(found)}"
    recounted = recount_one(connection, age=timedelta(0))
    if recounted is not None and recounted[1] != NOTHING:
        yield f"usage is counted wrongly by {recounted[1]}"
