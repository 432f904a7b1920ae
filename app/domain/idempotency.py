"""Idempotency: the key under which a request may be repeated, and what makes it the same request.

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
"""How long an answer is replayed."""

MAX_KEY: Final = 255
MAX_ANSWER: Final = 8 * 1024 * 1024
"""The most bytes of an answer's body that are kept."""

# A comma stands between two fields sent at once: a key with one in it must be quoted.
_BARE: Final = re.compile(rf"[!#-+\--~]{{1,{MAX_KEY}}}")
_QUOTED: Final = re.compile(r'"((?:[!#-\[\]-~]|\\["\\])*)"')
_ESCAPE: Final = re.compile(r'\\(["\\])')

# Refusals that every repeat would meet again, whatever is stored by then.
_FINAL: Final = frozenset({400, 406, 413, 414, 415, 422})


def read_key(field: str) -> str:
    """The key in a header field: bare, or a string as RFC 8941, 3.3.3 has it; the two are one.

    Raises InvalidMember.
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
            f"The value of {HEADER} is no key.",
            remedy=f"Send one key of 1 to {MAX_KEY} visible ASCII characters, such as a UUID; "
            "one that holds a comma or a double quote in double quotes.",
        )
    return key


def fingerprint(parts: Iterable[bytes]) -> bytes:
    """SHA-256 over the parts of a request that make it the same one, each with its length."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8))
        digest.update(part)
    return digest.digest()


def is_final(status: int) -> bool:
    """Whether an answer of this HTTP status is kept: done, or wrong whenever it is asked.

    What rests on the key, the rate, what is stored, or on Wakecall itself may come out otherwise
    the next time; as nothing was done, the repeat is simply tried.
    """
    return 200 <= status < 300 or status in _FINAL  # noqa: PLR2004 - RFC 9110, 15.3
