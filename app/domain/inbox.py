"""Inbox: a test receiver of an account, and the calls that it received."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

MAX_INBOXES: Final = 10
"""Of one account."""

KEPT_CALLS: Final = 100
"""The newest calls of an inbox that are kept, for KEPT_HOURS at most."""

KEPT_HOURS: Final = 24

MAX_LABEL: Final = 100

KEPT_BODY: Final = 16 * 1024
"""Bytes of a call's body that are kept."""

KEPT_PATH: Final = 2048
"""Characters of a call's path, and as many of its query, that are kept."""

MAX_HEADERS: Final = 100
KEPT_HEADERS: Final = 8 * 1024
"""Bytes of a call's headers, names and values, that are kept."""

SLOW_S: Final = 20.0
"""Seconds until an inbox with the answer WAIT answers: longer than a call waits by default."""

BUSY_S: Final = 10
"""Seconds in the Retry-After of an inbox with the answer BUSY."""

COMPLETED_WITHIN_S: Final = 3600
"""Seconds within which a call that was answered with LATER must be completed."""

TOKEN_LENGTH: Final = 32
_ALPHABET: Final = string.ascii_letters + string.digits


class Answer(StrEnum):
    """What an inbox answers to calls, named by the status."""

    OK = "204"
    ERROR = "500"
    BUSY = "429"
    """With `Retry-After`."""

    LATER = "202"
    """With `Wakecall-Complete: later`: the result of the run is reported afterwards."""

    WAIT = "wait"
    """204 after SLOW_S seconds."""


class Signature(StrEnum):
    """Whether a call was signed with a secret of the inbox's account."""

    VERIFIED = "verified"
    INVALID = "invalid"
    MISSING = "missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Inbox:
    """An inbox. Whoever knows its `token` can call it, and do nothing else with it."""

    id: UUID
    token: str
    label: str
    answer: Answer
    created_at: datetime
    last_number: int = 0
    """How many calls have come; the number of the newest."""

    last_call_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """The content of one call, cut to what is kept."""

    received_at: datetime
    method: str
    path: str
    """What follows the token, such as `/orders`; empty if nothing does."""

    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    body_bytes: int
    """The length of the body as it came; `body` may be its beginning."""

    signature: Signature
    run_id: UUID | None = None
    attempt: int | None = None
    scheduled_for: datetime | None = None

    @property
    def lateness_ms(self) -> float | None:
        """Milliseconds from the time that the call was booked for until it came."""
        if self.scheduled_for is None:
            return None
        return (self.received_at - self.scheduled_for).total_seconds() * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class NewCall:
    """A call that just came to an inbox, and how it will be answered."""

    inbox_id: UUID
    answer: Answer
    received: Received


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxCall:
    """A call that an inbox keeps; `number` counts the calls of the inbox from 1."""

    number: int
    answer: Answer
    received: Received


def new_token() -> str:
    """Return a random token of 190 bits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


def is_token(text: str) -> bool:
    """Whether an inbox can have this token."""
    return len(text) == TOKEN_LENGTH and text.isascii() and text.isalnum()
