"""Members: the users of an account and their roles, changed by owners and by the operator."""

from __future__ import annotations

import secrets
from typing import Final

from sqlalchemy import Connection

from app.domain.account import Account
from app.domain.audit import Action
from app.domain.checks import quoted
from app.domain.role import Role
from app.domain.user import Member, read_email
from app.errors import Conflict, NotFound
from app.service import accounts, audit, passwords
from app.service.context import Context
from app.service.permissions import require_owner
from app.service.user_links import unknown_member
from app.store import accounts as account_store
from app.store import invitations, user_links
from app.store import users as store

_NO_PASSWORD_BYTES: Final = 32
_MAX_LISTED: Final = 5


def list_members(context: Context, account: Account) -> tuple[Member, ...]:
    """Return the members of an account, in the order in which they joined."""
    with context.database.statement() as connection:
        return store.members(connection, account.id)


def change_role(
    context: Context, account: Account, user_id: int, role: Role, *, by: int | None = None
) -> None:
    """Give a member another role. Raises NotFound, and Conflict for the last owner.

    `by` is the owner who does it, None for the operator. Raises InsufficientRole.
    """
    with context.database.transaction() as connection:
        email, before = _locked(connection, account, user_id)
        require_owner(connection, account, by)
        if before is role:
            return
        if role is not Role.OWNER:
            _keep_owner(connection, account, user_id, email)
        store.set_role(connection, user_id, account.id, role)
        _end_links_of(connection, account, email, before)
        audit.record(connection, account.id, Action.CHANGE_ROLE, email, f"{before} to {role}")


def remove(context: Context, account: Account, user_id: int, *, by: int | None = None) -> None:
    """End a membership: the user's sessions no longer show the account.

    `by` is the user who does it, None for the operator: everybody may leave, and owners remove
    others. Raises NotFound, InsufficientRole, and Conflict for the last owner.
    """
    with context.database.transaction() as connection:
        email, role = _locked(connection, account, user_id)
        if by != user_id:
            require_owner(connection, account, by)
        _keep_owner(connection, account, user_id, email)
        store.remove_member(connection, user_id, account.id)
        _end_links_of(connection, account, email, role)
        audit.record(connection, account.id, Action.REMOVE_MEMBER, email, str(role))


def add_user(context: Context, account: str, email: str, role: Role = Role.OWNER) -> None:
    """Make a user without a password a member of an account; a known user keeps the password.

    It is for the operator, who then makes a link with which the user signs in. Raises NotFound,
    InvalidMember.
    """
    address = read_email(email)
    owner = accounts.get_account(context, account)
    nobody_knows = passwords.hash_password(secrets.token_urlsafe(_NO_PASSWORD_BYTES))
    with context.database.transaction() as connection:
        known = store.credentials(connection, address)
        user_id = known.user_id if known else None
        if user_id is None:
            user_id = store.insert_user(connection, address, nobody_knows, "UTC")
        if user_id is None:
            raise Conflict("The same user is being created by another command.", member="email")
        _end_reset_link(connection, user_id)
        if store.add_member(connection, user_id, owner.id, role):
            audit.record(connection, owner.id, Action.JOIN, address, str(role))


def set_operator(context: Context, email: str, *, operator: bool) -> None:
    """Let a user manage the service on the console, or no longer. Raises NotFound."""
    address = read_email(email)
    with context.database.transaction() as connection:
        if not store.set_operator(connection, address, operator=operator):
            raise unknown_user(email)
        known = store.credentials(connection, address)
        if known is not None:
            _end_reset_link(connection, known.user_id)


def delete_user(context: Context, user_id: int) -> None:
    """Delete a user with all sessions, memberships and links; the accounts stay.

    Raises NotFound, and Conflict for the last owner of an account.
    """
    with context.database.transaction() as connection:
        # A user who joins an account at the same time waits, and then finds no user.
        store.lock_password(connection, user_id)
        email = store.email_of(connection, user_id)
        if email is None:
            raise NotFound("The user no longer exists.", member="user")
        joined = sorted(store.accounts_of(connection, user_id), key=lambda each: each[0].id)
        for account, _ in joined:
            account_store.lock(connection, account.id)
        alone = store.owned_alone(connection, user_id)
        if alone:
            raise Conflict(
                f"You are the last owner of {_listed(alone)}.",
                member="user",
                remedy="Make another member an owner first, or delete the account.",
            )
        for account, role in joined:
            _end_links_of(connection, account, email, role)
            audit.record(connection, account.id, Action.DELETE_USER, email, str(role))
        store.delete_user(connection, user_id)


def list_users(context: Context) -> tuple[store.ListedUser, ...]:
    """Return all users with their accounts, by e-mail address."""
    with context.database.statement() as connection:
        return store.list_all(connection)


def unknown_user(email: str) -> NotFound:
    """Return the error for an address that no user has."""
    return NotFound(
        f"There is no user {quoted(email)}.",
        member="email",
        remedy="List the users: flask --app wsgi user list",
    )


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _MAX_LISTED
    return ", ".join(names[:_MAX_LISTED]) + (f" and {more} more accounts" if more > 0 else "")


def _locked(connection: Connection, account: Account, user_id: int) -> tuple[str, Role]:
    """Return a member's address and role, which only this transaction changes until it ends."""
    # Two owners who remove each other at once must not leave the account without one.
    account_store.lock(connection, account.id)
    role = store.role_of(connection, user_id, account.id)
    email = store.email_of(connection, user_id)
    if role is None or email is None:
        raise unknown_member()
    return email, role


def _end_links_of(connection: Connection, account: Account, email: str, role: Role) -> None:
    """End what a former owner could come back with: invitations, and links to become a member."""
    if role is Role.OWNER:
        invitations.revoke_made_by(connection, account.id, email)
        user_links.drop_resets_of_members(connection, account.id)


def _end_reset_link(connection: Connection, user_id: int) -> None:
    """End the link that an owner may have made, for a user who gets rights beyond that account.

    Under the lock that the making of such a link takes.
    """
    store.lock_password(connection, user_id)
    user_links.drop_resets(connection, user_id)


def _keep_owner(connection: Connection, account: Account, user_id: int, email: str) -> None:
    if not store.count_other_owners(connection, account.id, user_id):
        role = store.role_of(connection, user_id, account.id)
        if role is Role.OWNER:
            raise Conflict(
                f"{email} is the last owner of {account.name}.",
                member="user",
                remedy="Make another member an owner first, or delete the account.",
            )
