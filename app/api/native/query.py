"""Query: the parameters of an address, each of them known, and the pages of a list they ask for."""

from __future__ import annotations

from typing import Final

from flask import request

from app.api import pages
from app.domain.quotation import quoted
from app.errors import InvalidMember

LIMIT: Final = "limit"
CURSOR: Final = pages.CURSOR
MOST: Final = pages.MAX_LIMIT
USUAL: Final = 100


def check(*offered: str, hint: str = "") -> None:
    """Refuse a parameter that is not offered: overlooked, it would mean more than was meant."""
    for name in request.args:
        if name not in offered:
            known = f"The parameters are: {', '.join(offered)}." if offered else "Leave it out."
            raise InvalidMember(
                quoted(name)[1:-1],
                f"There is no parameter {quoted(name)} here.",
                remedy=f"{known} {hint}".rstrip(),
            )


def one(name: str) -> str | None:
    """What is given for a parameter; raises InvalidMember where it is given more than once."""
    given = request.args.getlist(name)
    if len(given) > 1:
        raise InvalidMember(name, f"{name} is given more than once.", remedy=f"Give {name} once.")
    return given[0] if given else None


def limit() -> int | None:
    """How many are asked for, 1 to MOST; raises InvalidMember."""
    text = one(LIMIT)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(MOST))):
        text = "0"
    if not 1 <= int(text) <= MOST:
        raise InvalidMember(
            LIMIT,
            "limit is no whole number in its bounds.",
            remedy=f"Give a number from 1 to {MOST}.",
        )
    return int(text)
