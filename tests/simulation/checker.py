"""Checker: compares what the receivers got, and what history tells, with what was promised."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Final

from tests.simulation.clients import Life
from tests.simulation.coverage import WITHDRAWN_S, coverage
from tests.simulation.dapr import checks as dapr_checks
from tests.simulation.evidence import NOT_FOUND, Evidence, RunRow, due_of, instant_at, passed
from tests.simulation.fusion import checks as fusion_checks
from tests.simulation.receivers import Arrival
from tests.simulation.reports import check_reports
from tests.simulation.schedules import Once
from tests.simulation.signatures import check_signatures

ACCEPTED: Final = 202

WAITS_S: Final = (1, 5, 20, 60)
"""How long each retry waits at least; the last counts for all that follow."""

ON_TIME_S: Final = 0.25
RECOVERED_S: Final = 60.0
"""How long after an incident, which ends when its leases have run out, a first call may come."""

_LEFT_OVER: Final = timedelta(hours=1)
"""How long before the end a run may have become due that is still under way then."""


def violations(evidence: Evidence) -> list[str]:
    """Every broken promise, in words."""
    found: list[str] = []
    for check in (
        _under_way,
        _arrivals,
        _identities,
        check_signatures,
        _repeats,
        _retries,
        coverage,
        _withdrawn,
        _outcomes,
        _fired,
        _ends,
        _looks,
        check_reports,
        dapr_checks.check_jobs,
        fusion_checks.check_jobs,
    ):
        found += check(evidence)
    return found


def _under_way(evidence: Evidence) -> Iterator[str]:
    """12: what is due is delivered, or visibly over; nothing stays under way."""
    for run in evidence.runs:
        if not run.is_over and not _is_left_over(evidence, run):
            yield f"lost: run {run.id} of {evidence.path_of(run)} is still {run.state}"


def _is_left_over(evidence: Evidence, run: RunRow) -> bool:
    """Whether the run is due so late that its end is not a part of what was played."""
    return not run.is_over and run.due_at >= evidence.ended - _LEFT_OVER


def _arrivals(evidence: Evidence) -> Iterator[str]:
    """3 and 9: no call begins early, and none of a native job is late, but for incidents."""
    first: dict[str, Arrival] = {}
    for each in evidence.arrivals:
        due = due_of(each)
        if each.at < passed(due) - 0.001:
            yield f"early: {each.path} was called {passed(due) - each.at:.3f} s before {due}"
        first.setdefault(each.run_id, each)
    plain = {
        f"{run.id}": run
        for run in evidence.runs
        if run.kind in {"scheduled", "manual"} and not run.missed
    }
    for run_id, arrival in first.items():
        run = plain.get(run_id)
        life = None if run is None else evidence.life_of(run)
        if run is None or not isinstance(life, Life):
            continue
        begun = instant_at(arrival.at)
        late = arrival.at - passed(run.due_at)
        was_changed = any(each.what == "resume" and each.at >= run.due_at for each in life.changes)
        if was_changed or _was_booked_late(life, run):
            continue
        if evidence.had_incident(run.due_at - timedelta(seconds=1), begun):
            late = min(late, evidence.calm_before(begun)) - RECOVERED_S
        if late > ON_TIME_S:
            yield f"late: {arrival.path}, due {run.due_at}, was called {begun}"


def _was_booked_late(life: Life, run: RunRow) -> bool:
    """Whether the job was made or changed so shortly before that no scheduler could claim it."""
    return any(
        each.what in {"book", "replace"} and run.due_at - each.at < timedelta(seconds=0.5)
        for each in life.changes
    )


def _identities(evidence: Evidence) -> Iterator[str]:
    """4: one run for a job and due time, whose id and body never change."""
    bodies: dict[str, bytes] = {}
    known = {f"{run.id}": run for run in evidence.runs}
    for each in evidence.arrivals:
        run = known.get(each.run_id)
        if run is None:
            if not dapr_checks.is_further_tick(evidence, each):
                yield f"ghost: {each.path} was called by run {each.run_id}, which history lacks"
        elif evidence.path_of(run) != each.path:
            yield f"foreign: run {each.run_id} called {each.path}"
        if bodies.setdefault(each.run_id, each.body) != each.body:
            yield f"changed: the body of run {each.run_id}"
    once = Counter(
        (run.job_id, run.version, run.due_at) for run in evidence.runs if run.kind == "scheduled"
    )
    for (job_id, version, due), number in once.items():
        if number > 1:
            yield f"doubled: {number} runs of job {job_id}, version {version}, due {due}"


def _repeats(evidence: Evidence) -> Iterator[str]:
    """5: a run is called by one worker at a time, and not again after a success, but for a crash.

    A call may be repeated if the process that made it died, stood still or lost its database.
    """
    for run_id, arrivals in evidence.calls.items():
        for each, after in itertools.pairwise(arrivals):
            if evidence.is_excused(each, until=after.at):
                continue
            if _is_success(each):
                yield f"repeated: run {run_id} of {each.path}, {after.at - each.at:.3f} s after it"
            elif after.at < each.ended_at - 0.001:
                yield f"overlapping: run {run_id} of {each.path} by {each.worker}, {after.worker}"


def _is_success(arrival: Arrival) -> bool:
    """Whether the answer ends the run; 404 is as good for a Dapr job."""
    if arrival.answered == NOT_FOUND:
        return arrival.path.startswith(dapr_checks.PATH)
    return arrival.succeeded and arrival.answered != ACCEPTED


def _retries(evidence: Evidence) -> Iterator[str]:
    """A retry of a native job waits for as long as its job says."""
    paths = {life.path for life in evidence.lives}
    for run_id, arrivals in evidence.calls.items():
        for each, after in itertools.pairwise(arrivals):
            if each.path not in paths or each.succeeded:
                continue
            if evidence.is_excused(each, until=after.at):
                continue
            attempt = int(each.headers["wakecall-attempt"])
            least = WAITS_S[min(attempt, len(WAITS_S)) - 1]
            waited = after.at - each.ended_at
            if waited < least - 0.001:
                yield f"hasty: run {run_id} of {each.path} was retried after {waited:.3f} s"


def _withdrawn(evidence: Evidence) -> Iterator[str]:
    """7: after an answered delete or pause of a native job no call begins."""
    for life in evidence.lives:
        for index, change in enumerate(life.changes):
            if change.what not in {"delete", "pause"}:
                continue
            following = [each.at for each in life.changes[index + 1 :]]
            until = following[0] if following else evidence.ended
            for arrival in evidence.calls_at[life.path]:
                at = instant_at(arrival.at)
                if arrival.run_id in evidence.redelivered:
                    continue
                if change.at + timedelta(seconds=WITHDRAWN_S) < at < until:
                    yield (
                        f"withdrawn: {life.path} was called at {at}, after the {change.what} of "
                        f"{change.at}"
                    )


def _outcomes(evidence: Evidence) -> Iterator[str]:
    """2: a run of a native job succeeds where its receiver answers well within its attempts."""
    for run in evidence.runs:
        life = evidence.life_of(run)
        if not isinstance(life, Life):
            continue
        if _is_left_over(evidence, run):
            continue
        calls = evidence.calls.get(f"{run.id}", [])
        if run.is_over and run.state == _state_by_last_call(life, calls):
            continue
        withdrawn = any(each.what in {"delete", "pause", "replace"} for each in life.changes)
        if run.state == "cancelled" and (withdrawn or run.missed):
            continue
        report = evidence.reports_of.get(f"{run.id}")
        if run.state == "failed" and report is not None and report.status == "failed":
            continue
        if run.state == "dead" and evidence.had_incident(run.due_at, evidence.ended):
            continue
        yield (
            f"outcome: run {run.id} of {life.path}, due {run.due_at}, is {run.state} "
            f"({run.reason}) after {len(calls)} calls"
        )


def _state_by_last_call(life: Life, calls: Sequence[Arrival]) -> str:
    """How a run ends: as its last call was answered, if its job allows only one attempt.

    A call that is made again was lost by its worker: whatever that worker heard counts no more.
    """
    if not life.is_tried_once:
        return "succeeded"
    return "succeeded" if calls and _is_success(calls[-1]) else "failed"


def _fired(evidence: Evidence) -> Iterator[str]:
    """1: a call by hand that was accepted is made."""
    for life in evidence.lives:
        runs = [each for each in evidence.runs_of[life.id or ""] if each.kind == "manual"]
        if len(runs) < life.fired:
            yield f"missed: {life.path} has {len(runs)} runs for {life.fired} calls by hand"


def _ends(evidence: Evidence) -> Iterator[str]:
    """A one-time job ends with its run, and a recurring one only when it is deleted."""
    for life in evidence.lives:
        if not life.changes:
            continue
        is_there, runs = life.name in evidence.there, evidence.runs_of[life.id or ""]
        if isinstance(life.schedule, Once) and not life.is_gone():
            is_over = bool(runs) and all(each.is_over for each in runs)
            if is_over == is_there:
                yield f"end: the one-time job {life.name} is {'' if is_there else 'not '}there"
        elif life.is_gone() == is_there:
            yield f"end: the recurring job {life.name} is {'' if is_there else 'not '}there"


def _looks(evidence: Evidence) -> Iterator[str]:
    """A job is there as long as a run of it is under way."""
    for life in evidence.lives:
        for look in life.looks:
            under_way = any(
                run.due_at <= look.at < (run.settled_at or evidence.ended)
                for run in evidence.runs_of[life.id or ""]
            )
            if under_way and not look.is_there:
                yield f"end: {life.name} was not there at {look.at}, while its run was under way"
