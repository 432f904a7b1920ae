"""Runs under way by account: counted from time to time, and exactly where a limit is near.

What an account begins after its runs were counted is added to `firing_pace.begun`, in the
transaction that makes the runs. A count keeps what had been added by then, as the same snapshot
shows it. So the sum is never too low, whenever it is read; what has ended since the count is in it
until the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from app.store.locks import Lock
from app.store.postponing import lock_paces
from app.store.queries import value

# One scheduler counts; the others read. The table follows `inflight` at each count, row by row that
# has changed. Nobody waits for the disk: what a crash takes back is counted anew.
_LOCK: Final = f"SELECT pg_try_advisory_xact_lock({Lock.COUNT_OF_RUNS})"
_COUNT: Final = """
WITH counted AS MATERIALIZED (
  SELECT account_id, coalesce(runs, 0)::integer AS runs, coalesce(begun, 0) AS begun
  FROM (SELECT account_id, count(*) AS runs FROM inflight GROUP BY account_id) i
  FULL JOIN (SELECT account_id, begun FROM firing_pace WHERE begun > 0) p USING (account_id)
), gone AS (
  DELETE FROM runs_under_way r
  WHERE NOT EXISTS (SELECT FROM counted WHERE counted.account_id = r.account_id)
)
INSERT INTO runs_under_way AS r (account_id, runs, begun)
SELECT account_id, runs, begun FROM counted ORDER BY account_id
ON CONFLICT (account_id) DO UPDATE SET runs = excluded.runs, begun = excluded.begun
WHERE (r.runs, r.begun) <> (excluded.runs, excluded.begun)
"""
_FROM: Final = """
SELECT account_id, runs FROM (
  SELECT account_id, under_way(account_id) AS runs FROM (
    SELECT account_id FROM runs_under_way UNION SELECT account_id FROM firing_pace WHERE begun > 0
  ) known) found
WHERE runs >= %(least)s
"""
_OF: Final = "SELECT under_way(%(account_id)s)"
_BEGIN: Final = """
UPDATE firing_pace SET begun = begun + %(number)s WHERE account_id = %(account_id)s
"""


def count_all(connection: psycopg.Connection) -> bool:
    """Count the runs of every account; False where another process is counting them now."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit TO off")
        (free,) = connection.execute(_LOCK).fetchone() or (False,)
        if free:
            connection.execute(_COUNT)
    return bool(free)


def at_least(connection: psycopg.Connection, least: int) -> dict[int, int]:
    """The accounts with at least so many runs under way, as far as is known, and their numbers."""
    return dict(connection.execute(_FROM, {"least": least}).fetchall())


def near_limit(
    connection: psycopg.Connection,
    default: int | None,
    own: Mapping[int, int | None],
    enough: Callable[[int], float],
) -> frozenset[int]:
    """The accounts that have as many runs under way as is `enough` of what they may have.

    `default` is what accounts may have that have no limit of their own; None is no limit.
    """
    limits = [each for each in (default, *own.values()) if each is not None]
    if not limits:
        return frozenset()
    return frozenset(
        account_id
        for account_id, runs in at_least(connection, int(enough(min(limits)))).items()
        if (most := own.get(account_id, default)) is not None and runs >= enough(most)
    )


def of_account(connection: psycopg.Connection, account_id: int) -> int:
    """How many runs an account has under way, as far as is known."""
    found: int = value(connection.execute(_OF, {"account_id": account_id}))
    return found


def lock(connection: psycopg.Connection, account_id: int) -> int:
    """As `of_account`, under a lock: nobody else begins counted runs of it until the commit.

    Lock the rows of jobs before.
    """
    lock_paces(connection, [account_id])
    # A later statement than the lock: it sees what the last holder committed.
    return of_account(connection, account_id)


def begin(connection: psycopg.Connection, account_id: int, number: int) -> None:
    """Count runs that were made in this transaction, under `lock`."""
    connection.execute(_BEGIN, {"account_id": account_id, "number": number})
