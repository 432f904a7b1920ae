"""Usage: reads what accounts store, and divides their quotas among slots; triggers do the counting.

Locks are taken in this order: the row of `usage`, then released rows, then slots by number. A
booking waits for its own slot at most, with no other slot locked; it uses another slot only if that
slot is not locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import psycopg

from app.domain.usage import NOTHING, Allowed, Share, Use, share_out
from app.errors import Unavailable
from app.store.database_errors import ACCOUNT_GONE
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
# New rows replace the slots: queries then do not read past the old row versions, which PostgreSQL
# keeps for as long as an open snapshot may see them.
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
# The slot with the least room is credited with what became free. Only where the account had more
# than its limit when its quota was last divided, the quotas add up to more than the limit.
_MIN_ROOM: Final = f"""
SELECT slot, (sum(jobs_quota) OVER ())::bigint, (sum(bytes_quota) OVER ())::bigint,
       (sum(answers_quota) OVER ())::bigint
FROM usage_slot WHERE account_id = %(account_id)s AND slot >= {_FIRST_SLOT}
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

# What is stored and what was counted, in one snapshot: concurrent transactions do not change the
# difference, which is the counting error.
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
# It counts as recounted from the beginning on: an account that cannot be counted in time keeps no
# other from being recounted.
_BEGIN_RECOUNT: Final = """
UPDATE usage SET recounted_at = clock_timestamp()
WHERE account_id = (SELECT account_id FROM usage
                    WHERE recounted_at < clock_timestamp() - %(age)s::interval
                    ORDER BY recounted_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING account_id
"""
_BUSY: Final = """
SELECT account_id FROM usage_slot GROUP BY account_id HAVING max(booked) > %(booked)s
"""


def used(connection: psycopg.Connection, account_id: int) -> Use:
    """Return what the account uses now."""
    return _use(connection, _USED, account_id)


def allowed(connection: psycopg.Connection, account_id: int) -> Allowed | None:
    """Return the limits stored for the account; None if it has no limits stored, or no slots."""
    row = connection.execute(_ALLOWED, {"account_id": account_id}).fetchone()
    return None if row is None else Allowed(*row)


def lock(connection: psycopg.Connection, account_id: int) -> Allowed:
    """Lock the quota of the account until the transaction ends; return the stored limits.

    Raises Unavailable if the account was deleted meanwhile.
    """
    connection.execute(_MAKE, {"account_id": account_id})
    row = connection.execute(_LOCK, {"account_id": account_id}).fetchone()
    if row is None:
        raise Unavailable(ACCOUNT_GONE)
    return Allowed(*row)


def allow(connection: psycopg.Connection, account_id: int, limits: Allowed) -> None:
    """Store the limits of the account, under `lock`; call `balance` next."""
    connection.execute(_ALLOW, {"account_id": account_id, **limits._asdict()})


def has_room(connection: psycopg.Connection, account_id: int, needed: Use) -> bool:
    """Return whether any slot has room for `needed`; locked slots count as well."""
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
    """Divide the quota of the account among new slots, under `lock`; return what the account uses.

    One slot gets room for `needed`, unless what the account uses leaves no room for it. `drift` is
    added to what the slots have counted.
    """
    using = drift.minus(fold(connection, account_id))
    for slot in connection.execute(_LOCK_SLOTS, {"account_id": account_id}):
        using = using.plus(Use(*slot))
    _store(connection, account_id, share_out(SLOTS, using, limits, needed))
    return using


def renew_busy(connection: psycopg.Connection, *, booked: int) -> int:
    """Replace the slots of accounts that have a slot with more than `booked` bookings.

    Returns how many accounts there were.
    """
    found = connection.execute(_BUSY, {"booked": booked}).fetchall()
    for (account_id,) in found:
        with connection.transaction():
            balance(connection, account_id, lock(connection, account_id))
    return len(found)


def fold(connection: psycopg.Connection, account_id: int) -> Use:
    """Delete the released rows, under `lock`; return their sum, which the caller subtracts."""
    return _use(connection, _FOLD, account_id)


def drop_kept(connection: psycopg.Connection, account_id: int, needed: int) -> int:
    """Delete the oldest superseded content of the account to free `needed` bytes.

    Content that a run in flight may still send stays. Returns how many rows were deleted.
    """
    params = {"account_id": account_id, "bytes": needed, "limit": _AT_ONCE}
    return run(connection, "drop_kept", params).rowcount


def fold_page(connection: psycopg.Connection, *, after: int, limit: int) -> int | None:
    """Credit what was released to up to `limit` accounts with ids after `after`.

    Each account has its own transaction. Returns the id of the last account; None if there was
    none.
    """
    found = connection.execute(_RELEASED, {"after": after, "limit": limit}).fetchall()
    for (account_id,) in found:
        with connection.transaction():
            _give_back(connection, account_id)
    return found[-1][0] if found else None


def recount_one(connection: psycopg.Connection, *, age: timedelta) -> tuple[int, Use] | None:
    """Recount one account that was last recounted more than `age` ago, and correct its count.

    Returns its id and the counting error; None if there is no such account. A million jobs take
    seconds, so the quota of the account is locked only if its count is wrong.
    """
    row = connection.execute(_BEGIN_RECOUNT, {"age": age}).fetchone()
    if row is None:
        return None
    (account_id,) = row
    drift = _use(connection, _DRIFT, account_id)
    if drift != NOTHING:
        with connection.transaction():
            limits = lock(connection, account_id)
            # Another process may have corrected it before the lock.
            drift = _use(connection, _DRIFT, account_id)
            balance(connection, account_id, limits, drift=drift)
    return account_id, drift


def _give_back(connection: psycopg.Connection, account_id: int) -> None:
    row = connection.execute(_LOCK, {"account_id": account_id}).fetchone()
    released = fold(connection, account_id)
    if row is None:
        # The account was deleted, and its slots with it.
        return
    allowed = Allowed(*row)
    slot, *quotas = connection.execute(_MIN_ROOM, {"account_id": account_id}).fetchone() or (None,)
    # More was added than released, and no single slot may have room for it; or the account has more
    # than its limit, and what it releases is no room for anything else.
    if min(released) < 0 or _exceed(quotas, allowed):
        balance(connection, account_id, allowed, drift=NOTHING.minus(released))
    elif slot is not None:
        params = {"account_id": account_id, "slot": slot, **released._asdict()}
        connection.execute(_CREDIT, params)


def _exceed(quotas: Sequence[int], allowed: Allowed) -> bool:
    """Return whether the quotas of an account, added up, are more than its limits."""
    limits = zip(quotas, allowed, strict=False)
    return any(most is not None and quota > most for quota, most in limits)


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
