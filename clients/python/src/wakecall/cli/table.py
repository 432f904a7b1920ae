"""Table: lays out rows for a terminal, without cutting an id or a number. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from wakecall.cli import escapes

_GAP: Final = "  "
_MIN_SHORTENED: Final = 16
"""Columns of the terminal that a shortened text has at least; otherwise it is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """The lines of a table, the names of its columns first, and the columns that are left out."""

    lines: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(map(_width, text))


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def lay_out(
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    columns: int | None,
    free: frozenset[str] = frozenset(),
    right: frozenset[str] = frozenset(),
) -> Layout:
    """Return the lines of a table that is at most `columns` wide; None means without limit.

    Columns are left out from the right until the table fits. The last column is shortened instead
    if it is `free`: its texts are for people. Those in `right` are aligned to the right.
    """
    cells = [[escapes.printable(each) for each in row] for row in [list(names), *rows]]
    widths = [max(width(row[index]) for row in cells) for index in range(len(names))]
    kept, last = _fitting(names, widths, columns, free)
    lines = []
    for row in cells:
        parts = []
        for index in range(kept):
            text = row[index] if index < kept - 1 else shortened(row[index], last)
            padding = " " * ((last if index == kept - 1 else widths[index]) - width(text))
            parts.append(padding + text if names[index] in right else text + padding)
        lines.append(_GAP.join(parts).rstrip())
    return Layout(lines=tuple(lines), left_out=tuple(names[kept:]))


def _fitting(
    names: Sequence[str], widths: list[int], columns: int | None, free: frozenset[str]
) -> tuple[int, int]:
    """Return how many columns are shown, and the width of the last one."""
    if columns is None:
        return len(names), widths[-1]
    for kept in range(len(names), 1, -1):
        before = sum(widths[: kept - 1]) + len(_GAP) * (kept - 1)
        left = columns - before
        if widths[kept - 1] <= left:
            return kept, widths[kept - 1]
        if names[kept - 1] in free and left >= _MIN_SHORTENED:
            return kept, left
    return 1, widths[0]


def shortened(text: str, columns: int) -> str:
    """Return a text that takes at most so many columns, with an ellipsis if it was longer."""
    if width(text) <= columns:
        return text
    taken, kept = 0, ""
    for character in text:
        if taken + _width(character) > columns - 1:
            break
        taken += _width(character)
        kept += character
    return f"{kept}…"
