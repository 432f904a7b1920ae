"""Report: the results of all situations, as a table, a page and a document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from app.domain.instants import format_utc
from bench.figures import percentile
from tests.soak.checker import first_calls, situation_of
from tests.soak.records import Asked, Call, Fate, Span, Violation

ON_TIME_S = 1.0
HEAD = ("situation", "s", "calls", "p50 ms", "p99 ms", "max ms", "on time after", "repeats", "503")
MAX_LINES = 20
"""Violations of each kind that are listed; the others are counted."""


class Figures(NamedTuple):
    """What came of one situation; times in seconds.

    `on_time_after` is how long after the end of the fault the last call was due that came more than
    ON_TIME_S late.
    """

    name: str
    about: str
    seconds: float
    calls: int
    p50: float
    p99: float
    max: float
    on_time_after: float
    repeats: int
    unanswered: int
    note: str


def figures(
    asked: Iterable[Asked], calls: Sequence[Call], spans: Sequence[Span], excused: Sequence[Call]
) -> list[Figures]:
    """The figures of each situation, in the order in which they were played."""
    firsts = first_calls(calls)
    late: dict[str, list[tuple[float, float]]] = {span.name: [] for span in spans}
    refused: Counter[str] = Counter()
    for each in asked:
        name = situation_of(each.due, spans)
        refused[name] += sum(status in {0, 503} for status in each.answers)
        if each.key in firsts and each.fate is not Fate.DELETED and name in late:
            late[name].append((each.due, firsts[each.key].at - each.due))
    repeats = Counter(situation_of(each.at, spans) for each in excused)
    return [_of(span, late[span.name], repeats[span.name], refused[span.name]) for span in spans]


def _of(span: Span, late: Sequence[tuple[float, float]], repeats: int, refused: int) -> Figures:
    ascending = sorted(seconds for _, seconds in late) or [0.0]
    behind = [due + seconds for due, seconds in late if seconds > ON_TIME_S]
    return Figures(
        name=span.name,
        about=span.about,
        seconds=span.ended - span.began,
        calls=len(late),
        p50=percentile(ascending, 0.5),
        p99=percentile(ascending, 0.99),
        max=ascending[-1],
        on_time_after=max(0.0, max(behind, default=0.0) - span.mended),
        repeats=repeats,
        unanswered=refused,
        note=span.note,
    )


def table(found: Sequence[Figures]) -> list[str]:
    """Lines for the terminal."""
    rows = [HEAD, *(_row(each) for each in found)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def reasons(violations: Sequence[Violation]) -> list[str]:
    """A line for each broken promise; of very many of one kind, the first ones."""
    kinds = Counter(each.kind for each in violations)
    listed: Counter[str] = Counter()
    lines = []
    for each in violations:
        listed[each.kind] += 1
        if listed[each.kind] <= MAX_LINES:
            lines.append(f"{each.kind} ({each.situation}): {each.text}")
    more = {kind: number - MAX_LINES for kind, number in kinds.items() if number > MAX_LINES}
    return [*lines, *(f"{kind}: {number} more" for kind, number in more.items())]


def write(
    folder: Path, found: Sequence[Figures], violations: Sequence[Violation], **facts: Any
) -> None:
    """Write `soak.json` and `soak.md` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "date": format_utc(datetime.now(UTC)),
        **facts,
        "situations": [each._asdict() for each in found],
        "violations": [each._asdict() for each in violations],
    }
    (folder / "soak.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "soak.md").write_text(_page(document, found, violations), encoding="utf-8")


def _page(
    document: dict[str, Any], found: Sequence[Figures], violations: Sequence[Violation]
) -> str:
    head = ("situation", "what happens", *HEAD[1:], "")
    rows = [(each.name, each.about, *_row(each)[1:], each.note) for each in found]
    lines = [" | ".join(row) for row in (head, ("---",) * len(head), *rows)]
    said = [f"- {line}" for line in reasons(violations)] or ["None was lost, early or doubled."]
    return "\n".join(["# Soak", "", f"{document['date']}", "", *lines, "", *said, ""])


def _row(each: Figures) -> tuple[str, ...]:
    return (
        each.name,
        f"{each.seconds:.0f}",
        f"{each.calls}",
        f"{each.p50 * 1000:.0f}",
        f"{each.p99 * 1000:.0f}",
        f"{each.max * 1000:.0f}",
        f"{each.on_time_after:.1f} s",
        f"{each.repeats}",
        f"{each.unanswered}",
    )
