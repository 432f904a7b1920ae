"""Names: which names a Dapr job may have, and the white space that a booking drops."""

from __future__ import annotations

from typing import Final
from unicodedata import category

from app.domain.checks import quoted
from app.domain.dapr.refusal import Refusal

MAX_NAME: Final = 512
"""Characters. Dapr's own limit is below 600."""

BLANK: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""White space as Go defines it, which has fewer characters than Python's."""

_FORBIDDEN: Final = "/\\#?"
_CONTROL_OR_SURROGATE: Final = ("Cc", "Cs")
_PATH_STEPS: Final = (".", "..")


def trim(name: str) -> str:
    """The name without the white space at its ends, as a booking over HTTP drops it."""
    return name.strip(BLANK)


def check_name(name: str) -> None:
    """Raise Refusal for a name that a Dapr job cannot have.

    Dapr puts this text after `failed to schedule job due to: … desc = `, without the words "job
    failed validation" of other refusals.
    """
    if not name:
        raise Refusal("name", "job name cannot be empty", remedy="name the job in the path")
    if len(name) > MAX_NAME:
        raise Refusal(
            "name",
            f"job name is invalid {quoted(name)}: it has {len(name)} characters",
            remedy=f"use at most {MAX_NAME}",
        )
    if name in _PATH_STEPS:
        raise Refusal(
            "name",
            f"job name is invalid {quoted(name)}: it would be a step in a path",
            remedy="give it a name with another character in it",
        )
    for position, character in enumerate(name, 1):
        if character in _FORBIDDEN or category(character) in _CONTROL_OR_SURROGATE:
            raise Refusal(
                "name",
                f"job name is invalid {quoted(name)}: "
                f"it has {quoted(character)} at character {position}",
                remedy="use any characters but / \\ # ? and control characters",
            )
