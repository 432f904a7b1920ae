"""Token: the random text in a cookie or a link; the database holds only its SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import Final, NamedTuple

_BYTES: Final = 32
_SHAPE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Token(NamedTuple):
    """A new token: the text that its holder gets, and the SHA-256 that is stored."""

    text: str
    digest: bytes


def new() -> Token:
    """Return a new token of 256 random bits."""
    text = secrets.token_urlsafe(_BYTES)
    return Token(text, _digest(text))


def read(text: str) -> bytes | None:
    """Return the SHA-256 of a token; None for a text that cannot be one, without a query."""
    return _digest(text) if _SHAPE.fullmatch(text) else None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("ascii")).digest()
