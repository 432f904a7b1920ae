"""Invitations: makes, lists and revokes the links with which people join."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, NamedTuple

from sqlalchemy import Connection

from app.domain import token as tokens
from app.domain.account import Account
from app.domain.audit import Action
from app.domain.checks import check_between
from app.domain.invitation import (
    DEFAULT_EXPIRY,
    MAX_EXPIRY,
    MAX_IN_PERIOD,
    MAX_NOTE,
    MAX_OPEN,
    MAX_USES,
    PERIOD,
    Invitation,
    SignUp,
    Usability,
)
from app.domain.role import Role
from app.domain.user import read_email
from app.errors import InvalidMember, LimitReached, NotFound
from app.service import audit, mail
from app.service.context import Context
from app.service.permissions import require_owner
from app.store import accounts as account_store
from app.store import beta_requests, users
from app.store import invitations as store

JOIN: Final = "/console/join/"


class NewInvitation(NamedTuple):
    """An invitation that was just made, and its link, which cannot be read again."""

    invitation: Invitation
    link: str


def create(
    context: Context,
    account: Account | None = None,
    *,
    by: int | None = None,
    role: Role = Role.OWNER,
    email: str | None = None,
    note: str = "",
    uses: int = 1,
    expiry: timedelta = DEFAULT_EXPIRY,
) -> NewInvitation:
    """Create an invitation into an account, or without one, to create a new account.

    `by` is the owner who makes it, None for the operator. With an `email`, only a user of that
    address can use it, and it is mailed if SMTP is configured. Raises InvalidMember, LimitReached,
    InsufficientRole.
    """
    with context.database.transaction() as connection:
        return create_within(
            context,
            connection,
            account,
            by=by,
            role=role,
            email=None if email is None else read_email(email),
            note=note,
            uses=uses,
            expiry=expiry,
        )


def create_within(  # noqa: PLR0913 - what an invitation has
    context: Context,
    connection: Connection,
    account: Account | None,
    *,
    by: int | None = None,
    role: Role = Role.OWNER,
    email: str | None = None,
    note: str = "",
    uses: int = 1,
    expiry: timedelta = DEFAULT_EXPIRY,
    mailed: bool = True,
) -> NewInvitation:
    """As `create`, in a transaction that does more; `email` is in lower case."""
    _check(note, uses, expiry)
    if account is None:
        role = Role.OWNER
    else:
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        _check_room(connection, account)
    token = tokens.new()
    invitation_id = store.add(
        connection,
        token.digest,
        note=note,
        email=email,
        account_id=account.id if account else None,
        role=role,
        uses=uses,
        created_by=audit.actor_name(),
        expiry=expiry,
    )
    if account is not None:
        whom = email or "anyone with the link"
        audit.record(
            connection,
            account.id,
            Action.CREATE_INVITATION,
            str(invitation_id),
            f"{role}, for {whom}",
        )
    made = store.find(connection, token.digest)
    assert made is not None  # noqa: S101 - stored above
    link = f"{context.settings.base_url}{JOIN}{token.text}"
    if email is not None and mailed:
        mail.invite(context, connection, email, made, link)
    return NewInvitation(made, link)


def find(context: Context, token: str) -> Invitation:
    """Return the invitation that this token may use now. Raises NotFound."""
    digest = tokens.read(token)
    if digest is None:
        raise unusable(None)
    with context.database.statement() as connection:
        found = store.find(connection, digest)
    return check_usable(context, found)


def check_usable(context: Context, found: Invitation | None) -> Invitation:
    """Return an invitation that can be used now; raises NotFound for any other."""
    if found is None or found.usability is not Usability.OPEN:
        raise unusable(found)
    if found.account is None and context.settings.sign_up is SignUp.CLOSED:
        raise NotFound("Sign-up is closed.", remedy="Ask the operator of this service.")
    return found


def unusable(found: Invitation | None) -> NotFound:
    """Return the error for a link that leads nowhere; only its holder knows that it existed."""
    why = "is unknown" if found is None else f"is {found.usability}"
    return NotFound(
        f"This invitation {why}.",
        member="token",
        remedy="Check that the link is complete, or ask for a new one. If you have already "
        "joined, sign in.",
    )


def list_open(context: Context, account: Account) -> tuple[Invitation, ...]:
    """Return the invitations into an account that can be used, MAX_OPEN at most, newest first."""
    with context.database.statement() as connection:
        return store.list_open(connection, account.id)


def list_all(context: Context) -> Iterator[Invitation]:
    """Yield all invitations, newest first."""
    with context.database.transaction() as connection:
        yield from store.every(connection)


def revoke(
    context: Context, invitation_id: int, *, account: Account | None = None, by: int | None = None
) -> None:
    """Revoke an invitation, of the account if one is given, by its owner `by` or the operator.

    Raises NotFound, InsufficientRole.
    """
    with context.database.transaction() as connection:
        if account is not None:
            account_store.lock(connection, account.id)
            require_owner(connection, account, by)
        found = store.revoke(
            connection, invitation_id, account_id=None if account is None else account.id
        )
        if found is None:
            raise NotFound(
                f"There is no invitation {invitation_id}.",
                member="invitation",
                remedy="List the invitations: flask --app wsgi invite list",
            )
        if found.account is not None:
            audit.record(connection, found.account.id, Action.REVOKE_INVITATION, str(invitation_id))


def _check(note: str, uses: int, expiry: timedelta) -> None:
    if len(note) > MAX_NOTE or not note.isprintable():
        raise InvalidMember(
            "note",
            "The note is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_NOTE} printable characters.",
        )
    check_between("uses", uses, 1, MAX_USES)
    if not timedelta() < expiry <= MAX_EXPIRY:
        raise InvalidMember(
            "expires",
            "An invitation cannot be valid for that long.",
            remedy=f"Give at most {MAX_EXPIRY.days} days.",
        )


def _check_room(connection: Connection, account: Account) -> None:
    """Raise LimitReached for too many invitations or members; under the account's lock."""
    for limit, used, allowed in (
        ("invitations", store.count_open(connection, account.id), MAX_OPEN),
        ("members", users.count_members(connection, account.id), users.MAX_MEMBERS),
    ):
        if used >= allowed:
            raise LimitReached(
                f"The account has {used} {limit}, which is the most an account may have.",
                limit=limit,
                allowed=allowed,
                used=used,
                remedy=f"Remove {limit} that are no longer needed.",
            )
    made = store.count_made(connection, account.id, PERIOD)
    if made >= MAX_IN_PERIOD:
        raise LimitReached(
            f"The account made {made} invitations within a day.",
            limit="invitationsPerDay",
            allowed=MAX_IN_PERIOD,
            used=made,
            remedy="Wait until tomorrow; an invitation can also have several uses.",
        )


def accept_request(context: Context, email: str) -> NewInvitation:
    """Invite somebody who requested it, to a new account. Raises NotFound."""
    address = read_email(email)
    with context.database.transaction() as connection:
        if not beta_requests.accept(connection, address):
            raise NotFound(
                f"There is no request for an invitation from {address}.",
                member="email",
                remedy="List the requests: flask --app wsgi beta list",
            )
        return create_within(context, connection, None, email=address, note="beta request")
