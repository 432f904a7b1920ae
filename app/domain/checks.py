"""Checks: bounds of numbers, and a client's own words made safe to stand in an error message."""

from __future__ import annotations

from typing import Final

from app.errors import InvalidMember

MAX_QUOTED: Final = 60


def quoted(text: str) -> str:
    """`text` in double quotes: printable ASCII, all else escaped, cut to MAX_QUOTED characters.

    Any format can carry the result: no control character, no lone surrogate is left in it.
    """
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """`text` as `quoted` has it, without the quotes: for the path of a member."""
    shown = text[:MAX_QUOTED].encode("unicode_escape").decode("ascii")
    return f"{shown}..." if len(text) > MAX_QUOTED else shown


def check_between(member: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Refuse a number outside [least, most]; raises InvalidMember for `member`."""
    if not least <= value <= most:
        of_what = f" {unit}" if unit else ""
        raise InvalidMember(
            member,
            f"{member} is {value:.15g}.",
            remedy=f"Give {least:.15g} to {most:.15g}{of_what}.",
        )
