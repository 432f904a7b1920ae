"""Breakage table: how many seeds each planted fault needs, as docs/guarantees.md shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.simulation.breakage import Breakage
from tests.simulation.breakages import ALL

_HEAD: Final = "| planted fault | seeds | found as, or held by |"
_RULE: Final = "|---|---|---|"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """How a breakage was found."""

    seeds: int
    """How many seeds were played, the one that found it included."""
    violation: str


def result_of(breakage: Breakage, found: Found | None, seeds: int) -> str:
    """In words, what came of playing that many seeds with the breakage."""
    if found is not None:
        surprise = ", although a second rule is to hold it" if breakage.held_by else ""
        return f"found by seed {found.seeds}{surprise}: {found.violation[:120]}"
    if breakage.held_by:
        return f"not found by {seeds} seeds, as {breakage.held_by}"
    return f"NOT FOUND by {seeds} seeds"


def write(page: Path, found: Mapping[str, Found | None], seeds: int) -> None:
    """Replace the table in that page; rows of breakages that were not played stay as they are.

    Raises ValueError if the page has no such table.
    """
    lines = page.read_text().splitlines()
    begin = lines.index(_HEAD)
    end = next((at for at in range(begin, len(lines)) if not lines[at].startswith("|")), len(lines))
    known = {line.split(" | ")[0].removeprefix("| "): line for line in lines[begin + 2 : end]}
    rows = [
        _row(each, found[each.name], seeds) if each.name in found else known.get(each.name)
        for each in ALL
    ]
    table = [_HEAD, _RULE, *(each for each in rows if each is not None)]
    page.write_text("\n".join([*lines[:begin], *table, *lines[end:]]) + "\n")


def _row(breakage: Breakage, found: Found | None, seeds: int) -> str:
    if found is not None:
        return f"| {breakage.name} | {found.seeds} | {found.violation.partition(':')[0]} |"
    how = breakage.held_by or "not found"
    return f"| {breakage.name} | none of {seeds} | {how} |"
