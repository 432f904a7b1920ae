"""Signature: checks the Standard Webhooks signature (version 1.0, `v1`) of a call that comes in."""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.domain.inbox import Signature
from app.domain.secret import PREFIX

TOLERANCE_S: Final = 300
"""How far from now, in seconds, the time of a signature may be: the specification advises five
minutes, against calls that are repeated by others."""

_MAX_SIGNATURES: Final = 16
_MAX_CHARACTERS: Final = 2048
_DIGITS: Final = 15


class SignatureCheck:
    """The check of one call, whose body may come in parts; see `update` and `result`.

    `signature`, `message_id` and `timestamp` are the values of the headers `webhook-signature`,
    `webhook-id` and `webhook-timestamp`; an empty text stands for a header that is missing.
    """

    def __init__(
        self, secrets: Sequence[str], *, signature: str, message_id: str, timestamp: str
    ) -> None:
        self._timestamp = timestamp
        self._given = signature[:_MAX_CHARACTERS].split()[:_MAX_SIGNATURES]
        start = f"{message_id}.{timestamp}.".encode("utf-8", "replace")
        self._hashes = [
            hmac.new(b64decode(secret.removeprefix(PREFIX)), start, "sha256")
            for secret in (secrets if self._given else ())
        ]

    def update(self, part: bytes) -> None:
        """Add the next part of the body."""
        for each in self._hashes:
            each.update(part)

    def result(self, now: datetime) -> Signature:
        """Return the result, once the whole body was added."""
        if not self._given:
            return Signature.MISSING
        if not _is_recent(self._timestamp, now):
            return Signature.INVALID
        expected = [b"v1," + b64encode(each.digest()) for each in self._hashes]
        given = [each.encode("utf-8", "replace") for each in self._given]
        fits = any(hmac.compare_digest(one, other) for one in expected for other in given)
        return Signature.VERIFIED if fits else Signature.INVALID


def _is_recent(timestamp: str, now: datetime) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return False
    return abs(now.timestamp() - int(timestamp)) <= TOLERANCE_S
