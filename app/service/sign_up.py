"""Sign-up: takes requests for invitations, and lets people join with one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from sqlalchemy import Connection

from app.domain import token as tokens
from app.domain.account import Account
from app.domain.audit import Action
from app.domain.invitation import SIGN_UP_EXPIRY, BetaRequest, Invitation, SignUp
from app.domain.user import MAX_PASSWORD, SignedIn, check_password, read_email
from app.domain.zones import names as zone_names
from app.errors import Conflict, InvalidMember, LimitReached, NotFound
from app.service import accounts, audit, inboxes, invitations, mail, passwords, sign_in
from app.service.context import Context
from app.service.sign_in import Browser
from app.store import accounts as account_store
from app.store import beta_requests, user_links, users
from app.store import invitations as store

MAX_PURPOSE: Final = 1000
OPEN_NOTE: Final = "sign-up"
"""The note of invitations that people made themselves."""

_FIRST_INBOX: Final = "first"
_UNNAMED: Final = "account"
_UNUSABLE: Final = re.compile(r"[^a-z0-9._-]+")
_MAX_NAME: Final = 63


@dataclass(frozen=True, kw_only=True, slots=True)
class Joining:
    """The fields of the form with which somebody joins."""

    email: str
    password: str
    account_name: str = ""
    """The name of the new account; not read where the invitation is into an existing one."""
    zone: str = "UTC"
    """An IANA time zone as the browser names it; UTC instead of one that is not known."""


class Joined(NamedTuple):
    """What joining made: a session, and for a new account the text of its first key."""

    token: str
    """The token of the session; empty for a user who was signed in."""
    account: Account
    key: str | None
    """Cannot be read again."""


class _Known(NamedTuple):
    """The user who joins, before the transaction: a known one, or the hash for a new one."""

    user_id: int | None
    password: str
    """The Argon2id hash."""


def suggest_name(email: str) -> str:
    """Return a valid account name that is like an e-mail address."""
    name = _UNUSABLE.sub("-", email.partition("@")[0].lower()).strip("._-")
    return name[:_MAX_NAME].strip("._-") or _UNNAMED


def request(context: Context, email: str, purpose: str, address: str) -> None:
    """Store a request for an invitation, whether the address is known or not.

    Raises InvalidMember, and NotFound where nobody can sign up.
    """
    if context.settings.sign_up is SignUp.CLOSED:
        raise NotFound("Sign-up is closed.", remedy="Ask the operator of this service.")
    asking = read_email(email)
    text = purpose.strip().replace("\r\n", "\n")
    if len(text) > MAX_PURPOSE or not text.replace("\n", " ").replace("\t", " ").isprintable():
        raise InvalidMember(
            "purpose",
            "The text is too long or contains unprintable characters.",
            remedy=f"Use at most {MAX_PURPOSE} printable characters.",
        )
    with context.database.transaction() as connection:
        beta_requests.add(connection, asking, text, address[:64])


def sign_up(context: Context, email: str) -> str | None:
    """Begin the sign-up of anyone, where it is open.

    Return the link with which to join, or None if it was mailed: then nobody learns here whether
    the address is known. Raises InvalidMember, and NotFound where sign-up is not open.
    """
    if context.settings.sign_up is not SignUp.OPEN:
        raise NotFound("Sign-up requires an invitation.", remedy="Request one on the page at /.")
    address = read_email(email)
    with context.database.transaction() as connection:
        if mail.is_configured(context):
            mail.request(context, connection, address, mail.Kind.SIGN_UP)
            return None
        return invitations.create_within(
            context, connection, None, email=address, note=OPEN_NOTE, expiry=SIGN_UP_EXPIRY
        ).link


def list_requests(
    context: Context, *, all_of_them: bool = False, limit: int = beta_requests.MAX_WAITING
) -> tuple[BetaRequest, ...]:
    """Return up to `limit` requests that wait for an invitation, or of all, oldest first."""
    with context.database.statement() as connection:
        return beta_requests.list_requests(connection, all_of_them=all_of_them, limit=limit)


def join(context: Context, token: str, joining: Joining, browser: Browser) -> Joined:
    """Join with an invitation: everything is made in one transaction, or nothing.

    A user who is known already gives the password as at a sign-in. Raises NotFound for an
    invitation that cannot be used, InvalidMember, Conflict, LimitReached, and Unavailable.
    """
    invitation = invitations.find(context, token)
    email = read_email(joining.email)
    _check_addressee(invitation, email)
    known = _identify(context, email, joining.password)
    session = tokens.new()
    with context.database.transaction() as connection:
        user_id = _user(connection, known, email, joining)
        found = _take(context, connection, token, invitation, user_id)
        account, key = _enter(context, connection, found, user_id, email, joining.account_name)
        sign_in.begin(connection, session, user_id, browser, account_id=account.id)
    return Joined(session.text, account, key)


def join_as(context: Context, token: str, signed_in: SignedIn, account_name: str = "") -> Joined:
    """As `join`, for a user who is signed in; the session acts for the account afterwards."""
    invitation = invitations.find(context, token)
    _check_addressee(invitation, signed_in.user.email)
    with context.database.transaction() as connection:
        found = _take(context, connection, token, invitation, signed_in.user.id)
        account, key = _enter(
            context, connection, found, signed_in.user.id, signed_in.user.email, account_name
        )
        # Were it done after the commit and failed, nobody would see the key of the new account.
        sign_in.switch_within(connection, signed_in, account.id)
    return Joined("", account, key)


def _take(
    context: Context, connection: Connection, token: str, invitation: Invitation, user_id: int
) -> Invitation:
    """Use the invitation once. Of two that join at once with the last use, one is refused.

    Locked are the user, the account and then the invitation, and links of the user after these, in
    the order of all that lock several of them. Who removes the owner that made the invitation
    holds the account, and then needs the invitation.
    """
    users.lock_password(connection, user_id)
    if invitation.account is not None:
        account_store.lock(connection, invitation.account.id)
    found = invitations.check_usable(context, store.lock(connection, tokens.read(token) or b""))
    store.use(connection, found.id)
    return found


def _identify(context: Context, email: str, password: str) -> _Known:
    """Check the password of a known user, or hash that of a new one, outside the transaction."""
    with context.database.statement() as connection:
        known = users.credentials(connection, email)
    if known is None:
        check_password(password)
        return _Known(None, passwords.hash_password(password))
    if not passwords.matches(known.password, password[: MAX_PASSWORD + 1]):
        raise InvalidMember(
            "password",
            "A user with this e-mail address exists and has another password.",
            remedy="Enter the password with which you sign in.",
        )
    return _Known(known.user_id, known.password)


def _user(connection: Connection, known: _Known, email: str, joining: Joining) -> int:
    if known.user_id is not None:
        if users.lock_password(connection, known.user_id) == known.password:
            return known.user_id
    else:
        zone = joining.zone if joining.zone in zone_names() else "UTC"
        made = users.insert_user(connection, email, known.password, zone)
        if made is not None:
            return made
    raise Conflict(
        "The user with this e-mail address was changed at the same time.",
        member="email",
        remedy="Send the form again.",
    )


def _enter(
    context: Context,
    connection: Connection,
    invitation: Invitation,
    user_id: int,
    email: str,
    account_name: str,
) -> tuple[Account, str | None]:
    """Make the user a member; return the account, and the key of a new one."""
    account, key = invitation.account, None
    # An owner of another account may have a link with which to become this user; under the lock
    # that the making of such a link takes, that of the user.
    user_links.drop(connection, user_id)
    if account is None:
        account, key = _create_account(context, connection, account_name)
        inboxes.create(connection, account.id, label=_FIRST_INBOX)
    else:
        _check_room(connection, account)
    if not users.add_member(connection, user_id, account.id, invitation.role):
        raise Conflict(
            f"{email} is a member of {account.name} already.",
            member="email",
            remedy="Sign in. An owner can change your role on the page Members.",
        )
    audit.record(connection, account.id, Action.JOIN, email, str(invitation.role))
    return account, key


def _create_account(context: Context, connection: Connection, name: str) -> accounts.NewAccount:
    try:
        return accounts.create_within(context, connection, name)
    except (Conflict, InvalidMember) as refusal:
        if isinstance(refusal, InvalidMember):
            refusal.member = "account"
            raise
        raise Conflict(
            f"An account named {name} exists already.",
            member="account",
            remedy="Choose another name, or ask one of its owners to invite you.",
        ) from None


def _check_addressee(invitation: Invitation, email: str) -> None:
    if invitation.email is not None and invitation.email != email:
        raise InvalidMember(
            "email",
            "This invitation is for another e-mail address.",
            remedy=f"Use {invitation.email}, or ask for an invitation of your own.",
        )


def _check_room(connection: Connection, account: Account) -> None:
    """Raise LimitReached for too many members; under the account's lock."""
    used = users.count_members(connection, account.id)
    if used >= users.MAX_MEMBERS:
        raise LimitReached(
            f"The account has {used} members, which is the most an account may have.",
            limit="members",
            allowed=users.MAX_MEMBERS,
            used=used,
            remedy="An owner has to remove a member first.",
        )
