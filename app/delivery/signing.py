"""Signing: Standard Webhooks signatures (version 1.0, symmetric scheme `v1`)."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from app.domain.secret import PREFIX

_MIN_KEY_BYTES: Final = 24
_MAX_KEY_BYTES: Final = 64


def sign(secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of `webhook-signature`: a signature for each secret, separated by spaces.

    `timestamp` is the time of sending in whole seconds since 1970. Raises ValueError for a
    malformed secret.
    """
    start = b"%b.%d." % (message_id.encode(), timestamp)
    if len(secrets) == 1:
        return _signature(secrets[0], start, body)
    return " ".join(_signature(secret, start, body) for secret in secrets)


def _signature(secret: str, start: bytes, body: bytes) -> str:
    keyed = _keyed(secret).copy()
    # In two updates: a concatenation would copy a long body.
    keyed.update(start)
    keyed.update(body)
    return "v1," + b2a_base64(keyed.digest(), newline=False).decode()


@lru_cache(maxsize=4096)
def _keyed(secret: str) -> hmac.HMAC:
    """HMAC-SHA256 keyed with a `whsec_` secret, to be copied: halves the cost of a signature."""
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    if not secret.startswith(PREFIX) or not _MIN_KEY_BYTES <= len(key) <= _MAX_KEY_BYTES:
        raise ValueError(f"A signing secret is {PREFIX} and 24 to 64 bytes in base64.")
    return hmac.new(key, digestmod="sha256")
