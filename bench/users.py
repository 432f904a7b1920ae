"""Users: people who are signed in to the console of an instance, put in by SQL."""

from __future__ import annotations

from typing import Final, NamedTuple

import psycopg

from app.domain import token

NO_PASSWORD: Final = "$argon2id$none"  # noqa: S105 - in place of a hash
"""A hash that no password has."""

_SIGN_IN: Final = """
WITH made AS (
  INSERT INTO web_user (email, password) VALUES (%(email)s, %(password)s) RETURNING id
), member AS (
  INSERT INTO membership (user_id, account_id, role)
  SELECT id, %(account)s, 'owner' FROM made RETURNING user_id, account_id
)
INSERT INTO web_session (digest, user_id, account_id, proved_at, ends_at)
SELECT %(digest)s, user_id, account_id, clock_timestamp(), clock_timestamp() + interval '1 day'
FROM member
RETURNING user_id, id
"""


class User(NamedTuple):
    """An owner of an account, with the cookie of a session."""

    id: int
    session: int
    email: str
    cookie: str


def sign_in(
    connection: psycopg.Connection, account: int, number: int, *, password: str = NO_PASSWORD
) -> list[User]:
    """Make so many users of the account, each signed in just now; `password` is a hash."""
    users = []
    for _ in range(number):
        made = token.new()
        email = f"bench-{made.digest.hex()[:16]}@example.com"
        row = connection.execute(
            _SIGN_IN,
            {"email": email, "password": password, "account": account, "digest": made.digest},
        ).fetchone()
        assert row is not None  # noqa: S101 - RETURNING of an insertion
        users.append(User(row[0], row[1], email, f"wakecall={made.text}"))
    return users
