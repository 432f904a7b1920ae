"""Play: situations one after the other under load, then what the database has to say."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import psycopg

from app.domain import counters
from tests.factories import one
from tests.soak.checker import judge
from tests.soak.deployment import Deployment, deployment
from tests.soak.load import Load, Target
from tests.soak.records import Asked, Call, Fate, Span, Violation
from tests.soak.report import ON_TIME_S
from tests.soak.situation import Situation

CALM_S = 3.0
"""Seconds without a call that is late, after which the next situation may begin."""

RECOVERY_S = 90.0
"""Seconds for which that is waited for."""

REST_S = 60.0
"""Seconds after which all that was booked is to be called and settled."""

SHOWN = 3
"""Runs that a violation shows."""

_UNDER_WAY = """
SELECT to_jsonb(i) || jsonb_build_object('now', clock_timestamp()) FROM inflight i
WHERE job_id = ANY (%s::uuid[]) ORDER BY id LIMIT %s
"""

_DONE = """
SELECT job_id, count(*) FILTER (WHERE state = 'succeeded'), count(*) FROM run
WHERE job_id = ANY (%s) GROUP BY job_id
"""


class Plan(NamedTuple):
    """How long all of it takes, and how many calls are booked a second, up to how far ahead."""

    seconds: float
    rate: float
    schedules: int
    latest: float = 15.0


class Played(NamedTuple):
    """What came of it."""

    asked: list[Asked]
    calls: list[Call]
    spans: list[Span]
    violations: list[Violation]
    excused: list[Call]


def play(plan: Plan, situations: Sequence[Situation], report: Callable[[str], None]) -> Played:
    """Play them, and judge what came of every call."""
    spans: list[Span] = []
    report("starting servers and processes")
    with deployment() as made:
        made.seconds = plan.seconds / len(situations)
        target = Target(made.ports, made.instance.key)
        with Load(
            target,
            made.recorder,
            rate=plan.rate,
            schedules=plan.schedules,
            latest=plan.latest,
        ) as load:
            for situation in situations:
                report(situation.name)
                _play(situation, made, load, spans)
        report("waiting for the last calls")
        asked = [*load.asked, *load.ticks()]
        _wait_until_called(made, asked)
        found = list(_found_in_database(made, asked, spans))
        asked = [*load.asked, *load.ticks()]
        calls = list(made.recorder.calls)
    violations, excused = judge(asked, calls, spans)
    seen = [Violation("promise", span.name, text) for span in spans for text in span.broken or ()]
    return Played(asked, calls, spans, [*violations, *seen, *found], excused)


def _play(situation: Situation, made: Deployment, load: Load, spans: list[Span]) -> None:
    span = Span(
        name=situation.name,
        about=situation.about,
        may_repeat=situation.may_repeat,
        leaps=situation.leaps,
        began=time.time(),
    )
    spans.append(span)
    made.span = span
    try:
        situation.play(made)
    except Exception as error:  # noqa: BLE001 - the others are played all the same
        traceback.print_exc()
        made.broken(f"it could not be played to its end: {type(error).__name__}: {error}")
    span.mended = span.mended or time.time()
    give_up = time.time() + RECOVERY_S
    while time.time() < max(span.began + made.seconds, span.mended + CALM_S) or (
        _is_behind(made, load) and time.time() < give_up
    ):
        time.sleep(0.2)
    span.ended = time.time()


def _is_behind(made: Deployment, load: Load) -> bool:
    """Whether a call that was due in the last moments is late."""
    now = time.time()
    called = {each.key for each in made.recorder.calls}
    return any(
        each.fate is Fate.BOOKED and now - CALM_S - 60 < each.due < now - ON_TIME_S
        for each in load.asked[-4000:]
        if each.key not in called
    )


def _wait_until_called(made: Deployment, asked: Sequence[Asked]) -> None:
    """Return once all that was booked is called, or should have been for long."""
    missing = {each.key for each in asked if each.fate is Fate.BOOKED}
    give_up = max(each.due for each in asked) + REST_S
    while missing and time.time() < give_up:
        missing -= {each.key for each in list(made.recorder.calls)}
        time.sleep(0.2)


def _found_in_database(
    made: Deployment, asked: Sequence[Asked], spans: Sequence[Span]
) -> Iterator[Violation]:
    """What is not settled, not in history, or was mended as it should not have been."""
    last = spans[-1].name
    jobs = {each.job: each for each in asked if each.fate is Fate.BOOKED and "@" not in each.key}
    with made.connect() as connection:
        give_up = time.time() + REST_S
        while (left := _left(connection, list(jobs))) and time.time() < give_up:
            time.sleep(0.2)
        if left:
            yield Violation("unsettled", last, f"{left} jobs are still booked or under way")
            for row in connection.execute(_UNDER_WAY, (list(jobs), SHOWN)):
                yield Violation("unsettled", last, f"under way: {row[0]}")
        rows = connection.execute(_DONE, (list(jobs),)).fetchall()
        done = {f"{job}": (succeeded, all_of_them) for job, succeeded, all_of_them in rows}
        for job, each in jobs.items():
            if done.get(f"{job}") != (1, 1):
                counted = done.get(f"{job}", (0, 0))
                text = (
                    f"{each.key} (job {job}) has {counted[1]} runs, of which {counted[0]} succeeded"
                )
                yield Violation("history", last, text)
        query = "SELECT sum(total) FROM tally WHERE name = %s AND label <> 'clock'"
        if repaired := one(connection, query, counters.REPAIR):
            yield Violation("repaired", last, f"{repaired:g} breaches had to be mended")


def _left(connection: psycopg.Connection, jobs: list[str | None]) -> int:
    query = (
        "SELECT (SELECT count(*) FROM inflight WHERE job_id = ANY (%(jobs)s::uuid[]))"
        " + (SELECT count(*) FROM job WHERE id = ANY (%(jobs)s::uuid[]))"
    )
    row = connection.execute(query, {"jobs": jobs}).fetchone()
    assert row is not None
    return int(row[0])
