"""Checker: which promises the calls of a run, and the history that it left, do not keep.

The calls themselves are judged as in `make soak` (tests/soak/checker.py). What is added here is a
narrower excuse for repeats, and the comparison of the history with what the receiver answered.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence

import psycopg

from app.domain import counters
from tests.chaos.names import FUSION, abort_of, kind_of
from tests.factories import one
from tests.soak.checker import judge, situation_of
from tests.soak.records import Asked, Call, Fate, Span, Violation

UNSETTLED_S = 3.0
"""Seconds from the arrival of a call to the commit of its outcome, on a machine with much else to
do. A call that arrived so long before a fault is not repeated because of it."""

ON_THE_WAY_S = 0.5
"""Seconds from the death of a worker until the receiver has read the last of its calls."""

BACK_S = 3.0
"""Seconds from the end of a fault until every process has its servers again."""

SHOWN = 3

_RUNS = "SELECT id::text, job_id::text, state, reason FROM run WHERE job_id = ANY (%s::uuid[])"
_ABORTED = """
SELECT id::text, job_id::text FROM run
WHERE job_id = ANY (%s::uuid[]) AND state = 'cancelled' AND reason = 'the job was deleted'
"""
_UNDER_WAY = """
SELECT to_jsonb(i) || jsonb_build_object('now', clock_timestamp()) FROM inflight i
ORDER BY id LIMIT %s
"""
_ENDED = {"succeeded", "cancelled"}


def check(
    asked: Sequence[Asked], calls: Sequence[Call], spans: Sequence[Span], losses: Sequence[float]
) -> tuple[list[Violation], list[Call]]:
    """All promises that the calls broke, and the calls that a fault had repeated.

    `losses` are the times at which a worker was killed or stopped, in ascending order, and `spans`
    are in the order in which they began.
    """

    def is_excused(before: Call, again: Call, _spans: Sequence[Span]) -> bool:
        is_same = before.run == again.run
        return is_same and (_is_lost(before, losses) or _is_cut_off(before, spans))

    return judge(asked, calls, spans, is_excused)


def _is_lost(call: Call, losses: Sequence[float]) -> bool:
    """Whether a worker was killed or stopped before it had stored the outcome of the call.

    What a receiver gets later is not the call of that worker: one that goes on after its lease has
    expired begins no call, and one of another worker counts.
    """
    first = bisect_left(losses, call.at - ON_THE_WAY_S)
    return first < len(losses) and losses[first] <= call.at + UNSETTLED_S


def _is_cut_off(call: Call, spans: Sequence[Span]) -> bool:
    """Whether the call was made while a worker may have had no database or no answer."""
    begun = bisect_right(spans, call.at + UNSETTLED_S, key=lambda each: each.began)
    return any(
        span.may_repeat and call.at < span.mended + BACK_S
        for span in spans[max(0, begun - 2) : begun]
    )


def aborts(
    connection: psycopg.Connection, calls: Iterable[Call], deleting_since: Mapping[str, float]
) -> Iterator[Asked]:
    """The calls that tell a Fusion runner that the deletion of its job has aborted a run.

    There has to be one for each run that had been called, and there may be one for a run that a
    worker had taken and not called. `deleting_since` is when the deletion of the job at each path
    was first asked for.
    """
    path_of: dict[str, str] = {}
    called: dict[str, float] = {}
    for each in calls:
        path = each.key.partition("@")[0]
        if kind_of(path) == FUSION and path in deleting_since:
            path_of[each.job] = path
            called[each.run] = min(each.at, called.get(each.run, each.at))
    for run, job in connection.execute(_ABORTED, (list(path_of),)):
        path = path_of[job]
        since = deleting_since[path]
        is_owed = run in called and called[run] < since
        yield Asked(
            key=abort_of(path, run), due=since, fate=Fate.BOOKED if is_owed else Fate.UNKNOWN
        )


def find_in_history(
    connection: psycopg.Connection, asked: Iterable[Asked], calls: Iterable[Call], where: str
) -> Iterator[Violation]:
    """Runs of native jobs that did not succeed, that no receiver answered, or that are missing."""
    jobs = {each.job: each.fate for each in asked if each.job is not None}
    answered = {each.run: each for each in calls if each.answered < 300 and each.job in jobs}
    with connection.transaction(), connection.cursor(name="runs") as cursor:
        cursor.execute(_RUNS, (list(jobs),))
        for run, job, state, reason in cursor:
            call = answered.pop(run, None)
            if state not in _ENDED:
                text = f"run {run} of job {job} is {state}: {reason}"
                yield Violation("failed", where, text)
            elif state == "succeeded" and call is None:
                text = f"run {run} of job {job} succeeded, and no receiver answered it"
                yield Violation("phantom", where, text)
            elif state == "cancelled" and jobs[job] is Fate.BOOKED and _is_once(call):
                text = f"run {run} of job {job} is cancelled, which nobody asked for"
                yield Violation("cancelled", where, text)
    for run, call in answered.items():
        text = f"{call.key} (run {run} of job {call.job}) was answered and is not in history"
        yield Violation("vanished", where, text)


def find_unfinished(connection: psycopg.Connection, where: str) -> Iterator[Violation]:
    """What is still under way when nothing is booked, and what had to be repaired."""
    for row in connection.execute(_UNDER_WAY, (SHOWN,)):
        yield Violation("unsettled", where, f"under way: {row[0]}")
    query = "SELECT sum(total) FROM tally WHERE name = %s AND label <> 'clock'"
    if repaired := one(connection, query, counters.REPAIR):
        yield Violation("repaired", where, f"{repaired:g} breaches had to be mended")


def find_foreign(faults: Iterable[tuple[float, str]], spans: Sequence[Span]) -> list[Violation]:
    """Calls that were signed for another account, or had the data of another job."""
    return [Violation("foreign", situation_of(at, spans), text) for at, text in faults]


def _is_once(call: Call | None) -> bool:
    return call is not None and "@" not in call.key
