"""Invitation: a link with which people join, and who may sign up at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from app.domain.account import Account
from app.domain.role import Role

DEFAULT_EXPIRY: Final = timedelta(days=14)
MAX_EXPIRY: Final = timedelta(days=90)
SIGN_UP_EXPIRY: Final = timedelta(days=1)
"""How long the link of somebody who signed up without an invitation is valid."""

MAX_USES: Final = 1000
MAX_NOTE: Final = 200
MAX_OPEN: Final = 100
"""How many invitations of one account can be used at the same time."""

PERIOD: Final = timedelta(days=1)
MAX_IN_PERIOD: Final = 200
"""How many invitations one account can make in a PERIOD: each may be a mail to a stranger."""

KEPT: Final = timedelta(days=30)
"""How long an invitation that has expired stays in lists."""


class SignUp(StrEnum):
    """Who may sign up for a new account."""

    OPEN = "open"
    """Everybody."""

    INVITE = "invite"
    """Who has a link from the operator."""

    CLOSED = "closed"
    """Nobody; owners may still invite members into their accounts."""


class Usability(StrEnum):
    """Whether an invitation can be used, in words for lists."""

    OPEN = "open"
    USED = "used up"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True, slots=True)
class Invitation:
    """An invitation as it is listed: never its token."""

    id: int
    note: str
    email: str | None
    """Whose invitation it is; None for anybody who has the link."""
    account: Account | None
    """The account that its users join; None if each makes a new one."""
    role: Role
    uses: int
    used: int
    created_at: datetime
    created_by: str | None
    """The e-mail address of the owner who made it; None for the operator."""
    expires_at: datetime
    revoked_at: datetime | None
    now: datetime
    """The database's clock."""

    @property
    def usability(self) -> Usability:
        """Whether it can be used, or else why not."""
        if self.revoked_at is not None:
            return Usability.REVOKED
        if self.used >= self.uses:
            return Usability.USED
        return Usability.EXPIRED if self.expires_at <= self.now else Usability.OPEN


@dataclass(frozen=True, kw_only=True, slots=True)
class BetaRequest:
    """Somebody's request to be invited."""

    id: int
    email: str
    purpose: str
    """What for, in the words of the person."""
    created_at: datetime
    accepted_at: datetime | None
