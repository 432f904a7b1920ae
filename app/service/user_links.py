"""User links: makes the links with which a user chooses a new password, or signs in once."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from sqlalchemy import Connection

from app.domain import token as tokens
from app.domain.account import Account
from app.domain.audit import Action
from app.domain.checks import quoted
from app.domain.user import LinkPurpose, check_password, read_email
from app.errors import Conflict, NotFound
from app.service import audit, mail, passwords, sign_in
from app.service.context import Context
from app.service.permissions import require_owner
from app.service.sign_in import Browser
from app.store import accounts as account_store
from app.store import user_links as store
from app.store import users, web_sessions

EXPIRY: Final = timedelta(days=1)
_PATHS: Final = {LinkPurpose.RESET: "/console/reset/", LinkPurpose.SIGN_IN: "/console/sign-in/"}


def create(context: Context, email: str, purpose: LinkPurpose) -> str:
    """Make a link for a user, for the operator; an earlier one for the purpose ends. NotFound."""
    with context.database.transaction() as connection:
        known = users.credentials(connection, read_email(email))
        if known is None:
            raise NotFound(
                f"There is no user {quoted(email)}.",
                member="email",
                remedy="List the users: flask --app wsgi user list",
            )
        return create_within(context, connection, known.user_id, purpose)


def create_within(
    context: Context, connection: Connection, user_id: int, purpose: LinkPurpose
) -> str:
    """Make a link for a user in a transaction that does more."""
    token = tokens.new()
    store.put(connection, user_id, purpose, token.digest, EXPIRY)
    return f"{context.settings.base_url}{_PATHS[purpose]}{token.text}"


def create_for_member(
    context: Context, account: Account, user_id: int, *, by: int | None = None
) -> str:
    """Make a link with which a member of the account chooses a new password, for an owner.

    Whoever has the link becomes that user. So it is refused, with Conflict, for a user who belongs
    to another account as well. `by` is the owner who makes it, None for the operator. Raises
    NotFound for a user who is not a member, and InsufficientRole.
    """
    with context.database.transaction() as connection:
        # A user who joins another account at the same time waits, and then ends this link.
        users.lock_password(connection, user_id)
        account_store.lock(connection, account.id)
        require_owner(connection, account, by)
        email = users.email_of(connection, user_id)
        accounts = [each.id for each, _ in users.accounts_of(connection, user_id)]
        if email is None or account.id not in accounts:
            raise unknown_member()
        if len(accounts) > 1 or users.is_operator(connection, user_id):
            raise Conflict(
                f"{email} is also a member of other accounts, to which the link would give access.",
                member="user",
                remedy="Ask the operator of this service for the link: flask --app wsgi user reset "
                f"{email}",
            )
        audit.record(connection, account.id, Action.CREATE_LINK, email)
        return create_within(context, connection, user_id, LinkPurpose.RESET)


def request_reset(context: Context, email: str) -> None:
    """Have a link mailed to a user who forgot the password, if there is one.

    Whether there is one is looked up by maintenance, so that neither the answer nor its time tells.
    Raises InvalidMember, and NotFound where no mail is sent.
    """
    if not mail.is_configured(context):
        raise NotFound(
            "This service does not send mail.",
            remedy="Ask an owner of your account for a link to choose a new password.",
        )
    address = read_email(email)
    with context.database.transaction() as connection:
        mail.request(context, connection, address, mail.Kind.RESET)


def find(context: Context, token: str, purpose: LinkPurpose) -> store.LinkedUser:
    """Return whose link this is. Raises NotFound for one that was used or has expired."""
    digest = tokens.read(token)
    if digest is None:
        raise _unusable()
    with context.database.statement() as connection:
        found = store.find(connection, digest, purpose)
    if found is None:
        raise _unusable()
    return found


def reset_password(context: Context, token: str, password: str, browser: Browser) -> str:
    """Store a new password, end all sessions of the user, and begin one; return its token.

    Raises InvalidMember, NotFound, Unavailable.
    """
    check_password(password)
    user = find(context, token, LinkPurpose.RESET)
    hashed = passwords.hash_password(password)
    session = tokens.new()
    with context.database.transaction() as connection:
        # First, as all that replace a password or drop links do: else two could wait in a circle.
        users.lock_password(connection, user.user_id)
        _take(connection, token, LinkPurpose.RESET)
        users.set_password(connection, user.user_id, hashed)
        web_sessions.end_others(connection, user.user_id, None)
        store.drop(connection, user.user_id)
        for account, _role in users.accounts_of(connection, user.user_id):
            audit.record(connection, account.id, Action.CHANGE_PASSWORD, user.email, "by a link")
        sign_in.begin(connection, session, user.user_id, browser)
    return session.text


def use_to_sign_in(context: Context, token: str, browser: Browser) -> str:
    """Begin a session with a link that is used once; return its token. Raises NotFound."""
    user = find(context, token, LinkPurpose.SIGN_IN)
    session = tokens.new()
    with context.database.transaction() as connection:
        # Another password ends all sessions and links; a session that begins beside it would stay.
        users.lock_password(connection, user.user_id)
        _take(connection, token, LinkPurpose.SIGN_IN)
        # The password was not typed: secrets are shown only once it is.
        sign_in.begin(connection, session, user.user_id, browser, proved=False)
    return session.text


def unknown_member() -> NotFound:
    """Return the error for a user who is not a member of the account, or who does not exist."""
    return NotFound(
        "The account has no such member.",
        member="user",
        remedy="Reload the page Members: another owner may have removed the member.",
    )


def _take(connection: Connection, token: str, purpose: LinkPurpose) -> None:
    if store.take(connection, tokens.read(token) or b"", purpose) is None:
        raise _unusable()


def _unusable() -> NotFound:
    return NotFound(
        "This link is unknown, was already used, or has expired.",
        member="token",
        remedy="Check that the link is complete, or ask for a new one.",
    )
