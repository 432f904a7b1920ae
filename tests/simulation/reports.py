"""Reports: a result that its receiver has reported ends the run, at once and as reported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from tests.simulation.evidence import Evidence, instant_at

_PROMPT: Final = timedelta(seconds=1)
"""How soon after a report, or the answer that came after it, the run is over."""


def check_reports(evidence: Evidence) -> Iterator[str]:
    """5 and 12: what was reported is kept, and nothing is called after it."""
    known = {f"{run.id}": run for run in evidence.runs}
    for run_id, report in evidence.reports_of.items():
        run = known.get(run_id)
        if run is None or run_id in evidence.redelivered:
            continue
        calls = [each for each in evidence.calls[run_id] if instant_at(each.at) <= report.at]
        answered = max((instant_at(each.ended_at) for each in calls), default=report.at)
        known_at = max(report.at, answered)
        if evidence.had_incident(run.due_at - _PROMPT, known_at + _PROMPT):
            continue
        path = evidence.path_of(run)
        if run.state not in {report.status, "cancelled"}:
            yield f"report: run {run_id} of {path} is {run.state}, reported as {report.status}"
        elif run.settled_at is not None and run.settled_at > known_at + _PROMPT:
            late = run.settled_at - known_at
            yield f"report: run {run_id} of {path} ended {late} after its result was reported"
        if any(instant_at(each.at) > known_at for each in evidence.calls[run_id]):
            yield f"report: run {run_id} of {path} was called after its result was reported"
