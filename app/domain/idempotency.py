"""Idempotency: the key with which a request can be repeated, and what makes two requests equal.

Source: draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from app.errors import InvalidMember

HEADER: Final = "Idempotency-Key"

KEPT_FOR: Final = timedelta(hours=24)
"""How long a response is kept for repeats."""

MAX_KEY: Final = 255
MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of the longest response body that is kept."""

# A comma stands between two fields sent at once: a key with one in it must be quoted.
_BARE: Final = re.compile(rf"[!#-+\--~]{{1,{MAX_KEY}}}")
_QUOTED: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"')
_ESCAPE: Final = re.compile(r'\\(["\\])')

# Refusals that every repeat would get again, whatever is stored at that time.
_FINAL: Final = frozenset({400, 406, 413, 414, 415, 422})


def read_key(field: str) -> str:
    """Return the key in a header field; raises InvalidMember.

    The key is bare, or a quoted string (RFC 8941, 3.3.3); both forms of a key are the same key.
    """
    field = field.strip(" \t")
    if _BARE.fullmatch(field):
        return field
    # Each character of the key may be escaped, and two quotes stand around it.
    match = _QUOTED.fullmatch(field) if len(field) <= 2 * MAX_KEY + 2 else None
    key = _ESCAPE.sub(r"\1", match[1]) if match else ""
    if not 1 <= len(key) <= MAX_KEY:
        raise InvalidMember(
            HEADER,
            f"{HEADER} does not contain a valid key.",
            remedy=f"Send one key of 1 to {MAX_KEY} visible ASCII characters, such as a UUID. "
            "Put a key that contains a comma or a double quote in double quotes.",
        )
    return key


def fingerprint(parts: Iterable[bytes]) -> bytes:
    """Return the SHA-256 of the parts that two equal requests share, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def is_final(status: int) -> bool:
    """Return whether a response of this HTTP status is kept for repeats.

    Kept are successes, and refusals that every repeat would get again. A refusal because of the
    key, the rate, the stored state or an error of Wakecall may be different the next time; nothing
    was changed, so the repeat is processed as a new request.
    """
    return 200 <= status < 300 or status in _FINAL  # noqa: PLR2004 - RFC 9110, 15.3
