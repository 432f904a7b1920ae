"""Table: what an account notices beside each operation of another one, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Final

from bench.figures import format_ms
from bench.neighbours.beside import Figures, Noticed
from bench.neighbours.setting import BOOKINGS, READS

CALLS_P99_MS: Final = 100.0
REQUESTS_P99_MS: Final = 250.0
FURTHER_P99_MS: Final = 500.0
"""The aims: of pages, searches, RPCs and tools there are fewer, and each costs more."""

HEAD: Final = (
    *("beside", "calls p50", "p99", "bookings p50", "p99", "reads p50", "p99"),
    *("own kind p50", "p99", "x idle", "answers/s", "refused"),
)
_FIRST_REFUSAL: Final = 400


def misses(name: str, noticed: Noticed) -> list[str]:
    """What is above the aims, a line each."""
    found = []
    if noticed.calls.failed:
        found.append(f"{name}: {noticed.calls.failed} calls did not come")
    if noticed.calls.p99 > CALLS_P99_MS:
        found.append(f"{name}: calls are late by p99 {format_ms(noticed.calls.p99)}")
    for kind, each in noticed.requests.items():
        aim = REQUESTS_P99_MS if kind in {BOOKINGS, READS} else FURTHER_P99_MS
        if each.failed:
            found.append(f"{name}: {each.failed} of {each.count} {kind} were refused")
        if each.p99 > aim:
            found.append(f"{name}: {kind} took p99 {format_ms(each.p99)}")
    return found


def rows(
    idle: Mapping[str, Noticed], found: Mapping[str, Noticed], seconds: float
) -> Iterator[tuple[str, ...]]:
    """A row for each operation; `idle` are measurements beside nothing, in the same run."""
    usual = median(each.requests[BOOKINGS].p99 for each in idle.values())
    for name, each in (*idle.items(), *found.items()):
        requests = dict(each.requests)
        bookings, reads = requests.pop(BOOKINGS), requests.pop(READS)
        further = next(iter(requests.values()), None)
        yield (
            name,
            *_shown(each.calls),
            *_shown(bookings),
            *_shown(reads),
            *(_shown(further) if further else ("", "")),
            f"{bookings.p99 / usual:.1f}",
            *_attacker(each, seconds),
        )


def lines(rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    """The rows below their heads, in columns."""
    table = [HEAD, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        name, *others = row
        columns = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        yield "  ".join((name.ljust(widths[0]), *columns)).rstrip()


def _shown(figures: Figures) -> tuple[str, str]:
    failed = f" ({figures.failed} failed)" if figures.failed else ""
    return format_ms(figures.p50), format_ms(figures.p99) + failed


def _attacker(noticed: Noticed, seconds: float) -> tuple[str, str]:
    counts = [
        (int(status), number)
        for statuses in noticed.answered.values()
        for status, number in statuses.items()
    ]
    if not counts:
        return "", ""
    answers = sum(number for _, number in counts)
    refused = sum(number for status, number in counts if status >= _FIRST_REFUSAL)
    return f"{answers / seconds:,.0f}", f"{refused / answers:.0%}"
