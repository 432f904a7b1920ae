"""Checks: bounds of numbers, and text of a client made safe to be quoted in an error message."""

from __future__ import annotations

from typing import Final

from app.errors import InvalidMember

MAX_QUOTED: Final = 60


def quoted(text: str) -> str:
    """Return `text` in double quotes, escaped to printable ASCII and cut to MAX_QUOTED characters.

    Every format can encode the result, which has neither control characters nor lone surrogates.
    """
    return f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """Return what `quoted` returns, without the quotes: for the path of a member."""
    shown = text[:MAX_QUOTED].encode("unicode_escape").decode("ascii")
    return f"{shown}..." if len(text) > MAX_QUOTED else shown


def member_name(name: str) -> str:
    """Return a client's name of a member as the path of a refusal has it; `""` for an empty one."""
    return escaped(name) or '""'


def check_between(member: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Check that a number is in [least, most]; raises InvalidMember for `member`."""
    if not least <= value <= most:
        bounds = f"{least:.15g} to {most:.15g}{f' {unit}' if unit else ''}"
        raise InvalidMember(
            member,
            f"{member} must be a number from {bounds}, not {value:.15g}.",
            remedy=f"Give {bounds}.",
        )
