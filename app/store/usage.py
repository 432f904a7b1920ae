"""Usage: what accounts have of what is counted exactly; triggers count, this moves quota.

One order of locks: the row of `usage`, then released rows, then slots in their order. Whoever books
waits for its own slot at most, with no other one locked, and takes others only if they are free.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import psycopg

from app.domain.usage import NOTHING, Allowed, Share, Use, share_out
from app.store.queries import run

SLOTS: Final = 64

_FIRST_SLOT: Final = "(SELECT first_slot FROM usage WHERE account_id = %(account_id)s)"
_USED: Final = f"""
SELECT coalesce(sum(jobs), 0)::bigint AS jobs, coalesce(sum(bytes), 0)::bigint AS bytes,
       coalesce(sum(answers), 0)::bigint AS answers
FROM (SELECT jobs, bytes, answers FROM usage_slot
      WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
      UNION ALL
      SELECT -jobs, -bytes, -answers FROM usage_release WHERE account_id = %(account_id)s) AS found
"""  # noqa: S608 - joined from constants of this module
_ALLOWED: Final = """
SELECT jobs_limit, bytes_limit, answers_limit FROM usage u
WHERE account_id = %(account_id)s
  AND EXISTS (SELECT FROM usage_slot s
              WHERE s.account_id = u.account_id AND s.slot >= u.first_slot)
"""
_LOCK: Final = """
SELECT jobs_limit, bytes_limit, answers_limit FROM usage
WHERE account_id = %(account_id)s FOR NO KEY UPDATE
"""
_HAS_ROOM: Final = f"""
SELECT EXISTS (
  SELECT FROM usage_slot WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
    AND jobs + %(jobs)s <= jobs_quota AND bytes + %(bytes)s <= bytes_quota
    AND answers + %(answers)s <= answers_quota)
"""  # noqa: S608 - as above
_MAKE: Final = "INSERT INTO usage (account_id) VALUES (%(account_id)s) ON CONFLICT DO NOTHING"
_ALLOW: Final = """
UPDATE usage
SET jobs_limit = %(jobs)s, bytes_limit = %(bytes)s, answers_limit = %(answers)s
WHERE account_id = %(account_id)s
"""
_FOLD: Final = """
WITH gone AS (
  DELETE FROM usage_release WHERE account_id = %(account_id)s RETURNING jobs, bytes, answers)
SELECT coalesce(sum(jobs), 0)::bigint, coalesce(sum(bytes), 0)::bigint,
       coalesce(sum(answers), 0)::bigint
FROM gone
"""
_LOCK_SLOTS: Final = f"""
SELECT jobs, bytes, answers FROM usage_slot
WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
ORDER BY slot FOR NO KEY UPDATE
"""  # noqa: S608 - as above
# Other rows in place of those there are: nobody reads past the old versions of these, which stay as
# long as some snapshot may see them.
_DROP_SLOTS: Final = f"""
DELETE FROM usage_slot WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
"""  # noqa: S608 - as above
_NEXT_SLOTS: Final = """
UPDATE usage SET first_slot = first_slot + %(slots)s WHERE account_id = %(account_id)s
RETURNING first_slot
"""
_SHARE_OUT: Final = """
INSERT INTO usage_slot
  (account_id, slot, jobs, bytes, answers, jobs_quota, bytes_quota, answers_quota)
VALUES (%(account_id)s, %(slot)s, %(jobs)s, %(bytes)s, %(answers)s, %(jobs_quota)s,
        %(bytes_quota)s, %(answers_quota)s)
"""
# The slot that has least room gets what became free.
_MIN_ROOM: Final = f"""
SELECT slot FROM usage_slot WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
ORDER BY jobs_quota - jobs, bytes_quota - bytes LIMIT 1
"""  # noqa: S608 - as above
_CREDIT: Final = """
UPDATE usage_slot
SET jobs = jobs - %(jobs)s, bytes = bytes - %(bytes)s, answers = answers - %(answers)s
WHERE account_id = %(account_id)s AND slot = %(slot)s
"""
_RELEASED: Final = """
WITH RECURSIVE found AS (
  (SELECT account_id FROM usage_release WHERE account_id > %(after)s
   ORDER BY account_id LIMIT 1)
  UNION ALL
  SELECT (SELECT account_id FROM usage_release WHERE account_id > found.account_id
          ORDER BY account_id LIMIT 1)
  FROM found WHERE account_id IS NOT NULL)
SELECT account_id FROM found WHERE account_id IS NOT NULL LIMIT %(limit)s
"""
_CONTENT: Final = "url, signature, content_type, data, manner, on_success, on_failure"
_AT_ONCE: Final = 1000

# What is there and what was counted, in one snapshot: whatever happens meanwhile, the difference is
# what was counted wrongly.
_DRIFT: Final = f"""
SELECT t.jobs - u.jobs, (t.bytes + k.bytes - u.bytes)::bigint, (a.bytes - u.answers)::bigint
FROM ({_USED}) AS u,
     (SELECT count(*) AS jobs,
             coalesce(sum(content_bytes({_CONTENT}) + told_bytes(trigger, written, name, tags)), 0)
               AS bytes
      FROM job WHERE account_id = %(account_id)s) t,
     (SELECT coalesce(sum(content_bytes({_CONTENT})), 0) AS bytes
      FROM superseded WHERE account_id = %(account_id)s) k,
     (SELECT coalesce(sum(answer_bytes(key, headers, body)), 0) AS bytes
      FROM kept_answer WHERE account_id = %(account_id)s) a
"""  # noqa: S608 - as above
_DUE_FOR_RECOUNT: Final = """
SELECT account_id FROM usage
WHERE recounted_at < clock_timestamp() - %(age)s::interval
ORDER BY recounted_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
"""
_BUSY: Final = """
SELECT account_id FROM usage_slot GROUP BY account_id HAVING max(booked) > %(booked)s
"""
_RECOUNTED: Final = """
UPDATE usage SET recounted_at = clock_timestamp() WHERE account_id = %(account_id)s
"""


def used(connection: psycopg.Connection, account_id: int) -> Use:
    """What the account has just now."""
    return _use(connection, _USED, account_id)


def allowed(connection: psycopg.Connection, account_id: int) -> Allowed | None:
    """What the account may have, as was said last; None where nothing was said."""
    row = connection.execute(_ALLOWED, {"account_id": account_id}).fetchone()
    return None if row is None else Allowed(*row)


def lock(connection: psycopg.Connection, account_id: int) -> Allowed:
    """Let nobody else move quota of the account in this transaction; what it may have."""
    connection.execute(_MAKE, {"account_id": account_id})
    row = connection.execute(_LOCK, {"account_id": account_id}).fetchone()
    assert row is not None  # noqa: S101 - it was made if it was not there
    return Allowed(*row)


def allow(connection: psycopg.Connection, account_id: int, limits: Allowed) -> None:
    """Say what the account may have, under `lock`; `balance` is to follow."""
    connection.execute(_ALLOW, {"account_id": account_id, **limits._asdict()})


def has_room(connection: psycopg.Connection, account_id: int, needed: Use) -> bool:
    """Whether a slot has room for what is needed, locked or not."""
    params = {"account_id": account_id, **needed._asdict()}
    row = connection.execute(_HAS_ROOM, params).fetchone()
    return row is not None and row[0]


def balance(
    connection: psycopg.Connection,
    account_id: int,
    limits: Allowed,
    needed: Use = NOTHING,
    drift: Use = NOTHING,
) -> Use:
    """Share the quota of the account out anew, under `lock`; one slot has room for what is needed.

    `drift` was not counted so far. What the account uses; where that leaves no room for what is
    needed, there is none.
    """
    using = drift.minus(fold(connection, account_id))
    for slot in connection.execute(_LOCK_SLOTS, {"account_id": account_id}):
        using = using.plus(Use(*slot))
    _store(connection, account_id, share_out(SLOTS, using, limits, needed))
    return using


def renew_busy(connection: psycopg.Connection, *, booked: int) -> int:
    """Give other slots to accounts one of whose was booked in more often; how many there were."""
    found = connection.execute(_BUSY, {"booked": booked}).fetchall()
    for (account_id,) in found:
        with connection.transaction():
            balance(connection, account_id, lock(connection, account_id))
    return len(found)


def fold(connection: psycopg.Connection, account_id: int) -> Use:
    """Take what was released, under `lock`: the caller counts it."""
    return _use(connection, _FOLD, account_id)


def drop_kept(connection: psycopg.Connection, account_id: int, needed: int) -> int:
    """Drop the oldest of what ended runs of the account sent, for so many bytes; how many rows."""
    params = {"account_id": account_id, "bytes": needed, "limit": _AT_ONCE}
    return run(connection, "drop_kept", params).rowcount


def fold_page(connection: psycopg.Connection, *, after: int, limit: int) -> int | None:
    """Give what was released back to up to `limit` accounts with ids after `after`.

    The id of the last of them, each in a transaction of its own; None where there was none.
    """
    found = connection.execute(_RELEASED, {"after": after, "limit": limit}).fetchall()
    for (account_id,) in found:
        with connection.transaction():
            _give_back(connection, account_id)
    return found[-1][0] if found else None


def recount_one(connection: psycopg.Connection, *, age: timedelta) -> tuple[int, Use] | None:
    """Recount an account that was not recounted for so long: its id, and what was counted wrongly.

    None where there is no such account.
    """
    with connection.transaction():
        row = connection.execute(_DUE_FOR_RECOUNT, {"age": age}).fetchone()
        if row is None:
            return None
        (account_id,) = row
        limits = lock(connection, account_id)
        drift = _use(connection, _DRIFT, account_id)
        if drift != NOTHING:
            balance(connection, account_id, limits, drift=drift)
        connection.execute(_RECOUNTED, {"account_id": account_id})
    return account_id, drift


def _give_back(connection: psycopg.Connection, account_id: int) -> None:
    row = connection.execute(_LOCK, {"account_id": account_id}).fetchone()
    released = fold(connection, account_id)
    if row is None:
        # The account is gone, and what it had with it.
        return
    if min(released) < 0:
        # More was kept than became free: no slot need have room for that.
        balance(connection, account_id, Allowed(*row), drift=NOTHING.minus(released))
        return
    least = connection.execute(_MIN_ROOM, {"account_id": account_id}).fetchone()
    if least is not None:
        params = {"account_id": account_id, "slot": least[0], **released._asdict()}
        connection.execute(_CREDIT, params)


def _store(connection: psycopg.Connection, account_id: int, shares: Sequence[Share]) -> None:
    connection.execute(_DROP_SLOTS, {"account_id": account_id})
    found = connection.execute(_NEXT_SLOTS, {"account_id": account_id, "slots": SLOTS}).fetchone()
    assert found is not None  # noqa: S101 - its row is locked
    rows = [
        {
            "account_id": account_id,
            "slot": slot,
            **each.used._asdict(),
            **{f"{name}_quota": amount for name, amount in each.quota._asdict().items()},
        }
        for slot, each in enumerate(shares, found[0])
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_SHARE_OUT, rows)


def _use(connection: psycopg.Connection, query: str, account_id: int) -> Use:
    row = connection.execute(query, {"account_id": account_id}).fetchone()
    assert row is not None  # noqa: S101 - aggregates have one row
    return Use(*row)
