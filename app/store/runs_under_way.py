"""Runs under way by account: counted periodically, and exactly for accounts near a limit.

Runs that an account begins after a count are added to `firing_pace.begun`, in the transaction that
makes the runs. Each count stores the value that `begun` has in its own snapshot. So the sum of the
count and the runs added since is never too low. It includes runs that have ended since the count,
until the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import psycopg

from app.store.locks import Lock
from app.store.postponing import lock_paces
from app.store.queries import value

# One scheduler counts at a time; the others read. Each count updates only the rows that changed.
# The commit does not wait for the disk: a count that a crash loses is made again.
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
    """Count the runs of every account; False if another process is counting them now."""
    with connection.transaction():
        connection.execute("SET LOCAL synchronous_commit TO off")
        (free,) = connection.execute(_LOCK).fetchone() or (False,)
        if free:
            connection.execute(_COUNT)
    return bool(free)


def at_least(connection: psycopg.Connection, least: int) -> dict[int, int]:
    """Return the accounts with at least `least` runs under way, and their numbers of runs.

    The numbers may be too high, but never too low.
    """
    return dict(connection.execute(_FROM, {"least": least}).fetchall())


def near_limit(
    connection: psycopg.Connection,
    default: int | None,
    own: Mapping[int, int | None],
    enough: Callable[[int], float],
) -> frozenset[int]:
    """Return the accounts with at least `enough(limit)` runs under way.

    `own` has the limits of accounts with their own limit, and `default` is the limit of all others;
    None means unlimited.
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
    """Return how many runs an account has under way; the number is never too low."""
    found: int = value(connection.execute(_OF, {"account_id": account_id}))
    return found


def lock(connection: psycopg.Connection, account_id: int) -> int:
    """Like `of_account`, under a lock: no other transaction begins counted runs until the commit.

    Lock the due rows of jobs first.
    """
    lock_paces(connection, [account_id])
    # A statement after the lock sees what the previous holder committed.
    return of_account(connection, account_id)


def begin(connection: psycopg.Connection, account_id: int, number: int) -> None:
    """Add `number` runs made in this transaction to the count, under `lock`."""
    connection.execute(_BEGIN, {"account_id": account_id, "number": number})
