"""Story: what happened in a scene, line by line, to be read once it is small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from tests.simulation.evidence import Evidence, due_of, instant_at

MAX_LINES: Final = 80


def tell(evidence: Evidence) -> list[str]:
    """What clients did, what went wrong, which calls arrived, and how runs ended, in order."""
    lines = [f"{at:%m-%d %H:%M:%S.%f}"[:-3] + f"  {what}" for at, what in sorted(_events(evidence))]
    if len(lines) <= MAX_LINES:
        return lines
    half = MAX_LINES // 2
    return [*lines[:half], f"… {len(lines) - 2 * half} more …", *lines[-half:]]


def _events(evidence: Evidence) -> Iterator[tuple[datetime, str]]:
    yield from _changes(evidence)
    yield from _requests(evidence)
    yield from _faults(evidence)
    for call in evidence.arrivals:
        attempt, took = call.headers["wakecall-attempt"], call.ended_at - call.at
        what = f"{call.path} due {due_of(call)}, attempt {attempt}, run {call.run_id}"
        yield instant_at(call.at), f"call: {what}, by {call.worker}: {call.answered}, {took:.3f} s"
    for run in evidence.runs:
        at = run.settled_at or evidence.ended
        yield at, f"run: {run.id} ({run.kind}) of {evidence.path_of(run)}: {run.state}"


def _changes(evidence: Evidence) -> Iterator[tuple[datetime, str]]:
    for native in evidence.lives:
        for change in native.changes:
            yield change.at, f"client: {change.what} {native.name} {change.schedule or ''}"
    for fusion in evidence.fusion:
        for saved in fusion.changes:
            yield saved.at, f"client: {saved.what} {fusion.name} {saved.schedule or ''}"
    for each in evidence.dapr:
        for changed in each.changes:
            yield changed.at, f"client: {changed.what} {each.name} {changed.ticks or ''}"


def _requests(evidence: Evidence) -> Iterator[tuple[datetime, str]]:
    for fusion in evidence.fusion:
        for action in fusion.actions:
            yield action.at, f"client: {action.what} {fusion.name}, accepted: {action.accepted}"
    for run_id, asked in evidence.redelivered.items():
        for at in asked:
            yield instant_at(at), f"client: redeliver {run_id}"
    for report in evidence.reports:
        yield report.at, f"receiver: reports {report.run_id} as {report.status}"
    for secret in evidence.secrets:
        yield secret.created, f"client: a signing secret, valid until {secret.expires}"


def _faults(evidence: Evidence) -> Iterator[tuple[datetime, str]]:
    for each in evidence.incidents:
        seconds = each.ends - each.begins
        yield instant_at(each.begins), f"fault: {each.process} {each.what} ({seconds:.1f} s)"
    for away in evidence.aways:
        yield instant_at(away.begins), f"fault: {away.address} is away until {away.ends:.1f}"
