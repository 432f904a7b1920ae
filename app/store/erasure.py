"""Erasure: deletes all data of an account, in transactions too small to block others for long.

Each step queries what is left, so that an interrupted erasure can be started again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

from app.store.queries import run

AT_ONCE: Final = 500
_WINDOW: Final = 20_000
_FIRST: Final = UUID(int=0)

_BEGIN: Final = """
UPDATE account SET suspended_at = coalesce(suspended_at, clock_timestamp()),
                   deleting_at = coalesce(deleting_at, clock_timestamp())
WHERE id = %(id)s
"""

_REVOKE: Final = """
UPDATE api_key SET revoked_at = clock_timestamp() WHERE account_id = %(id)s AND revoked_at IS NULL
"""

_JOBS: Final = "SELECT id FROM job WHERE account_id = %(id)s ORDER BY id LIMIT %(limit)s"

_DELETE_FOLLOWS: Final = "DELETE FROM follow WHERE job_id = ANY (%(ids)s)"

# `inflight` has no index on the account, because every firing would have to maintain it. So events,
# and runs of deleted jobs, are found by a scan of all runs, one window at a time.
_WINDOW_OF_RUNS: Final = """
SELECT id, job_id, account_id = %(id)s FROM inflight
WHERE id > %(after)s ORDER BY id LIMIT %(window)s
"""
# Each of these two queries has its own partial index.
_SETTLED: Final = (
    """
    SELECT id, due_at, job_id FROM run
    WHERE account_id = %(id)s AND state = 'succeeded' LIMIT %(limit)s
    """,
    """
    SELECT id, due_at, job_id FROM run
    WHERE account_id = %(id)s AND state <> 'succeeded' LIMIT %(limit)s
    """,
)
_DELETE_ATTEMPTS: Final = """
DELETE FROM attempt a USING unnest(%(ids)s::uuid[], %(dues)s::timestamptz[]) AS v (id, due_at)
WHERE a.run_id = v.id AND a.due_at = v.due_at
"""
_DELETE_SETTLED: Final = """
DELETE FROM run r USING unnest(%(ids)s::uuid[], %(dues)s::timestamptz[]) AS v (id, due_at)
WHERE r.id = v.id AND r.due_at = v.due_at
"""

_OWNED: Final = (
    "follow",
    "kept_answer",
    "accuracy",
    "firing_pace",
    "runs_under_way",
    "history_usage",
    "endpoint",
    "inbox",
    "signing_secret",
    "api_key",
    "audit",
    "superseded",
    "membership",
    "invitation",
)
"""Tables whose rows belong to one account, besides those that count what it stores."""

_DELETE_OWNED: Final = {
    table: f"DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} "  # noqa: S608 - one of these names
    "WHERE account_id = %(id)s LIMIT %(limit)s))"
    for table in _OWNED
}
# The order in which others lock them. What locks the account's row against its like (a save of a
# Fusion schedule) does so first, and a booking needs that row, by a foreign key, after the others:
# it gets it beside this first lock. To delete the row at once, and these by their foreign keys,
# would be to wait in a circle for either.
_LOCK_ACCOUNT: Final = "SELECT FROM account WHERE id = %(id)s FOR NO KEY UPDATE"
_LOCK_USAGE: Final = "SELECT FROM usage WHERE account_id = %(id)s FOR UPDATE"
_LOCK_SLOTS: Final = "SELECT FROM usage_slot WHERE account_id = %(id)s ORDER BY slot FOR UPDATE"
# What was released is subtracted from the slots: it is deleted with them, and not before, so that
# the account's usage is right as long as the account is there.
_DELETE_RELEASED: Final = "DELETE FROM usage_release WHERE account_id = %(id)s"
_DELETE_ACCOUNT: Final = "DELETE FROM account WHERE id = %(id)s AND deleting_at IS NOT NULL"
_END: Final = (_LOCK_ACCOUNT, _LOCK_USAGE, _LOCK_SLOTS, _DELETE_RELEASED, _DELETE_ACCOUNT)

_BEGUN: Final = "SELECT id FROM account WHERE deleting_at IS NOT NULL ORDER BY id"


class Erased(NamedTuple):
    """What one step deleted."""

    what: str
    """The table."""
    number: int
    """How many jobs, runs or rows."""
    held: bool = False
    """Whether a worker may still lease a deleted run."""


def begin(connection: psycopg.Connection, account_id: int) -> None:
    """Suspend the account permanently and revoke its keys, so that no job is booked or called."""
    with connection.transaction():
        connection.execute(_BEGIN, {"id": account_id})
        connection.execute(_REVOKE, {"id": account_id})


def begun(connection: psycopg.Connection) -> list[int]:
    """Return the accounts whose deletion has begun."""
    return [row[0] for row in connection.execute(_BEGUN)]


def erase(connection: psycopg.Connection, account_id: int) -> Iterator[Erased]:
    """Delete all data of the account except its own row; yield what each step deleted."""
    yield from _jobs(connection, account_id)
    # A redelivery that began earlier moves a run from history into flight: it is waited for, or
    # finds nothing. A settlement moves one the other way, so history is erased again.
    yield from _history(connection, account_id)
    yield from _runs(connection, account_id)
    yield from _history(connection, account_id)
    for table, statement in _DELETE_OWNED.items():
        while True:
            gone = connection.execute(statement, {"id": account_id, "limit": AT_ONCE}).rowcount
            yield Erased(table, gone)
            if gone < AT_ONCE:
                break


def end(connection: psycopg.Connection, account_id: int) -> bool:
    """Delete the account's row; False if rows were added that must be erased first."""
    try:
        with connection.transaction():
            for statement in _END:
                connection.execute(statement, {"id": account_id})
    except psycopg.errors.ForeignKeyViolation:
        return False
    return True


def _jobs(connection: psycopg.Connection, account_id: int) -> Iterator[Erased]:
    while True:
        found = connection.execute(_JOBS, {"id": account_id, "limit": AT_ONCE})
        ids = [row[0] for row in found]
        if not ids:
            return
        with connection.transaction():
            run(connection, "lock_jobs", {"job_ids": ids})
            runs = run(connection, "erase_runs_of_jobs", {"job_ids": ids}).fetchall()
            _drop_attempts(connection, runs)
            _drop_content(connection, ids)
            connection.execute(_DELETE_FOLLOWS, {"ids": ids})
            run(connection, "erase_jobs", {"job_ids": ids, "account_id": account_id})
        yield Erased("job", len(ids), held=bool(runs))


def _runs(connection: psycopg.Connection, account_id: int) -> Iterator[Erased]:
    after = _FIRST
    while True:
        params = {"id": account_id, "after": after, "window": _WINDOW}
        window = connection.execute(_WINDOW_OF_RUNS, params).fetchall()
        own = [(run_id, job_id) for run_id, job_id, is_own in window if is_own]
        for start in range(0, len(own), AT_ONCE):
            batch = own[start : start + AT_ONCE]
            with connection.transaction():
                ids = [run_id for run_id, _ in batch]
                runs = run(connection, "erase_runs", {"ids": ids}).fetchall()
                _drop_attempts(connection, runs)
                _drop_content(connection, [job_id for _, job_id in batch])
            yield Erased("inflight", len(batch), held=True)
        if len(window) < _WINDOW:
            return
        after = window[-1][0]


def _history(connection: psycopg.Connection, account_id: int) -> Iterator[Erased]:
    for statement in _SETTLED:
        while True:
            found = connection.execute(statement, {"id": account_id, "limit": AT_ONCE}).fetchall()
            if not found:
                break
            places = _places(found)
            with connection.transaction():
                connection.execute(_DELETE_ATTEMPTS, places)
                connection.execute(_DELETE_SETTLED, places)
                _drop_content(connection, [row[2] for row in found])
            yield Erased("run", len(found))


def _places(runs: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    """Return the ids and due times of runs: the first two columns of these rows."""
    return {"ids": [row[0] for row in runs], "dues": [row[1] for row in runs]}


def _drop_attempts(connection: psycopg.Connection, runs: Sequence[tuple[Any, ...]]) -> None:
    """Delete the attempts of runs that were in flight."""
    connection.execute(_DELETE_ATTEMPTS, _places(runs))


def _drop_content(connection: psycopg.Connection, job_ids: Sequence[UUID]) -> None:
    """Delete the superseded content of these jobs; an event's is stored under the reported run."""
    run(connection, "drop_contents", {"job_ids": list(job_ids)})
