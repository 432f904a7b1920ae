"""Checks of Dapr jobs: every tick is called, in its turn, and tried as its failure policy says."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from tests.simulation.dapr.life import DaprLife, Version
from tests.simulation.evidence import (
    NOT_FOUND,
    Evidence,
    RunRow,
    due_of,
    instant_at,
    passed,
)
from tests.simulation.receivers import Arrival

PATH: Final = "/job/"

_SAME: Final = timedelta(milliseconds=3)
"""How much the instant of a booking may differ from what the service took it for."""
_WITHDRAWN: Final = timedelta(milliseconds=100)
_SLACK: Final = timedelta(seconds=3)
_BEFORE: Final = timedelta(seconds=2)
_LEFT_OVER: Final = timedelta(hours=3)
_CLAIMED: Final = timedelta(seconds=0.5)
ON_TIME: Final = timedelta(seconds=0.25)
_APART: Final = timedelta(seconds=1)
_MAX_FURTHER: Final = 500
_LEAST_PAUSE_S: Final = 0.2


def check_jobs(evidence: Evidence) -> Iterator[str]:
    """All that is promised of Dapr jobs."""
    for life in evidence.dapr:
        judged = _Judged(evidence, life)
        for check in (_called, _missed, _doubled, _late, _overlaps, _retries, _outcomes, _ends):
            yield from check(judged)


def is_further_tick(evidence: Evidence, arrival: Arrival) -> bool:
    """Whether the call may be of a further tick of a run, whose id is the run's and a number."""
    if not arrival.path.startswith(PATH):
        return False
    number = int(arrival.run_id.replace("-", ""), 16)
    runs = evidence.runs_of[arrival.headers["wakecall-job"]]
    return any(0 < number - each.id.int < _MAX_FURTHER for each in runs)


@dataclass(frozen=True)
class _Judged:
    """A job, and what is known of it."""

    evidence: Evidence
    life: DaprLife

    @cached_property
    def versions(self) -> list[tuple[Version, list[datetime]]]:
        """The versions, each with its ticks; one that was due just after its end counts too."""
        return [
            (each, each.ticks.up_to(each.ends + _WITHDRAWN))
            for each in self.life.versions(self.evidence.ended)
        ]

    @cached_property
    def calls(self) -> list[Arrival]:
        """Its calls."""
        return self.evidence.calls_at[self.life.path]

    @cached_property
    def called(self) -> list[datetime]:
        """The ticks that were called, in order."""
        return sorted(due_of(each) for each in self.calls)

    def was_called(self, tick: datetime) -> bool:
        """Whether there was a call for that tick."""
        return _has(self.called, tick)

    def is_calm(self, tick: datetime) -> bool:
        """Whether nothing kept the tick from being called at its time, as far as is known."""
        was_blocked = any(
            run.due_at < tick < (run.settled_at or self.evidence.ended) + _CLAIMED
            for job_id in self.life.ids
            for run in self.evidence.runs_of[job_id]
        )
        return not was_blocked and self.evidence.was_calm(self.life.app.address, tick)

    def has_changed(self, begins: float, ends: float) -> bool:
        """Whether its client has changed it in that time, which ends the version before."""
        return any(begins - 0.5 <= passed(each.at) <= ends for each in self.life.changes)


def _called(judged: _Judged) -> Iterator[str]:
    """3, 6 and 7: each call is of a tick of the version that is in force."""
    for each in judged.calls:
        if each.run_id in judged.evidence.redelivered:
            continue
        at, due = instant_at(each.at), due_of(each)
        of = [version for version, ticks in judged.versions if _has(ticks, due)]
        if not of:
            yield f"invented: {each.path} was called for {due}, which is not a tick of it"
        elif all(at > version.ends + _WITHDRAWN for version in of):
            yield f"withdrawn: {each.path} was called at {at} for {due}, after {of[-1].ends}"


def _missed(judged: _Judged) -> Iterator[str]:
    """2 and 6: each tick is called, however long the app or the service was away."""
    for version, ticks in judged.versions:
        last = version.ends - (_LEFT_OVER if version.is_last else _SLACK)
        for tick in ticks:
            if tick >= last or judged.was_called(tick):
                continue
            if version.is_last or _follows_calm(judged, version, tick):
                yield f"missed: {judged.life.name} was not called for its tick of {tick}"


def _follows_calm(judged: _Judged, version: Version, tick: datetime) -> bool:
    """Whether a tick must have been called before a change dropped those that still waited."""
    return judged.is_calm(tick) and tick > version.begins + _BEFORE


def _doubled(judged: _Judged) -> Iterator[str]:
    """4: all calls of a tick have one id."""
    ids: dict[datetime, str] = {}
    for each in judged.calls:
        first = ids.setdefault(due_of(each), each.run_id)
        if first != each.run_id:
            yield f"doubled: {each.path} was called for {due_of(each)} by {first} and {each.run_id}"


def _late(judged: _Judged) -> Iterator[str]:
    """9: without a fault of service or app, a tick is called on time, unless it waits its turn."""
    first: dict[datetime, float] = {}
    for each in judged.calls:
        if each.run_id not in judged.evidence.redelivered:
            first.setdefault(due_of(each), each.at)
    dues = sorted(first)
    for before, due in zip([None, *dues], dues, strict=False):
        late = timedelta(seconds=first[due] - passed(due))
        is_apart = before is None or due - before > _APART
        if late <= ON_TIME or not is_apart or not judged.is_calm(due):
            continue
        if not judged.has_changed(passed(due), first[due]):
            yield f"late: {judged.life.path}, due {due}, was called {late} late"


def _overlaps(judged: _Judged) -> Iterator[str]:
    """Calls of one job never overlap, whichever ticks they are of."""
    for each, after in itertools.pairwise(judged.calls):
        if after.at > each.ended_at - 0.001 or each.run_id == after.run_id:
            continue
        if judged.evidence.is_excused(each, until=after.at):
            continue
        if not judged.has_changed(each.at, after.at):
            yield f"overlapping: {each.path}, by {each.worker} and by {after.worker} at {after.at}"


def _retries(judged: _Judged) -> Iterator[str]:
    """Retry n is due n intervals after the tick, and there are no more than the policy has."""
    policy = judged.life.policy
    for each in judged.calls:
        if each.run_id in judged.evidence.redelivered:
            continue
        retry = int(each.headers["wakecall-attempt"]) - 1
        if each.at < passed(due_of(each)) + retry * policy.interval - 0.001:
            yield f"hasty: retry {retry} of {each.path} at {each.at:.3f}"
        if policy.retries is not None and retry > policy.retries:
            yield f"exhausted: {each.path} was called for its retry {retry}"
    if policy.retries is None:
        yield from _unpaced(judged)


def _unpaced(judged: _Judged) -> Iterator[str]:
    for each, after in itertools.pairwise(judged.calls):
        if each.run_id != after.run_id or judged.evidence.is_excused(each, until=after.at):
            continue
        if after.at < each.ended_at + _LEAST_PAUSE_S - 0.001:
            yield f"hasty: {each.path} was retried {after.at - each.ended_at:.3f} s later"


def _outcomes(judged: _Judged) -> Iterator[str]:
    """2 and 12: each run ends as its calls went."""
    for job_id in judged.life.ids:
        for run in judged.evidence.runs_of[job_id]:
            if run.is_over and not _is_right(judged, run):
                number = len(judged.evidence.calls.get(f"{run.id}", ()))
                yield (
                    f"outcome: run {run.id} of {judged.life.path}, due {run.due_at}, is "
                    f"{run.state} ({run.reason}) after {number} calls"
                )


def _is_right(judged: _Judged, run: RunRow) -> bool:
    evidence, policy = judged.evidence, judged.life.policy
    calls = evidence.calls.get(f"{run.id}", [])
    report = evidence.reports_of.get(f"{run.id}")
    match run.state:
        case "succeeded":
            return any(map(_is_done, calls)) or (report is not None)
        case "failed":
            if report is not None and report.status == "failed":
                return True
            is_used_up = policy.retries is not None and len(calls) > policy.retries
            return is_used_up and not any(
                _is_done(each) and each.answered != 202 and not _is_in_doubt(evidence, each)
                for each in calls
            )
        case "cancelled":
            return any(each.what != "book" for each in judged.life.changes)
    return evidence.had_incident(run.due_at, evidence.ended)


def _is_in_doubt(evidence: Evidence, call: Arrival) -> bool:
    return evidence.is_excused(call, until=call.ended_at + 1.0)


def _is_done(call: Arrival) -> bool:
    return call.succeeded or call.answered == NOT_FOUND


def _ends(judged: _Judged) -> Iterator[str]:
    """A job is there while a tick is to come, and is over after its last."""
    life, ended = judged.life, judged.evidence.ended
    is_there = life.name in judged.evidence.there
    if life.is_gone():
        if life.changes and is_there:
            yield f"end: {life.name} is there after its deletion"
        return
    ticks = life.changes[-1].ticks
    known = [] if ticks is None else ticks.up_to(ended + timedelta(days=400))
    if known and known[-1] > ended and not is_there:
        yield f"end: {life.name} is over before its tick of {known[-1]}"
    if known and known[-1] < ended - _LEFT_OVER and is_there:
        yield f"end: {life.name} is there after its last tick, of {known[-1]}"


def _has(instants: list[datetime], wanted: datetime) -> bool:
    """Whether that instant is among these, which are in order."""
    index = bisect_left(instants, wanted - _SAME)
    return index < len(instants) and instants[index] <= wanted + _SAME
