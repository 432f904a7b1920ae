"""Bounds: a number that a client may choose, between the least and the most that is taken."""

from __future__ import annotations

from app.errors import InvalidMember


def check_between(member: str, value: float, least: float, most: float, unit: str = "") -> None:
    """Refuse a number outside [least, most]; raises InvalidMember for `member`."""
    if not least <= value <= most:
        of_what = f" {unit}" if unit else ""
        raise InvalidMember(
            member,
            f"{member} is {value:.15g}.",
            remedy=f"Give {least:.15g} to {most:.15g}{of_what}.",
        )
