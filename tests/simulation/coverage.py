"""Coverage: each firing of a job has its run, once, and there is no run that is no firing of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from tests.simulation.clients import Life
from tests.simulation.evidence import Evidence, RunRow
from tests.simulation.schedules import AnySchedule

WITHDRAWN_S: Final = 0.1
"""How long after an answered delete or pause a call may still begin."""

_CLAIMED: Final = timedelta(seconds=0.5)
"""How long before it is due a firing may have been claimed."""

_BEFORE: Final = timedelta(seconds=2)
_SLACK: Final = timedelta(seconds=3)
"""So long after its time a firing has had its run made, where nothing was wrong."""

_WITHDRAWING: Final = frozenset({"delete", "pause"})


@dataclass(frozen=True, slots=True)
class Span:
    """A time between two changes of a job, in which one schedule is in force."""

    begins: datetime
    ends: datetime
    schedule: AnySchedule
    is_paused: bool
    ending: str | None
    """The change that ends it; None where the simulation does."""


def coverage(evidence: Evidence) -> Iterator[str]:
    """2 and 6: the runs of each job are its firings; one may stand for those missed after it."""
    for life in evidence.lives:
        runs = [each for each in evidence.runs_of[life.id or ""] if each.kind == "scheduled"]
        yield from _coverage_of(evidence, life, runs)


def _coverage_of(evidence: Evidence, life: Life, runs: Sequence[RunRow]) -> Iterator[str]:
    found = list(spans(life, evidence.ended))
    allowed = sorted({each for span in found for each in _allowed(span)})
    covered: Counter[tuple[datetime, int]] = Counter()
    for run in runs:
        if run.due_at not in allowed:
            if run.state != "cancelled" or not _was_claimed_before(life, run):
                yield f"invented: {life.path} has a run due {run.due_at}, which is no firing of it"
            continue
        later = [each for each in allowed if each > run.due_at]
        covered.update((each, run.version) for each in (run.due_at, *later[: run.missed]))
    have = {each for each, _ in covered}
    for span in found:
        for each in _required(evidence, span):
            if each not in have:
                yield f"missed: {life.path} has no run for its firing of {each}"
    for (each, _), number in covered.items():
        if number > 1:
            yield f"twice: {life.path} has {number} runs for its firing of {each}"


def spans(life: Life, ended: datetime) -> Iterator[Span]:
    """The life of a job, cut where its client has changed it."""
    schedule: AnySchedule | None = None
    is_paused = False
    for index, change in enumerate(life.changes):
        schedule = change.schedule or schedule
        is_paused = change.what == "pause" or (is_paused and change.what != "resume")
        if schedule is None or change.what == "delete":
            return
        following = life.changes[index + 1] if index + 1 < len(life.changes) else None
        yield Span(
            begins=change.at,
            ends=following.at if following else ended,
            schedule=schedule,
            is_paused=is_paused,
            ending=following.what if following else None,
        )


def _allowed(span: Span) -> list[datetime]:
    """The firings that may have a run: a change counts for what is due a little after it."""
    return span.schedule.between(span.begins, span.ends + timedelta(seconds=WITHDRAWN_S))


def _required(evidence: Evidence, span: Span) -> list[datetime]:
    """The firings that must have a run, or one that stands for them.

    A change to another schedule leaves those that were due, however long nobody claimed them.
    """
    firings = span.schedule.between(span.begins, span.ends)
    if span.is_paused:
        return firings if span.ending == "resume" else []
    if span.ending not in _WITHDRAWING:
        return firings
    return [
        each
        for each in firings
        if each < span.ends - _SLACK and not evidence.had_incident(each - _BEFORE, each + _SLACK)
    ]


def _was_claimed_before(life: Life, run: RunRow) -> bool:
    """Whether a change that came after the claim, and before the call, may have withdrawn it."""
    return any(timedelta(0) <= run.due_at - each.at < _CLAIMED for each in life.changes)
