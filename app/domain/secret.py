"""Signing secret: how one is written (Standard Webhooks 1.0), and how a fresh one is made."""

from __future__ import annotations

import secrets as randomness
from base64 import b64encode
from typing import Final

PREFIX: Final = "whsec_"

_NEW: Final = 32


def new_secret() -> str:
    """A fresh signing secret: `whsec_` and 32 random bytes in base64."""
    return PREFIX + b64encode(randomness.token_bytes(_NEW)).decode()
