"""The checks of Fusion jobs find each broken promise, and none where all was kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from tests.simulation.clock import BEGIN
from tests.simulation.evidence import Evidence, RunRow
from tests.simulation.fusion.checks import check_jobs
from tests.simulation.fusion.life import (
    Action,
    Follow,
    FusionChange,
    FusionLife,
    FusionSchedule,
)
from tests.simulation.receivers import Arrival
from tests.simulation.schedules import Interval, Never

FIRST, SECOND = UUID(int=1), UUID(int=2)
DAY = timedelta(days=1)
NOON = BEGIN + timedelta(hours=12)
SECONDS = timedelta(seconds=1)


def lives() -> list[FusionLife]:
    """A datasource by time, and a task that follows its success."""
    first = FusionLife("fusion-1", "datasource", id=f"{FIRST}")
    times = Interval(start=NOON, every=DAY)
    first.changes.append(FusionChange(at=BEGIN, what="book", schedule=FusionSchedule(times=times)))
    second = FusionLife("fusion-2", "task", id=f"{SECOND}")
    follow = Follow(first.resource, frozenset({"succeeded"}))
    schedule = FusionSchedule(times=Never(), follows=(follow,))
    second.changes.append(FusionChange(at=BEGIN, what="book", schedule=schedule))
    return [first, second]


def run(number: int, job: UUID, due: datetime, kind: str, state: str = "succeeded") -> RunRow:
    return RunRow(UUID(int=number), job, due, 0, state, kind, 1, None, due + SECONDS)


def call(
    of: RunRow, path: str, *, after: float = 0.0, answered: int = 200, attempt: int = 1
) -> Arrival:
    at = (of.due_at - BEGIN).total_seconds() + after
    headers = {
        "webhook-id": f"{of.id}",
        "wakecall-scheduled-for": of.due_at.isoformat(),
        "wakecall-attempt": f"{attempt}",
    }
    return Arrival(at, "worker-0.1", path, headers, b"{}", answered, at + 0.5, at + 0.5)


def evidence() -> Evidence:
    """Two days: each noon the first job succeeds, and the second one starts."""
    jobs = lives()
    runs, arrivals = [], []
    for day in range(2):
        timed = run(10 + day, FIRST, NOON + day * DAY, "scheduled")
        chained = run(20 + day, SECOND, timed.due_at + SECONDS, "chained")
        runs += [timed, chained]
        arrivals += [call(timed, jobs[0].path), call(chained, jobs[1].path)]
    return Evidence(
        lives=[],
        fusion=jobs,
        arrivals=arrivals,
        runs=runs,
        incidents=[],
        ended=BEGIN + 2 * DAY,
        secrets=[],
        there={"fusion-1", "fusion-2"},
    )


def kinds(found: Evidence) -> set[str]:
    return {each.partition(":")[0] for each in check_jobs(found)}


def test_what_was_kept_breaks_nothing() -> None:
    assert list(check_jobs(evidence())) == []


def without_a_follower(whole: Evidence) -> Evidence:
    return replace(whole, runs=[each for each in whole.runs if each.id != UUID(int=20)])


def with_a_start_by_nothing(whole: Evidence) -> Evidence:
    odd = run(30, SECOND, NOON + timedelta(hours=3), "chained")
    return replace(
        whole, runs=[*whole.runs, odd], arrivals=[*whole.arrivals, call(odd, "/fusion-2")]
    )


def without_a_firing(whole: Evidence) -> Evidence:
    return replace(whole, runs=whole.runs[2:])


def with_a_firing_too_many(whole: Evidence) -> Evidence:
    return replace(whole, runs=[*whole.runs, run(31, FIRST, NOON + SECONDS * 9, "scheduled")])


def overlapping(whole: Evidence) -> Evidence:
    whole.arrivals[0].ended_at += 2 * 86_400
    return whole


def hasty(whole: Evidence) -> Evidence:
    first = whole.fusion[0]
    calls = [call(whole.runs[0], first.path, answered=500)]
    calls.append(call(whole.runs[0], first.path, after=4.0, attempt=2))
    return replace(whole, arrivals=[*calls, *whole.arrivals[1:]])


def failed_too_early(whole: Evidence) -> Evidence:
    return replace(
        whole, runs=[*whole.runs[:2], replace(whole.runs[2], state="failed"), whole.runs[3]]
    )


def an_accepted_start_without_a_run(whole: Evidence) -> Evidence:
    whole.fusion[1].actions.append(Action(at=NOON - DAY / 4, what="start", accepted=True))
    return whole


def a_refused_start_of_an_idle_job(whole: Evidence) -> Evidence:
    whole.fusion[1].actions.append(Action(at=NOON - DAY / 4, what="start", accepted=False))
    return whole


def an_abort_without_an_end(whole: Evidence) -> Evidence:
    whole.fusion[0].actions.append(Action(at=NOON + SECONDS / 2, what="abort", accepted=True))
    return whole


def gone(whole: Evidence) -> Evidence:
    return replace(whole, there={"fusion-1"})


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (without_a_follower, "chain"),
        (with_a_start_by_nothing, "chain"),
        (without_a_firing, "missed"),
        (with_a_firing_too_many, "invented"),
        (overlapping, "overlapping"),
        (hasty, "hasty"),
        (failed_too_early, "outcome"),
        (an_accepted_start_without_a_run, "start"),
        (a_refused_start_of_an_idle_job, "start"),
        (an_abort_without_an_end, "abort"),
        (gone, "end"),
    ],
)
def test_each_broken_promise_is_found(plant: Callable[[Evidence], Evidence], kind: str) -> None:
    assert kind in kinds(plant(evidence()))


def aborted(*, notified: bool, called_after: float | None = None) -> Evidence:
    """The first run is aborted half a second after it began; is its runner told of it?"""
    whole = without_a_follower(evidence())
    first = whole.fusion[0]
    at = NOON + SECONDS / 2
    first.actions.append(Action(at=at, what="abort", accepted=True))
    ended = replace(whole.runs[0], state="cancelled", settled_at=at)
    arrivals = [each for each in whole.arrivals if each.run_id != f"{UUID(int=20)}"]
    if notified:
        event = call(run(40, ended.id, at, "event"), first.abort_path)
        event.body = f'{{"resource":"{first.resource}","runId":"{ended.id}"}}'.encode()
        arrivals.append(event)
    if called_after is not None:
        arrivals.append(call(ended, first.path, after=called_after, attempt=2))
    return replace(whole, runs=[ended, *whole.runs[1:]], arrivals=arrivals)


def test_an_abort_ends_the_run_and_is_reported_to_its_runner() -> None:
    assert kinds(aborted(notified=True)) == set()
    assert "abort" in kinds(aborted(notified=False))


def test_a_call_after_an_abort_is_found() -> None:
    assert "withdrawn" in kinds(aborted(notified=True, called_after=10.0))


def test_firings_during_a_run_count_as_one() -> None:
    whole = evidence()
    long = replace(whole.runs[0], missed=1, settled_at=NOON + 1.2 * DAY)
    chained = run(20, SECOND, NOON + 1.2 * DAY, "chained")
    arrivals = [whole.arrivals[0], call(chained, "/fusion-2")]
    assert kinds(replace(whole, runs=[long, chained], arrivals=arrivals)) == set()


def test_an_interval_counts_from_its_start() -> None:
    times = Interval(start=NOON, every=DAY)
    assert times.between(BEGIN, NOON) == [NOON]
    assert times.between(NOON, NOON + 2 * DAY) == [NOON + DAY, NOON + 2 * DAY]
    assert times.between(NOON - 5 * DAY, NOON - DAY) == []
