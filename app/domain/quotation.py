"""Quotation: a client's own words, made safe and short enough to stand in an error message."""

from __future__ import annotations

from typing import Final

MAX_QUOTED: Final = 60


def quoted(text: str) -> str:
    """`text` in double quotes: printable ASCII, all else escaped, cut to MAX_QUOTED characters.

    Any format can carry the result: no control character, no lone surrogate is left in it.
    """
    shown = text[:MAX_QUOTED].encode("unicode_escape").decode("ascii")
    return f'"{shown}..."' if len(text) > MAX_QUOTED else f'"{shown}"'
