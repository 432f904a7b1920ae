"""Sign-in: makes, finds and ends the sessions of users, each with a token of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from app.domain import token as tokens
from app.domain.audit import Action
from app.domain.user import MAX_PASSWORD, SEEN_EVERY, Session, SignedIn, check_password
from app.errors import InvalidMember, NotFound
from app.service import accounts, audit, passwords
from app.service.context import Context
from app.store import user_links, users, web_sessions
from app.store.database import driver_of

_WRONG: Final = "The e-mail address or the password is wrong."
_AGAIN: Final = "Enter both again. If you forgot the password, request a link to choose a new one."


@dataclass(frozen=True, kw_only=True, slots=True)
class Browser:
    """What is stored of the browser that signs in."""

    agent: str = ""
    address: str = ""


def sign_in(context: Context, email: str, password: str, browser: Browser) -> str:
    """Begin a session and return its token, which is not stored.

    Raises InvalidMember, with the same message and after the same time for an unknown address and
    a wrong password; raises Unavailable if too many people are signing in.
    """
    address = email.strip().lower()
    with context.database.statement() as connection:
        known = users.credentials(connection, address) if address.isprintable() else None
    stored = None if known is None else known.password
    # Hashed outside the transaction: a connection of the pool must not wait for that.
    if not passwords.matches(stored, password[: MAX_PASSWORD + 1]) or known is None:
        raise InvalidMember("password", _WRONG, remedy=_AGAIN)
    renewed = passwords.hash_password(password) if passwords.is_outdated(known.password) else None
    token = tokens.new()
    with context.database.transaction() as connection:
        # A password that was changed since it was compared must not begin a session.
        if users.lock_password(connection, known.user_id) != known.password:
            raise InvalidMember("password", _WRONG, remedy=_AGAIN)
        if renewed is not None:
            users.set_password(connection, known.user_id, renewed)
        begin(connection, token, known.user_id, browser)
    return token.text


def begin(
    connection: Connection,
    token: tokens.Token,
    user_id: int,
    browser: Browser,
    *,
    account_id: int | None = None,
    proved: bool = True,
) -> int:
    """Store a session for this token, and return its id."""
    return web_sessions.add(
        driver_of(connection),
        token.digest,
        user_id,
        account_id=account_id,
        proved=proved,
        agent=_printable(browser.agent)[:256],
        address=browser.address[:64],
    )


def find(context: Context, token: str) -> SignedIn | None:
    """Return the valid session of this token; None if there is none."""
    digest = tokens.read(token)
    if digest is None:
        return None
    with context.database.session() as connection:
        found = web_sessions.find(connection, digest)
        if found is not None and found.now - found.seen_at >= SEEN_EVERY:
            web_sessions.see(connection, found.session_id)
    return found


def sign_out(context: Context, signed_in: SignedIn) -> None:
    """End this session; a second time changes nothing."""
    with context.database.transaction() as connection:
        web_sessions.end(connection, signed_in.user.id, signed_in.session_id)


def list_sessions(context: Context, user_id: int) -> tuple[Session, ...]:
    """Return the user's valid sessions, the one that was used last first."""
    with context.database.statement() as connection:
        return web_sessions.list_of_user(connection, user_id)


def end_session(context: Context, signed_in: SignedIn, session_id: int) -> None:
    """End one of the user's sessions; raises NotFound for any other one."""
    with context.database.transaction() as connection:
        if not web_sessions.end(connection, signed_in.user.id, session_id):
            raise NotFound(
                f"You have no session {session_id}.",
                member="session",
                remedy="It has already ended, or it belongs to another user.",
            )


def end_other_sessions(context: Context, signed_in: SignedIn) -> int:
    """End all sessions of the user but this one; return how many."""
    with context.database.transaction() as connection:
        return web_sessions.end_others(connection, signed_in.user.id, signed_in.session_id)


def prove(context: Context, signed_in: SignedIn, password: str) -> None:
    """Check the password again, so that this session shows secrets for a while.

    Raises InvalidMember, Unavailable.
    """
    _check_own(context, signed_in, password, member="password")
    with context.database.transaction() as connection:
        web_sessions.prove(connection, signed_in.session_id)


def change_password(
    context: Context, signed_in: SignedIn, current: str, new: str, browser: Browser
) -> str:
    """Store a new password, end all sessions of the user, and begin one; return its token.

    Raises InvalidMember, Unavailable.
    """
    check_password(new, member="newPassword")
    stored = _check_own(context, signed_in, current, member="password")
    hashed = passwords.hash_password(new)
    token = tokens.new()
    account_id = None if signed_in.account is None else signed_in.account.id
    with context.database.transaction() as connection:
        if users.lock_password(connection, signed_in.user.id) != stored:
            raise InvalidMember("password", "The password was changed meanwhile.", remedy=_AGAIN)
        users.set_password(connection, signed_in.user.id, hashed)
        user_links.drop(connection, signed_in.user.id)
        web_sessions.end_others(connection, signed_in.user.id, None)
        begin(connection, token, signed_in.user.id, browser, account_id=account_id)
        audit.record(connection, account_id, Action.CHANGE_PASSWORD, signed_in.user.email)
    return token.text


def switch(context: Context, signed_in: SignedIn, account_id: int) -> None:
    """Let the session act for another account of its user; raises NotFound."""
    with context.database.transaction() as connection:
        switch_within(connection, signed_in, account_id)


def switch_within(connection: Connection, signed_in: SignedIn, account_id: int) -> None:
    """As `switch`, in a transaction that does more."""
    if not web_sessions.choose(connection, signed_in.session_id, signed_in.user.id, account_id):
        raise NotFound(
            "You are not a member of this account, or your session has ended.",
            member="account",
            remedy="Sign in again, or ask one of its owners to invite you.",
        )


def _check_own(context: Context, signed_in: SignedIn, password: str, *, member: str) -> str:
    """Return the user's hash if the password is right; raises InvalidMember."""
    with context.database.statement() as connection:
        stored = users.password_of(connection, signed_in.user.id)
    if stored is None:
        raise accounts.unauthenticated()
    if not passwords.matches(stored, password[: MAX_PASSWORD + 1]):
        raise InvalidMember(member, "The password is wrong.", remedy="Enter it again.")
    return stored


def _printable(text: str) -> str:
    return "".join(each for each in text if each.isprintable())
