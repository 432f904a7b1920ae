"""Query: the pages of a list that the parameters of an address ask for."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import pages
from app.errors import InvalidMember

LIMIT: Final = "limit"
CURSOR: Final = pages.CURSOR
MAX_LIMIT: Final = pages.MAX_LIMIT
DEFAULT_LIMIT: Final = 100


def limit() -> int | None:
    """How many are asked for, 1 to MAX_LIMIT; raises InvalidMember."""
    text = request.args.get(LIMIT)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))):
        text = "0"
    if not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidMember(
            LIMIT,
            "limit is no whole number in its bounds.",
            remedy=f"Give a number from 1 to {MAX_LIMIT}.",
        )
    return int(text)
