"""Suspension: accounts of which nothing is called or changed, and what waits for its end.

`account.suspended_at` alone says that an account is suspended; the statements that book, claim,
take and ring ask for it. Nothing is moved when it is set: a due row is set aside when it comes due
(claim_due: its firing waits in `held_at`), a run when it would be rung for (notify_again: its
`look_at` is infinity). Each costs one statement its share once, and nothing afterwards.
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
    """Let an account go on; False where it is being deleted. `release` frees what waits."""
    connection.execute(_RESUME, {"id": account_id})
    return connection.execute(_IS_BEING_DELETED, {"id": account_id}).fetchone() is None


def recently_resumed(connection: psycopg.Connection) -> list[int]:
    """The accounts that were resumed within the last minutes."""
    return [row[0] for row in connection.execute(_RESUMED)]


def release(connection: psycopg.Connection, account_id: int) -> Iterator[int]:
    """Free all that waits for the account to be resumed; how much it was, after each batch.

    A firing is due again at its own time, which is past: the claim does with it what the job says
    about missed firings. A run goes on where it was. What a serial job holds back for a run under
    way waits on for that.
    """
    after = _FIRST
    while True:
        params = {"account_id": account_id, "after": after, "limit": AT_ONCE}
        job_ids = [row[0] for row in run(connection, "held_jobs", params)]
        if job_ids:
            with connection.transaction():
                run(connection, "lock_jobs", {"job_ids": job_ids})
                freed = run(connection, "let_go", {"job_ids": job_ids}).rowcount
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
