"""Web sessions: the rows of signed-in browsers, each found by the SHA-256 of its token."""

from __future__ import annotations

from typing import Any, Final

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, delete, func, select, update

from app.domain.account import Account
from app.domain.role import Role
from app.domain.user import IDLE, LIFETIME, MAX_SESSIONS, SEEN_EVERY, Session, SignedIn, User
from app.store.tables import membership, web_session

_MAX_ACCOUNTS: Final = 50
"""How many of a user's accounts a page offers to switch to."""

# A session whose account is gone acts for the user's first account; a user without accounts still
# signs in. All is read through keys: one row each of session, user, membership and account.
_FIND: Final = f"""
SELECT s.id AS session_id, s.seen_at, s.proved_at, u.id AS user_id, u.email, u.name, u.zone,
       u.hours, u.theme, u.operator, m.role, a.id AS account_id, a.name AS account_name,
       a.suspended_at IS NOT NULL AS suspended, clock_timestamp() AS now,
       ARRAY(SELECT b.id || ' ' || b.name FROM membership n JOIN account b ON b.id = n.account_id
             WHERE n.user_id = u.id ORDER BY b.name LIMIT {_MAX_ACCOUNTS}) AS accounts
FROM web_session s
JOIN web_user u ON u.id = s.user_id
LEFT JOIN membership m ON m.user_id = u.id AND m.account_id = coalesce(
  s.account_id, (SELECT min(f.account_id) FROM membership f WHERE f.user_id = u.id))
LEFT JOIN account a ON a.id = m.account_id
WHERE s.digest = %(digest)s AND s.ends_at > clock_timestamp()
"""  # noqa: S608 - a number of this module

# A session never ends later than LIFETIME after it began; a row that another request has locked is
# being written with the same instant.
_SEE: Final = """
UPDATE web_session SET seen_at = clock_timestamp(),
  ends_at = least(clock_timestamp() + %(idle)s, created_at + %(lifetime)s)
WHERE id = (SELECT id FROM web_session WHERE id = %(id)s
              AND seen_at < clock_timestamp() - %(every)s FOR NO KEY UPDATE SKIP LOCKED)
"""

_ADD: Final = """
INSERT INTO web_session (digest, user_id, account_id, proved_at, ends_at, agent, address)
VALUES (%(digest)s, %(user_id)s,
        (SELECT account_id FROM membership WHERE user_id = %(user_id)s
           AND (account_id = %(account_id)s OR %(account_id)s IS NULL)
         ORDER BY created_at LIMIT 1),
        CASE WHEN %(proved)s THEN clock_timestamp() END, clock_timestamp() + %(idle)s,
        %(agent)s, %(address)s)
RETURNING id
"""

_DROP_BEYOND: Final = """
DELETE FROM web_session WHERE id = ANY (ARRAY(
  SELECT id FROM web_session WHERE user_id = %(user_id)s
  ORDER BY seen_at DESC, id DESC OFFSET %(kept)s))
"""

_PURGE: Final = """
DELETE FROM web_session WHERE id = ANY (ARRAY(
  SELECT id FROM web_session WHERE ends_at < trusted_clock() ORDER BY ends_at LIMIT %(limit)s
  FOR UPDATE SKIP LOCKED))
"""


def find(connection: psycopg.Connection, digest: bytes) -> SignedIn | None:
    """Return the valid session with this token; None if there is none."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(_FIND, {"digest": digest}).fetchone()
    if row is None:
        return None
    account = None
    if row.account_id is not None:
        account = Account(id=row.account_id, name=row.account_name)
    return SignedIn(
        session_id=row.session_id,
        user=User(
            id=row.user_id,
            email=row.email,
            name=row.name,
            zone=row.zone,
            hours=row.hours,
            theme=row.theme,
            operator=row.operator,
        ),
        account=account,
        role=Role.READER if row.role is None else Role(row.role),
        suspended=bool(row.suspended),
        accounts=tuple(map(_account, row.accounts)),
        seen_at=row.seen_at,
        proved_at=row.proved_at,
        now=row.now,
    )


def see(connection: psycopg.Connection, session_id: int) -> None:
    """Store that the session is used, at most once in SEEN_EVERY; its end moves on with that."""
    connection.execute(
        _SEE, {"id": session_id, "every": SEEN_EVERY, "idle": IDLE, "lifetime": LIFETIME}
    )


def add(
    connection: psycopg.Connection,
    digest: bytes,
    user_id: int,
    *,
    account_id: int | None = None,
    proved: bool,
    agent: str,
    address: str,
) -> int:
    """Store a new session and return its id; it acts for `account_id`, or the user's first account.

    `proved` is whether the user has just typed the password. Of the user's sessions, those that
    were unused for longest are deleted above MAX_SESSIONS.
    """
    given = {
        "digest": digest,
        "user_id": user_id,
        "account_id": account_id,
        "proved": proved,
        "idle": IDLE,
        "agent": agent,
        "address": address,
    }
    row = connection.execute(_ADD, given).fetchone()
    assert row is not None  # noqa: S101 - RETURNING of one inserted row
    connection.execute(_DROP_BEYOND, {"user_id": user_id, "kept": MAX_SESSIONS})
    return int(row[0])


def list_of_user(connection: Connection, user_id: int) -> tuple[Session, ...]:
    """Return the user's valid sessions, the one that was used last first."""
    rows = connection.execute(
        select(web_session)
        .where(web_session.c.user_id == user_id, web_session.c.ends_at > func.clock_timestamp())
        .order_by(web_session.c.seen_at.desc(), web_session.c.id.desc())
        .limit(MAX_SESSIONS)
    )
    return tuple(
        Session(
            id=row.id,
            created_at=row.created_at,
            seen_at=row.seen_at,
            ends_at=row.ends_at,
            agent=row.agent,
            address=row.address,
        )
        for row in rows
    )


def end(connection: Connection, user_id: int, session_id: int) -> bool:
    """Delete a session of the user; return whether there was one."""
    query = delete(web_session).where(
        web_session.c.user_id == user_id, web_session.c.id == session_id
    )
    return bool(connection.execute(query).rowcount)


def end_others(connection: Connection, user_id: int, kept: int | None) -> int:
    """Delete the user's sessions except `kept`; return how many there were."""
    query = delete(web_session).where(web_session.c.user_id == user_id)
    if kept is not None:
        query = query.where(web_session.c.id != kept)
    return connection.execute(query).rowcount


def prove(connection: Connection, session_id: int) -> None:
    """Store that the user of this session has just typed the password."""
    connection.execute(
        update(web_session)
        .where(web_session.c.id == session_id)
        .values(proved_at=func.clock_timestamp())
    )


def choose(connection: Connection, session_id: int, user_id: int, account_id: int) -> bool:
    """Let the session act for another account of its user; False if the user is not a member."""
    is_member = (
        select(membership.c.account_id)
        .where(membership.c.user_id == user_id, membership.c.account_id == account_id)
        .with_for_update(key_share=True)
    )
    if connection.execute(is_member).one_or_none() is None:
        return False
    query = (
        update(web_session)
        .where(web_session.c.id == session_id, web_session.c.user_id == user_id)
        .values(account_id=account_id)
    )
    return bool(connection.execute(query).rowcount)


def purge(connection: psycopg.Connection, *, limit: int) -> int:
    """Delete up to `limit` sessions that have ended; return how many."""
    return connection.execute(_PURGE, {"limit": limit}).rowcount


def _account(text: str) -> Account:
    account_id, _, name = text.partition(" ")
    return Account(id=int(account_id), name=name)
