"""The checks of Dapr jobs find each broken promise, and none where all was kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.simulation.clock import BEGIN
from tests.simulation.dapr.checks import check_jobs, is_further_tick
from tests.simulation.dapr.clients import duration
from tests.simulation.dapr.life import App, DaprChange, DaprLife, Policy, Ticks
from tests.simulation.evidence import Evidence, RunRow
from tests.simulation.receivers import Arrival
from tests.simulation.schedules import Schedule
from tests.simulation.world import Away, Incident

JOB = UUID("01a2027f-84a8-7c3e-aef9-24372cb91472")
HOUR = timedelta(hours=1)
APP = App("app-0", "127.0.0.1:6200")
TICKS = Ticks(first=BEGIN + HOUR, every=HOUR, repeats=3)


def life(ticks: Ticks = TICKS, *, retries: int | None = 1) -> DaprLife:
    found = DaprLife("dapr-0", APP, Policy(interval=2.0, retries=retries), ids=[f"{JOB}"])
    found.changes.append(DaprChange(at=BEGIN, what="book", ticks=ticks))
    return found


def call(
    due: datetime,
    *,
    run: int,
    after: float = 0.0,
    attempt: int = 1,
    answered: int | None = 200,
    took: float = 0.1,
    worker: str = "worker-0.1",
) -> Arrival:
    at = (due - BEGIN).total_seconds() + after
    headers = {
        "webhook-id": f"{UUID(int=run)}",
        "wakecall-job": f"{JOB}",
        "wakecall-scheduled-for": due.isoformat(),
        "wakecall-attempt": f"{attempt}",
    }
    ends = at + took
    return Arrival(at, worker, "/job/dapr-0", headers, b"x", answered, ends, ends, APP.address)


def run(number: int, due: datetime, state: str = "succeeded") -> RunRow:
    return RunRow(UUID(int=number), JOB, due, 0, state, "scheduled", 1, None, due)


def evidence(job: DaprLife | None = None) -> Evidence:
    """Three ticks, each called once."""
    dues = [BEGIN + number * HOUR for number in (1, 2, 3)]
    return Evidence(
        lives=[],
        dapr=[job or life()],
        arrivals=[call(due, run=100 * number) for number, due in enumerate(dues, 1)],
        runs=[run(100 * number, due) for number, due in enumerate(dues, 1)],
        incidents=[],
        ended=BEGIN + timedelta(days=3),
        secrets=[],
    )


def kinds(found: Evidence) -> set[str]:
    return {each.partition(":")[0] for each in check_jobs(found)}


def test_what_was_kept_breaks_nothing() -> None:
    assert list(check_jobs(evidence())) == []


def without_a_tick(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[whole.arrivals[0], whole.arrivals[2]])


def with_a_tick_too_many(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[*whole.arrivals, call(BEGIN + 4 * HOUR, run=400)])


def late(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[*whole.arrivals[:2], call(BEGIN + 3 * HOUR, run=300, after=2)])


def overlapping(whole: Evidence) -> Evidence:
    slow = call(BEGIN + 2 * HOUR, run=200, took=3600.5)
    return replace(whole, arrivals=[whole.arrivals[0], slow, whole.arrivals[2]])


def tried_too_soon(whole: Evidence) -> Evidence:
    due = BEGIN + 3 * HOUR
    failed = call(due, run=300, answered=500)
    again = call(due, run=300, after=1.5, attempt=2)
    return replace(whole, arrivals=[*whole.arrivals[:2], failed, again])


def tried_too_often(whole: Evidence) -> Evidence:
    due = BEGIN + 3 * HOUR
    calls = [call(due, run=300, after=5 * n, attempt=n + 1, answered=500) for n in range(3)]
    return replace(
        whole,
        arrivals=[*whole.arrivals[:2], *calls],
        runs=[*whole.runs[:2], run(300, due, "failed")],
    )


def failed_though_it_was_not(whole: Evidence) -> Evidence:
    return replace(whole, runs=[*whole.runs[:2], run(300, BEGIN + 3 * HOUR, "failed")])


def there_after_its_last_tick(whole: Evidence) -> Evidence:
    return replace(whole, there={"dapr-0"})


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (without_a_tick, "missed"),
        (with_a_tick_too_many, "invented"),
        (late, "late"),
        (overlapping, "overlapping"),
        (tried_too_soon, "hasty"),
        (tried_too_often, "exhausted"),
        (failed_though_it_was_not, "outcome"),
        (there_after_its_last_tick, "end"),
    ],
)
def test_each_broken_promise_is_found(plant: Callable[[Evidence], Evidence], kind: str) -> None:
    assert kind in kinds(plant(evidence()))


def test_a_retry_at_once_after_a_failure_without_a_limit_is_found() -> None:
    due = BEGIN + 3 * HOUR
    whole = evidence(life(retries=None))
    failed = call(due, run=300, answered=500, took=4.0)
    again = call(due, run=300, after=4.1, attempt=2)
    assert "hasty" in kinds(replace(whole, arrivals=[*whole.arrivals[:2], failed, again]))


def test_a_call_of_the_version_before_an_overwrite_is_found() -> None:
    job = life()
    at = BEGIN + 2.5 * HOUR
    job.changes.append(DaprChange(at=at, what="overwrite", ticks=Ticks(first=at + HOUR)))
    whole = evidence(job)
    last, ended = call(at + HOUR, run=400), run(400, at + HOUR)
    kept = replace(whole, arrivals=[*whole.arrivals[:2], last], runs=[*whole.runs[:2], ended])
    assert list(check_jobs(kept)) == []
    delayed = call(BEGIN + 2 * HOUR, run=200, after=1900.0)
    assert "withdrawn" in kinds(replace(kept, arrivals=[whole.arrivals[0], delayed, last]))
    assert "invented" in kinds(replace(kept, arrivals=[*whole.arrivals, last]))


def test_a_tick_may_be_late_while_its_app_is_away() -> None:
    whole = late(evidence())
    due = 3 * 3600.0
    assert kinds(replace(whole, aways=[Away(APP.address, due - 60, due + 1)])) == set()


def test_calls_may_overlap_where_a_worker_died() -> None:
    whole = overlapping(evidence())
    died = Incident(2 * 3600 + 1.0, 3 * 3600.0, "was killed", "worker-0.1")
    assert "overlapping" not in kinds(replace(whole, incidents=[died]))


def test_a_further_tick_has_the_id_of_its_run_and_a_number() -> None:
    whole = evidence()
    assert is_further_tick(whole, call(BEGIN + HOUR, run=103))
    assert not is_further_tick(whole, call(BEGIN + HOUR, run=99))


def test_ticks_are_counted_from_the_first_or_from_the_booking() -> None:
    end = BEGIN + timedelta(days=2)
    assert TICKS.up_to(end) == [BEGIN + HOUR, BEGIN + 2 * HOUR, BEGIN + 3 * HOUR]
    assert Ticks(start=BEGIN, every=HOUR, repeats=2).up_to(end) == [BEGIN + HOUR, BEGIN + 2 * HOUR]
    assert Ticks(first=BEGIN).up_to(end) == [BEGIN]
    lasting = Ticks(start=BEGIN, every=HOUR, lasts=2.5 * HOUR)
    assert lasting.up_to(end) == [BEGIN + HOUR, BEGIN + 2 * HOUR]


def test_a_local_time_that_occurs_twice_is_due_twice() -> None:
    berlin = Schedule(hours=(2,), minutes=(30,), zone="Europe/Berlin", twice=True)
    autumn = datetime(2027, 10, 30, 12, tzinfo=UTC)
    assert berlin.between(autumn, autumn + timedelta(days=1)) == [
        datetime(2027, 10, 31, 0, 30, tzinfo=UTC),
        datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
    ]


def test_durations_are_written_as_go_reads_them() -> None:
    assert duration(timedelta(hours=1, minutes=30)) == "1h30m"
    assert duration(timedelta(milliseconds=20)) == "20ms"
    assert duration(timedelta(seconds=2)) == "2000ms"
