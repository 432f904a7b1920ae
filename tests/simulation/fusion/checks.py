"""Checks of Fusion jobs: firings, chains, starts and aborts, each against the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from tests.simulation.evidence import Evidence, RunRow, instant_at
from tests.simulation.fusion.life import RUNNER_ADDRESS, TASK_ADDRESS, FusionLife, Span
from tests.simulation.receivers import Arrival

_SAME: Final = timedelta(milliseconds=1)
_WITHDRAWN: Final = timedelta(milliseconds=100)
_CLAIMED: Final = timedelta(seconds=0.5)
"""How long before it is due a firing, or a start, may have its run."""
_BEFORE: Final = timedelta(seconds=2)
_SLACK: Final = timedelta(seconds=3)
_LEFT_OVER: Final = timedelta(hours=3)
ON_TIME: Final = timedelta(seconds=0.4)
_MOST_CALLS: Final = 3
_WAITS_S: Final = (5.0, 25.0)


def check_jobs(evidence: Evidence) -> Iterator[str]:
    """All that is promised of Fusion jobs."""
    lives = {life.resource: _Judged(evidence, life) for life in evidence.fusion}
    for judged in lives.values():
        for check in (_firings, _late, _overlaps, _retries, _outcomes, _starts, _aborts, _ends):
            yield from check(judged)
        yield from _chains(judged, lives)


@dataclass(frozen=True)
class _Judged:
    """A job, and what is known of it."""

    evidence: Evidence
    life: FusionLife

    @cached_property
    def runs(self) -> list[RunRow]:
        """Its runs, in the order in which they were due."""
        return self.evidence.runs_of[self.life.id or ""]

    @cached_property
    def spans(self) -> list[Span]:
        """Its life between the changes."""
        return list(self.life.spans(self.evidence.ended))

    def runs_between(self, begins: datetime, ends: datetime) -> list[RunRow]:
        """Its runs that were, or may have been, under way in that time."""
        return [
            each
            for each in self.runs
            if each.due_at - _CLAIMED <= ends and (each.settled_at or self.evidence.ended) >= begins
        ]

    def has_changed(self, begins: datetime, ends: datetime) -> bool:
        """Whether its client has changed or aborted it in that time."""
        changes = [each.at for each in self.life.changes]
        changes += [each.at for each in self.life.actions if each.what == "abort"]
        return any(begins <= each <= ends for each in changes)

    def span_at(self, instant: datetime) -> Span | None:
        """What was in force at that instant."""
        return next((each for each in self.spans if each.begins <= instant < each.ends), None)


def _firings(judged: _Judged) -> Iterator[str]:
    """2, 4 and 6: scheduled runs are the firings; those that wait or were missed count as one."""
    allowed = sorted({each for span in judged.spans for each in _allowed(span)})
    covered: list[datetime] = []
    for run in judged.runs:
        if run.kind != "scheduled":
            continue
        if run.due_at not in allowed:
            was_withdrawn = run.state == "cancelled" and judged.has_changed(
                run.due_at - _CLAIMED, run.due_at
            )
            if not was_withdrawn:
                yield f"invented: {judged.life.name} has a run due {run.due_at}"
            continue
        covered += [each for each in allowed if each >= run.due_at][: run.missed + 1]
    for span in judged.spans:
        for each in _required(judged, span):
            if each not in covered:
                yield f"missed: {judged.life.name} has no run for its firing of {each}"


def _allowed(span: Span) -> list[datetime]:
    if not span.is_enabled:
        return []
    return span.schedule.times.between(span.begins, span.ends + _WITHDRAWN)


def _required(judged: _Judged, span: Span) -> list[datetime]:
    """The firings that must have a run, or one that stands for them.

    A change keeps the first firing that waits for the run under way, and may drop the others, which
    count as one with it; to a schedule without times it drops all of them.
    """
    if not span.is_enabled:
        return []
    firings = span.schedule.times.between(span.begins, span.ends)
    if span.ending is None:
        return [each for each in firings if each < span.ends - _LEFT_OVER]
    return [
        each
        for each in firings
        if each < span.ends - _SLACK
        and not judged.evidence.had_incident(each - _BEFORE, each + _SLACK)
        and not _was_waiting(judged, each)
    ]


def _was_waiting(judged: _Judged, firing: datetime) -> bool:
    """Whether another run was under way when the firing came due."""
    return any(each.due_at != firing for each in judged.runs_between(firing - _CLAIMED, firing))


def _late(judged: _Judged) -> Iterator[str]:
    """9: without a fault of service or receiver, a run begins on time, whatever started it."""
    evidence, life = judged.evidence, judged.life
    address = TASK_ADDRESS if life.kind == "task" else RUNNER_ADDRESS
    for run in judged.runs:
        calls = evidence.calls.get(f"{run.id}")
        if not calls or run.missed or not evidence.was_calm(address, run.due_at):
            continue
        late = instant_at(calls[0].at) - run.due_at
        if late > ON_TIME and not _was_waiting(judged, run.due_at):
            yield f"late: {life.name} ({run.kind}), due {run.due_at}, was called {late} late"


def _overlaps(judged: _Judged) -> Iterator[str]:
    """Runs of one job never overlap; only a call of a run that was aborted may go on."""
    for each, after in itertools.pairwise(judged.evidence.calls_at[judged.life.path]):
        if after.at > each.ended_at - 0.001 or each.run_id == after.run_id:
            continue
        if judged.evidence.is_excused(each, until=after.at):
            continue
        if not judged.has_changed(instant_at(each.at) - _CLAIMED, instant_at(after.at)):
            yield f"overlapping: {each.path}, by {each.worker} and by {after.worker} at {after.at}"


def _retries(judged: _Judged) -> Iterator[str]:
    """A failed call is tried again after 5 s, and after 25 s."""
    for run in judged.runs:
        calls = judged.evidence.calls.get(f"{run.id}", [])
        for each, after in itertools.pairwise(calls):
            if each.succeeded or judged.evidence.is_excused(each, until=after.at):
                continue
            attempt = int(each.headers["wakecall-attempt"])
            if after.at < each.ended_at + _WAITS_S[min(attempt, len(_WAITS_S)) - 1] - 0.001:
                waited = after.at - each.ended_at
                yield f"hasty: run {run.id} of {each.path} was retried after {waited:.3f} s"


def _outcomes(judged: _Judged) -> Iterator[str]:
    """2 and 12: each run ends as its calls went, or by an abort."""
    for run in judged.runs:
        if run.is_over and not _is_right(judged, run):
            number = len(judged.evidence.calls.get(f"{run.id}", ()))
            yield (
                f"outcome: run {run.id} of {judged.life.name}, due {run.due_at}, is {run.state} "
                f"({run.reason}) after {number} calls"
            )


def _is_right(judged: _Judged, run: RunRow) -> bool:
    evidence = judged.evidence
    calls = evidence.calls.get(f"{run.id}", [])
    report = evidence.reports_of.get(f"{run.id}")
    match run.state:
        case "succeeded":
            return any(each.succeeded for each in calls)
        case "failed":
            if report is not None and report.status == "failed":
                return True
            return len(calls) >= _MOST_CALLS and not any(map(_is_final, calls))
        case "cancelled":
            ended = run.settled_at or evidence.ended
            return judged.has_changed(ended - _SAME, ended + _SLACK)
    return evidence.had_incident(run.due_at, evidence.ended)


def _is_final(call: Arrival) -> bool:
    return call.succeeded and call.answered != 202


def _starts(judged: _Judged) -> Iterator[str]:
    """1: a start that was accepted makes one run, and one that was refused makes none."""
    starts = [each for each in judged.life.actions if each.what == "start"]
    accepted = sum(each.accepted is True for each in starts)
    unknown = sum(each.accepted is None for each in starts)
    made = sum(each.kind == "manual" for each in judged.runs)
    if not accepted <= made <= accepted + unknown:
        yield f"start: {judged.life.name} has {made} runs by hand for {accepted} accepted starts"
    for each in starts:
        if each.accepted is False and not judged.runs_between(each.at, each.at):
            yield f"start: {judged.life.name} was refused a start at {each.at}, idle as it was"


def _aborts(judged: _Judged) -> Iterator[str]:
    """7: an abort ends the run at once, and its runner is told of it."""
    evidence, life = judged.evidence, judged.life
    for each in life.actions:
        if each.what != "abort":
            continue
        ended = [
            run
            for run in judged.runs
            if run.state == "cancelled" and run.settled_at and abs(run.settled_at - each.at) < _SAME
        ]
        if each.accepted and not ended:
            yield f"abort: {life.name} has no run that was aborted at {each.at}"
    for run in judged.runs:
        if run.state != "cancelled" or run.settled_at is None:
            continue
        calls = evidence.calls.get(f"{run.id}", [])
        for call in calls:
            if instant_at(call.at) > run.settled_at + _WITHDRAWN:
                yield f"withdrawn: {call.path} was called at {call.at}, after its abort"
        was_called = any(instant_at(call.at) < run.settled_at for call in calls)
        if was_called and life.kind != "task" and not _is_notified(evidence, life, run):
            yield f"abort: the runner was not told that run {run.id} of {life.name} was aborted"


def _is_notified(evidence: Evidence, life: FusionLife, run: RunRow) -> bool:
    wanted = f'"runId":"{run.id}"'.encode()
    return any(wanted in each.body for each in evidence.calls_at[life.abort_path])


def _chains(judged: _Judged, lives: dict[str, _Judged]) -> Iterator[str]:
    """The end of a run and the start of what follows it are one: both happen, or neither."""
    chained = [each for each in judged.runs if each.kind == "chained"]
    for span in judged.spans:
        for follow in span.schedule.follows if span.is_enabled else ():
            upstream = lives.get(follow.resource)
            for run in upstream.runs if upstream else ():
                at = run.settled_at
                if at is None or run.state not in follow.states or not _is_end(judged, run):
                    continue
                if not span.begins + _SAME < at < span.ends - _SAME:
                    continue
                if not _began(judged, chained, at):
                    yield f"chain: {judged.life.name} did not start when run {run.id} ended at {at}"
    for run in chained:
        if not _has_cause(judged, lives, run):
            yield f"chain: {judged.life.name} was started at {run.due_at} by no end"


def _is_end(judged: _Judged, run: RunRow) -> bool:
    """Whether something had begun: a firing that was withdrawn ahead of its time is not an end."""
    if run.state != "cancelled" or run.settled_at is None:
        return True
    calls = judged.evidence.calls.get(f"{run.id}", [])
    return bool(calls) or run.kind != "scheduled" or run.settled_at >= run.due_at


def _began(judged: _Judged, chained: list[RunRow], at: datetime) -> bool:
    """Whether a run began at that instant, or was under way already."""
    if any(abs(each.due_at - at) <= _SAME for each in chained):
        return True
    return bool(judged.runs_between(at - _SAME, at + _SAME))


def _has_cause(judged: _Judged, lives: dict[str, _Judged], run: RunRow) -> bool:
    return any(
        other.settled_at is not None
        and abs(other.settled_at - run.due_at) <= _SAME
        and other.state in follow.states
        for span in judged.spans
        if span.is_enabled and span.begins - _SAME <= run.due_at <= span.ends + _SAME
        for follow in span.schedule.follows
        if follow.resource in lives
        for other in lives[follow.resource].runs
    )


def _ends(judged: _Judged) -> Iterator[str]:
    """A job is there until it is deleted."""
    life = judged.life
    if life.changes and life.is_gone() == (life.name in judged.evidence.there):
        yield f"end: {life.name} is {'' if life.is_gone() else 'not '}there"
