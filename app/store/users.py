"""Users: the rows of users, and of their memberships of accounts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from app.domain.account import Account
from app.domain.role import Role
from app.domain.user import Member
from app.store.tables import account, membership, web_session, web_user

MAX_MEMBERS: Final = 200
"""How many members of one account are listed; more cannot be invited."""


class Credentials(NamedTuple):
    """A user's id and Argon2id hash."""

    user_id: int
    password: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ListedUser:
    """A user as the operator sees it."""

    email: str
    operator: bool
    created_at: datetime
    accounts: tuple[tuple[str, Role], ...]
    """The names of the user's accounts, with the roles there."""


def credentials(connection: Connection, email: str) -> Credentials | None:
    """Return what sign-in checks for this e-mail address; None if nobody has it."""
    query = select(web_user.c.id, web_user.c.password).where(web_user.c.email == email)
    row = connection.execute(query).one_or_none()
    return None if row is None else Credentials(row.id, row.password)


def password_of(connection: Connection, user_id: int) -> str | None:
    """Return the user's Argon2id hash; None if the user no longer exists."""
    query = select(web_user.c.password).where(web_user.c.id == user_id)
    return connection.execute(query).scalar_one_or_none()


def lock_password(connection: Connection, user_id: int) -> str | None:
    """As `password_of`; nothing changes the password until the transaction ends.

    A session that begins with the old password while another one replaces it would outlast that.
    """
    query = select(web_user.c.password).where(web_user.c.id == user_id)
    return connection.execute(query.with_for_update(key_share=True)).scalar_one_or_none()


def email_of(connection: Connection, user_id: int) -> str | None:
    """Return the user's e-mail address; None if the user no longer exists."""
    query = select(web_user.c.email).where(web_user.c.id == user_id)
    return connection.execute(query).scalar_one_or_none()


def insert_user(connection: Connection, email: str, password: str, zone: str) -> int | None:
    """Store a user with this Argon2id hash and return its id; None if the address is taken."""
    query = (
        insert_or_leave(web_user)
        .values(email=email, password=password, zone=zone)
        .on_conflict_do_nothing()
        .returning(web_user.c.id)
    )
    return connection.execute(query).scalar_one_or_none()


def set_password(connection: Connection, user_id: int, password: str) -> None:
    """Store another Argon2id hash."""
    query = update(web_user).where(web_user.c.id == user_id).values(password=password)
    connection.execute(query)


def set_preferences(
    connection: Connection, user_id: int, *, name: str, zone: str, hours: int, theme: str
) -> None:
    """Store how pages address the user and show times."""
    connection.execute(
        update(web_user)
        .where(web_user.c.id == user_id)
        .values(name=name, zone=zone, hours=hours, theme=theme)
    )


def set_operator(connection: Connection, email: str, *, operator: bool) -> bool:
    """Store whether a user manages the service; return whether there is such a user."""
    query = update(web_user).where(web_user.c.email == email).values(operator=operator)
    return bool(connection.execute(query).rowcount)


def is_operator(connection: Connection, user_id: int) -> bool:
    """Return whether a user manages the service."""
    query = select(web_user.c.operator).where(web_user.c.id == user_id)
    return bool(connection.execute(query).scalar_one_or_none())


def delete_user(connection: Connection, user_id: int) -> None:
    """Delete a user with all sessions, memberships and links."""
    connection.execute(delete(web_user).where(web_user.c.id == user_id))


def add_member(connection: Connection, user_id: int, account_id: int, role: Role) -> bool:
    """Store a membership; return False if the user is a member already."""
    query = (
        insert_or_leave(membership)
        .values(user_id=user_id, account_id=account_id, role=role.value)
        .on_conflict_do_nothing()
        .returning(membership.c.user_id)
    )
    return connection.execute(query).one_or_none() is not None


def members(connection: Connection, account_id: int) -> tuple[Member, ...]:
    """Return up to MAX_MEMBERS members of an account, in the order in which they joined."""
    seen_at = (
        select(func.max(web_session.c.seen_at))
        .where(web_session.c.user_id == membership.c.user_id)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(
            web_user.c.id,
            web_user.c.email,
            web_user.c.name,
            membership.c.role,
            membership.c.created_at,
            seen_at.label("seen_at"),
        )
        .join(web_user, web_user.c.id == membership.c.user_id)
        .where(membership.c.account_id == account_id)
        .order_by(membership.c.created_at, web_user.c.id)
        .limit(MAX_MEMBERS)
    )
    return tuple(
        Member(
            user_id=row.id,
            email=row.email,
            name=row.name,
            role=Role(row.role),
            since=row.created_at,
            seen_at=row.seen_at,
        )
        for row in rows
    )


def role_of(connection: Connection, user_id: int, account_id: int) -> Role | None:
    """Return a user's role in an account; None if the user is not a member."""
    query = select(membership.c.role).where(
        membership.c.user_id == user_id, membership.c.account_id == account_id
    )
    found = connection.execute(query).scalar_one_or_none()
    return None if found is None else Role(found)


def count_members(connection: Connection, account_id: int) -> int:
    """Return how many members an account has; exact under the account's lock."""
    query = select(func.count()).where(membership.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def count_other_owners(connection: Connection, account_id: int, user_id: int) -> int:
    """Return how many owners an account has besides this user; exact under the account's lock."""
    query = select(func.count()).where(
        membership.c.account_id == account_id,
        membership.c.user_id != user_id,
        membership.c.role == Role.OWNER.value,
    )
    return int(connection.execute(query).scalar_one())


def owned_alone(connection: Connection, user_id: int) -> tuple[str, ...]:
    """Return the names of the accounts whose only owner this user is; exact under their locks.

    An account that is being deleted needs no owner.
    """
    other = membership.alias()
    others = select(other.c.user_id).where(
        other.c.account_id == membership.c.account_id,
        other.c.user_id != user_id,
        other.c.role == Role.OWNER.value,
    )
    rows = connection.execute(
        select(account.c.name)
        .join(membership, membership.c.account_id == account.c.id)
        .where(
            membership.c.user_id == user_id,
            membership.c.role == Role.OWNER.value,
            account.c.deleting_at.is_(None),
            ~others.exists(),
        )
        .order_by(account.c.name)
    )
    return tuple(rows.scalars())


def set_role(connection: Connection, user_id: int, account_id: int, role: Role) -> None:
    """Store another role of a member."""
    connection.execute(
        update(membership)
        .where(membership.c.user_id == user_id, membership.c.account_id == account_id)
        .values(role=role.value)
    )


def remove_member(connection: Connection, user_id: int, account_id: int) -> None:
    """Delete a membership; the user's sessions no longer act for the account."""
    connection.execute(
        delete(membership).where(
            membership.c.user_id == user_id, membership.c.account_id == account_id
        )
    )


def accounts_of(connection: Connection, user_id: int) -> tuple[tuple[Account, Role], ...]:
    """Return the accounts that a user belongs to, with the roles, by name."""
    rows = connection.execute(
        select(account.c.id, account.c.name, membership.c.role)
        .join(account, account.c.id == membership.c.account_id)
        .where(membership.c.user_id == user_id)
        .order_by(account.c.name)
    )
    return tuple((Account(id=row.id, name=row.name), Role(row.role)) for row in rows)


def list_all(connection: Connection) -> tuple[ListedUser, ...]:
    """Return all users, by e-mail address."""
    rows = connection.execute(
        select(
            web_user.c.email,
            web_user.c.operator,
            web_user.c.created_at,
            account.c.name,
            membership.c.role,
        )
        .outerjoin(membership, membership.c.user_id == web_user.c.id)
        .outerjoin(account, account.c.id == membership.c.account_id)
        .order_by(web_user.c.email, account.c.name)
    )
    found: dict[str, ListedUser] = {}
    for row in rows:
        known = found.get(row.email)
        accounts = known.accounts if known else ()
        if row.name is not None:
            accounts = (*accounts, (row.name, Role(row.role)))
        found[row.email] = ListedUser(
            email=row.email,
            operator=row.operator,
            created_at=row.created_at,
            accounts=accounts,
        )
    return tuple(found.values())
