"""Suspension: nothing of a suspended account is called or changed until it is resumed.

`account.suspended_at` alone tells that an account is suspended; the statements that book, claim,
take and notify read it. No other row changes when it is set: a firing is blocked when it comes due
(claim_due: it waits in `held_at`), a run when workers would be notified of it (notify_again: its
`look_at` is infinity). Each row costs one statement its share once, and nothing afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from uuid import UUID

import psycopg

from app.store.queries import run

AT_ONCE: Final = 500

_SUSPEND: Final = """
UPDATE account SET suspended_at = coalesce(suspended_at, clock_timestamp()) WHERE id = %(id)s
"""

_RESUME: Final = """
UPDATE account SET suspended_at = NULL, resumed_at = clock_timestamp()
WHERE id = %(id)s AND suspended_at IS NOT NULL AND deleting_at IS NULL
"""

_IS_BEING_DELETED: Final = "SELECT FROM account WHERE id = %(id)s AND deleting_at IS NOT NULL"

# A scheduler that began its statement before the account was resumed may set aside something after
# it: for so long, maintenance looks again.
_RESUMED: Final = """
SELECT id FROM account
WHERE resumed_at > clock_timestamp() - interval '10 minutes' AND suspended_at IS NULL
"""

_FIRST: Final = UUID(int=0)


def suspend(connection: psycopg.Connection, account_id: int) -> None:
    """Suspend an account from now on; a second time changes nothing."""
    connection.execute(_SUSPEND, {"id": account_id})


def resume(connection: psycopg.Connection, account_id: int) -> bool:
    """End the suspension; False where the account is being deleted. `release` frees what waits."""
    connection.execute(_RESUME, {"id": account_id})
    return connection.execute(_IS_BEING_DELETED, {"id": account_id}).fetchone() is None


def recently_resumed(connection: psycopg.Connection) -> list[int]:
    """The accounts that were resumed within the last minutes."""
    return [row[0] for row in connection.execute(_RESUMED)]


def release(connection: psycopg.Connection, account_id: int) -> Iterator[int]:
    """Free all that waited for the account to be resumed; yields the number of rows of each batch.

    A firing is due again at its own time, which is past: the claim applies the misfire policy of
    its job. A run goes on where it was. A firing that a serial job's run blocks goes on waiting.
    """
    after = _FIRST
    while True:
        params = {"account_id": account_id, "after": after, "limit": AT_ONCE}
        job_ids = [row[0] for row in run(connection, "held_jobs", params)]
        if job_ids:
            with connection.transaction():
                run(connection, "lock_jobs", {"job_ids": job_ids})
                freed = run(connection, "unblock", {"job_ids": job_ids}).rowcount
            yield freed
            after = job_ids[-1]
        if len(job_ids) < AT_ONCE:
            break
    waiting = {"account_id": account_id, "limit": AT_ONCE}
    while True:
        woken = run(connection, "resume_runs", waiting).rowcount
        yield woken
        if woken < AT_ONCE:
            return
