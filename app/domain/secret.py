"""Signing secret: its text (Standard Webhooks 1.0), and the rules for replacing it."""

from __future__ import annotations

import secrets as randomness
from base64 import b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

PREFIX: Final = "whsec_"

MAX_SECRETS: Final = 5
"""How many secrets of an account may be valid at once; each adds 48 bytes to every call."""

DEFAULT_OVERLAP: Final = timedelta(days=1)
MAX_OVERLAP: Final = timedelta(days=365)
"""How long older secrets also sign after a new one was made: by default, and at most."""

_NEW: Final = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningSecret:
    """A secret that signs now; `expires_at` is None for the newest one."""

    value: str
    created_at: datetime
    expires_at: datetime | None


def new_secret() -> str:
    """Return a new signing secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + b64encode(randomness.token_bytes(_NEW)).decode()
