"""User: a person who signs in with an e-mail address and a password, and that person's sessions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.account import Account, Caller
from app.domain.checks import quoted
from app.domain.role import Role
from app.errors import InvalidMember

MAX_EMAIL: Final = 254
MIN_PASSWORD: Final = 12
MAX_PASSWORD: Final = 256
"""Characters; a longer one would only cost time to hash."""

MAX_NAME: Final = 100
MAX_SESSIONS: Final = 50
"""Sessions of one user; the next sign-in ends the one that was unused for longest."""

IDLE: Final = timedelta(days=30)
"""A session ends when it is unused for this long."""

LIFETIME: Final = timedelta(days=90)
"""A session ends after this time, however much it is used."""

SEEN_EVERY: Final = timedelta(minutes=10)
"""How exactly it is stored when a session was last used."""

PROVED_FOR: Final = timedelta(minutes=10)
"""How long after its user typed the password a session shows secrets."""

HOURS: Final = (24, 12)
THEMES: Final = ("auto", "light", "dark")

_EMAIL: Final = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")
_EMAIL_ADVICE: Final = "Write it as in owner@example.com."


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """A user, with the preferences that change how pages look."""

    id: int
    email: str
    """In lower case: no two users share it."""
    name: str
    zone: str
    """An IANA time zone."""
    hours: int
    """24 or 12."""
    theme: str
    operator: bool
    """Whether the user also manages the service itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """A valid session with its user and the account that it acts for, if it has one."""

    session_id: int
    user: User
    account: Account | None
    """None for a user who belongs to no account."""
    role: Role
    suspended: bool
    """Whether the account is suspended."""
    accounts: tuple[Account, ...]
    """The accounts that the user belongs to."""
    seen_at: datetime
    proved_at: datetime | None
    """When the user last typed the password in this session."""
    now: datetime
    """The database's clock."""

    @property
    def is_proved(self) -> bool:
        """Whether the password was typed recently enough to show secrets."""
        return self.proved_at is not None and self.now - self.proved_at < PROVED_FOR

    @property
    def caller(self) -> Caller:
        """The caller for use cases; the user must belong to an account."""
        assert self.account is not None  # noqa: S101 - views that need no account make no caller
        return Caller(
            account=self.account,
            key_id="",
            now=self.now,
            scope=self.role.scope,
            suspended=self.suspended,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A session as its user sees it in the list of sessions."""

    id: int
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    agent: str
    """The User-Agent of the browser that signed in."""
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A user's membership of an account."""

    user_id: int
    email: str
    name: str
    role: Role
    since: datetime
    seen_at: datetime | None
    """When the user last used one of the sessions that are still valid."""


class LinkPurpose(StrEnum):
    """What a link that is used once lets its holder do."""

    RESET = "reset"
    """Choose a new password."""

    SIGN_IN = "sign-in"
    """Begin a session without a password."""


def read_email(text: str, *, member: str = "email") -> str:
    """Return an e-mail address in lower case; raises InvalidMember."""
    email = text.strip().lower()
    # "=?" begins an encoded word (RFC 2047), as which a mail program may read several addresses.
    is_odd = len(email) > MAX_EMAIL or not email.isprintable() or "=?" in email
    if is_odd or not _EMAIL.fullmatch(email):
        raise InvalidMember(
            member, f"{quoted(text.strip())} is not an e-mail address.", remedy=_EMAIL_ADVICE
        )
    return email


def check_password(password: str, *, member: str = "password") -> None:
    """Refuse a password that is too short or too long; raises InvalidMember."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidMember(
            member,
            f"The password has {len(password)} characters.",
            remedy=f"Use {MIN_PASSWORD} to {MAX_PASSWORD} characters of any kind; several words "
            "are easy to remember.",
        )
