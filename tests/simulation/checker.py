"""Checker: compares what the receivers got, and what history tells, with what was promised."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from standardwebhooks.webhooks import Webhook

from tests.simulation.clients import Life
from tests.simulation.clock import BEGIN
from tests.simulation.coverage import WITHDRAWN_S, coverage
from tests.simulation.evidence import Evidence, RunRow, instant_at, passed
from tests.simulation.receivers import Arrival

ACCEPTED: Final = 202

WAITS_S: Final = (1, 5, 20, 60)
"""How long each retry waits at least; the last counts for all that follow."""

ON_TIME_S: Final = 0.25


def violations(evidence: Evidence) -> list[str]:
    """Every broken promise, in words."""
    found: list[str] = []
    for check in (
        _under_way,
        _arrivals,
        _identities,
        _repeats,
        _retries,
        coverage,
        _ends,
        _outcomes,
    ):
        found += check(evidence)
    return found


def _under_way(evidence: Evidence) -> Iterator[str]:
    """12: what is due is delivered, or visibly over; nothing stays under way."""
    for run in evidence.runs:
        if run.state in {"claimed", "taken", "waiting", "running"}:
            yield f"lost: run {run.id} of {evidence.path_of(run)} is still {run.state}"


def _arrivals(evidence: Evidence) -> Iterator[str]:
    """3 and 9: no call begins early, and without faults none is late."""
    first: dict[str, Arrival] = {}
    for each in evidence.arrivals:
        due = _instant(each.headers["wakecall-scheduled-for"])
        if each.at < passed(due) - 0.001:
            yield f"early: {each.path} was called {passed(due) - each.at:.3f} s before {due}"
        first.setdefault(each.run_id, each)
    plain = {
        f"{run.id}": run for run in evidence.runs if run.kind == "scheduled" and not run.missed
    }
    for run_id, arrival in first.items():
        run = plain.get(run_id)
        if run is None:
            continue
        begun = instant_at(arrival.at)
        late = arrival.at - passed(run.due_at)
        life = evidence.life_of(run)
        was_changed = life is not None and any(
            each.what == "resume" and each.at >= run.due_at for each in life.changes
        )
        if (
            late > ON_TIME_S
            and not was_changed
            and not _was_booked_late(life, run)
            and not evidence.had_incident(run.due_at - timedelta(seconds=1), begun)
        ):
            yield f"late: {arrival.path}, due {run.due_at}, was called {late:.3f} s late"


def _was_booked_late(life: Life | None, run: RunRow) -> bool:
    """Whether the job was made or changed so shortly before that no scheduler could claim it."""
    return life is not None and any(
        each.what in {"book", "replace"} and run.due_at - each.at < timedelta(seconds=0.5)
        for each in life.changes
    )


def _identities(evidence: Evidence) -> Iterator[str]:
    """4: one run for a job and due time; its id and body never change; every call is signed."""
    bodies: dict[str, bytes] = {}
    known = {f"{run.id}": run for run in evidence.runs}
    verifiers = [Webhook(secret) for secret in evidence.secrets]
    for each in evidence.arrivals:
        run = known.get(each.run_id)
        if run is None:
            yield f"ghost: {each.path} was called by run {each.run_id}, which history lacks"
        elif evidence.path_of(run) != each.path:
            yield f"foreign: run {each.run_id} called {each.path}"
        if bodies.setdefault(each.run_id, each.body) != each.body:
            yield f"changed: the body of run {each.run_id}"
        if not any(_verifies(verifier, each) for verifier in verifiers):
            yield f"unsigned: a call of run {each.run_id}"
    once = Counter(
        (run.job_id, run.version, run.due_at) for run in evidence.runs if run.kind == "scheduled"
    )
    for (job_id, version, due), number in once.items():
        if number > 1:
            yield f"doubled: {number} runs of job {job_id}, version {version}, due {due}"


def _verifies(verifier: Webhook, arrival: Arrival) -> bool:
    """Whether the signature is right; the time of the signature is judged by no clock of ours."""
    stamp = datetime.fromtimestamp(int(arrival.headers["webhook-timestamp"]), tz=BEGIN.tzinfo)
    signed = verifier.sign(arrival.run_id, stamp, arrival.body.decode())
    return signed in arrival.headers["webhook-signature"].split(" ")


def _repeats(evidence: Evidence) -> Iterator[str]:
    """5: a run is called by one worker at a time, and not again after a success, but for a crash.

    A call may be repeated if the process that made it died, stood still or lost its database.
    """
    for run_id, arrivals in evidence.calls.items():
        for each, after in itertools.pairwise(arrivals):
            if evidence.is_excused(each, until=after.at):
                continue
            if each.succeeded and each.answered != ACCEPTED:
                yield f"repeated: run {run_id} of {each.path}, {after.at - each.at:.3f} s after it"
            elif each.answered_at is not None and after.at < each.answered_at:
                yield f"overlapping: run {run_id} of {each.path} by {each.worker}, {after.worker}"


def _retries(evidence: Evidence) -> Iterator[str]:
    """A retry waits for as long as its job says."""
    for run_id, arrivals in evidence.calls.items():
        for each, after in itertools.pairwise(arrivals):
            if each.succeeded or evidence.is_excused(each, until=after.at):
                continue
            attempt = int(each.headers["wakecall-attempt"])
            least = WAITS_S[min(attempt, len(WAITS_S)) - 1]
            waited = after.at - (each.answered_at or each.at)
            if waited < least:
                yield f"hasty: run {run_id} of {each.path} was retried after {waited:.3f} s"


def _ends(evidence: Evidence) -> Iterator[str]:
    """7: after an answered delete or pause no call begins."""
    by_path: dict[str, list[Arrival]] = defaultdict(list)
    for each in evidence.arrivals:
        by_path[each.path].append(each)
    for life in evidence.lives:
        for index, change in enumerate(life.changes):
            if change.what not in {"delete", "pause"}:
                continue
            following = [each.at for each in life.changes[index + 1 :]]
            until = following[0] if following else evidence.ended
            for arrival in by_path[life.path]:
                at = instant_at(arrival.at)
                if change.at + timedelta(seconds=WITHDRAWN_S) < at < until:
                    yield (
                        f"withdrawn: {life.path} was called at {at}, after the {change.what} of "
                        f"{change.at}"
                    )


def _outcomes(evidence: Evidence) -> Iterator[str]:
    """2: a run ends in success where its receiver answers well within its attempts."""
    for run in evidence.runs:
        life = evidence.life_of(run)
        if life is None or run.state == "succeeded":
            continue
        withdrawn = any(each.what in {"delete", "pause", "replace"} for each in life.changes)
        if run.state == "cancelled" and (withdrawn or run.missed):
            continue
        calls = evidence.calls.get(f"{run.id}", [])
        if run.state == "dead" and evidence.had_incident(run.due_at, evidence.ended):
            continue
        yield (
            f"outcome: run {run.id} of {life.path}, due {run.due_at}, is {run.state} "
            f"({run.reason}) after {len(calls)} calls"
        )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
