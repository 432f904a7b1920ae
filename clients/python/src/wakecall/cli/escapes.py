"""Escapes: texts of others as they are printed, for terminals, spreadsheets and JSON. Pure.

Receivers and other clients write some of what is shown. They must control neither the terminal
nor the spreadsheet of the person who reads it.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

_OTHER_THAN_ASCII: Final = re.compile(r"[^\n -~]")
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that spreadsheets take for a formula; East Asian ones take wide forms, too."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")


def printable(text: str, *, kept: str = "") -> str:
    """Return a text with control characters escaped, but for those in `kept`.

    Line breaks are escaped as well, so that the text takes one line. So are characters without
    a shape, such as those that turn the direction of what follows.
    """
    return "".join(
        each
        if each.isprintable() or each in kept
        else each.encode("unicode_escape").decode("ascii")
        for each in text
    )


def lines(text: str) -> str:
    """Return a text of several lines, with all other control characters escaped."""
    return printable(text, kept="\n\t")


def cell(text: str) -> str:
    """Return a text as a cell of a spreadsheet, with control characters escaped.

    Line breaks and tabs stay. A text that would be taken for a formula gets an apostrophe before
    it, but a number does not.
    """
    guard = "'" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else ""
    return guard + lines(text)


def document(value: Any, *, indent: int | None = None) -> str:  # noqa: ANN401 - any of JSON
    """Return a value in JSON, with characters that are not printed as the escapes of JSON."""
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    return _OTHER_THAN_ASCII.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found.group()
    return character if character.isprintable() else json.dumps(character)[1:-1]
