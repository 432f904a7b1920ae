"""Report: what each fault cost, as a table for the terminal, a page and a document."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from app.domain.instants import format_utc
from bench.figures import percentile
from tests.chaos.play import Plan, Played
from tests.soak.checker import CALM, first_calls
from tests.soak.records import Fate, Span
from tests.soak.report import ON_TIME_S, reasons

PAIRS = "two at once"
_HEAD = ("fault", "times", "calls", "p50 ms", "p99 ms", "max s", "drained in s", "repeats", "5xx")


class Figures(NamedTuple):
    """What one fault cost, each time that it was injected.

    `calls` are those that came, or were more than ON_TIME_S late, between its beginning and that of
    the next one: what is due just before a fault, and waits for the end of it, is late because of
    that one. Times are in seconds.
    `drained` is the longest time from its end until no call was more than ON_TIME_S late;
    `unanswered` are bookings that got no answer or a 5xx, each of which was sent again.
    """

    name: str
    times: int
    calls: int
    p50: float
    p99: float
    max: float
    drained: float
    repeats: int
    unanswered: int


def figures(played: Played) -> list[Figures]:
    """The figures of each fault in the order of their names; those of all pairs together."""
    spans = played.spans
    begins = [each.began for each in spans]
    firsts = first_calls(played.calls)
    late: defaultdict[str, list[float]] = defaultdict(list)
    drained: defaultdict[str, float] = defaultdict(float)
    repeats: defaultdict[str, int] = defaultdict(int)
    unanswered: defaultdict[str, int] = defaultdict(int)
    for each in played.asked:
        if each.fate is not Fate.BOOKED or each.key not in firsts:
            continue
        arrived = firsts[each.key].at
        span = _span_at(min(arrived, each.due + ON_TIME_S), spans, begins)
        name = _row_of(span)
        late[name].append(arrived - each.due)
        if span is not None and arrived - each.due > ON_TIME_S:
            drained[name] = max(drained[name], arrived - span.mended)
    for call in played.repeated:
        repeats[_row_of(_span_at(call.at, spans, begins))] += 1
    for at in played.unanswered:
        unanswered[_row_of(_span_at(at, spans, begins))] += 1
    times: defaultdict[str, int] = defaultdict(int)
    for span in spans:
        times[_row_of(span)] += 1
    return [
        Figures(
            name=name,
            times=times[name],
            calls=len(late[name]),
            p50=percentile(ascending, 0.5),
            p99=percentile(ascending, 0.99),
            max=ascending[-1],
            drained=drained[name],
            repeats=repeats[name],
            unanswered=unanswered[name],
        )
        for name in sorted({*late, *times})
        for ascending in [sorted(late[name]) or [0.0]]
    ]


def table(found: Sequence[Figures]) -> list[str]:
    """Lines for the terminal."""
    rows = [_HEAD, *(_row(each) for each in found)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if n == 0 else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]


def summary(played: Played) -> str:
    """What was booked and called, in a line."""
    called = {each.key for each in played.calls}
    owed = sum(each.fate is Fate.BOOKED for each in played.asked)
    return (
        f"{owed} firings owed, {len(called)} made in {len(played.calls)} calls, "
        f"{len(played.repeated)} of them repeats because of a fault"
    )


def write(folder: Path, plan: Plan, played: Played) -> None:
    """Write `chaos.json` and `chaos.md` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    found = figures(played)
    document = {
        "date": format_utc(datetime.now(UTC)),
        "plan": plan._asdict(),
        "summary": summary(played),
        "left_out": played.left_out,
        "faults": [each._asdict() for each in found],
        "turns": [
            {"name": each.name, "began": each.began, "mended": each.mended, "ended": each.ended}
            for each in played.spans
        ],
        "violations": [each._asdict() for each in played.violations],
    }
    text = json.dumps(document, indent=1)
    (folder / "chaos.json").write_text(f"{text}\n", encoding="utf-8")
    rows = [_HEAD, ("---",) * len(_HEAD), *(_row(each) for each in found)]
    broken = [f"- {line}" for line in reasons(played.violations)] or ["Every promise was kept."]
    lines = ["# Chaos", "", f"{document['date']}: {summary(played)}", ""]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    (folder / "chaos.md").write_text("\n".join([*lines, "", *broken, ""]), encoding="utf-8")


def _span_at(at: float, spans: Sequence[Span], begins: Sequence[float]) -> Span | None:
    number = bisect_right(begins, at)
    return spans[number - 1] if number else None


def _row_of(span: Span | None) -> str:
    if span is None:
        return CALM
    return PAIRS if " + " in span.name else span.name


def _row(each: Figures) -> tuple[str, ...]:
    return (
        each.name,
        f"{each.times}",
        f"{each.calls}",
        f"{each.p50 * 1000:.0f}",
        f"{each.p99 * 1000:.0f}",
        f"{each.max:.1f}",
        f"{each.drained:.1f}",
        f"{each.repeats}",
        f"{each.unanswered}",
    )
