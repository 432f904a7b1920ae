"""The checker finds each broken promise, and none where all was kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from tests.simulation.checker import violations
from tests.simulation.clients import Change, Life, Look, Secret
from tests.simulation.clock import BEGIN
from tests.simulation.evidence import Evidence, RunRow
from tests.simulation.receivers import Arrival
from tests.simulation.schedules import Once, Schedule
from tests.simulation.world import Incident

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
JOB = UUID("01a2027f-84a8-7c3e-aef9-24372cb91472")
DAILY = Schedule(hours=(10,), minutes=(0,))
TEN = 10 * 3600.0
HOUR = timedelta(hours=1)
DAY = 86_400.0


def run(day: int, *, missed: int = 0, state: str = "succeeded", version: int = 1) -> RunRow:
    due = BEGIN + timedelta(days=day, hours=10)
    number = UUID(int=JOB.int + 100 * day + version)
    return RunRow(number, JOB, due, missed, state, "scheduled", version, None)


def call(of: RunRow, *, at: float | None = None, worker: str = "worker-0.1") -> Arrival:
    begins = (of.due_at - BEGIN).total_seconds() if at is None else at
    stamp = BEGIN + timedelta(seconds=begins)
    headers = {
        "webhook-id": f"{of.id}",
        "webhook-timestamp": f"{int(stamp.timestamp())}",
        "webhook-signature": Webhook(SECRET).sign(f"{of.id}", stamp, "x"),
        "wakecall-attempt": "1",
        "wakecall-scheduled-for": of.due_at.isoformat(),
    }
    return Arrival(begins, worker, "/daily", headers, b"x", 204, begins + 0.1, begins + 0.1)


def evidence(days: int = 3) -> Evidence:
    """A job that was called on each of these days."""
    life = Life(path="/daily", body=b"x", misfire="one", id=f"{JOB}")
    life.changes.append(Change(at=BEGIN, what="book", schedule=DAILY))
    runs = [run(day) for day in range(days)]
    return Evidence(
        lives=[life],
        arrivals=[call(each) for each in runs],
        runs=runs,
        incidents=[],
        ended=BEGIN + timedelta(days=days),
        secrets=[Secret(value=SECRET, created=BEGIN)],
        there={"daily"},
    )


def kinds(found: Evidence) -> set[str]:
    return {each.partition(":")[0] for each in violations(found)}


def changed(what: str, at: float) -> Evidence:
    whole = evidence()
    whole.lives[0].changes.append(Change(at=BEGIN + timedelta(seconds=at), what=what))
    return replace(whole, there=set()) if what == "delete" else whole


def test_what_was_kept_breaks_nothing() -> None:
    assert violations(evidence()) == []


def test_a_run_that_is_due_as_the_play_ends_may_be_under_way() -> None:
    whole = evidence()
    last = replace(whole.runs[-1], state="taken")
    taken = replace(whole, runs=[*whole.runs[:-1], last], arrivals=whole.arrivals[:-1])

    assert violations(replace(taken, ended=last.due_at)) == []
    assert kinds(replace(taken, ended=last.due_at + 2 * HOUR)) == {"lost", "outcome"}


def without_a_run(whole: Evidence) -> Evidence:
    return replace(whole, runs=whole.runs[:-1], arrivals=whole.arrivals[:-1])


def with_a_run_too_many(whole: Evidence) -> Evidence:
    odd = replace(run(1), due_at=BEGIN + timedelta(days=1, hours=11), id=UUID(int=5))
    return replace(whole, runs=[*whole.runs, odd], arrivals=[*whole.arrivals, call(odd)])


def with_two_runs(whole: Evidence) -> Evidence:
    twin = replace(whole.runs[0], id=UUID(int=7))
    return replace(whole, runs=[*whole.runs, twin], arrivals=[*whole.arrivals, call(twin)])


def early(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[call(whole.runs[0], at=TEN - 0.01), *whole.arrivals[1:]])


def late(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[call(whole.runs[0], at=TEN + 0.3), *whole.arrivals[1:]])


def late_after_an_incident(whole: Evidence) -> Evidence:
    incident = Incident(begins=TEN - 5, ends=TEN + 60, what="killed")
    late_call = call(whole.runs[0], at=TEN + 1800)
    return replace(whole, arrivals=[late_call, *whole.arrivals[1:]], incidents=[incident])


def repeated(whole: Evidence) -> Evidence:
    return replace(whole, arrivals=[*whole.arrivals, call(whole.runs[2], at=2 * DAY + TEN + 5)])


def overlapping(whole: Evidence) -> Evidence:
    first = call(whole.runs[2])
    first.answered, first.answered_at, first.ended_at = 500, first.at + 9, first.at + 9
    second = call(whole.runs[2], at=first.at + 5, worker="worker-1.2")
    return replace(whole, arrivals=[*whole.arrivals[:2], first, second])


def hasty(whole: Evidence) -> Evidence:
    first = call(whole.runs[2])
    first.answered = 500
    return replace(
        whole, arrivals=[*whole.arrivals[:2], first, call(whole.runs[2], at=first.at + 1)]
    )


def under_way(whole: Evidence) -> Evidence:
    return replace(whole, runs=[*whole.runs[:-1], replace(whole.runs[-1], state="taken")])


def failed(whole: Evidence) -> Evidence:
    return replace(whole, runs=[*whole.runs[:-1], replace(whole.runs[-1], state="failed")])


def unsigned(whole: Evidence) -> Evidence:
    whole.arrivals[0].headers["webhook-signature"] = "v1,AAAA"
    return whole


def changed_body(whole: Evidence) -> Evidence:
    again = call(whole.runs[0], at=TEN + 1)
    again.body = b"y"
    return replace(whole, arrivals=[*whole.arrivals, again])


def a_ghost(whole: Evidence) -> Evidence:
    other = replace(run(0), id=UUID(int=9))
    return replace(whole, arrivals=[*whole.arrivals, call(other)])


def a_foreign_call(whole: Evidence) -> Evidence:
    whole.arrivals[0].path = "/another"
    return whole


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        (without_a_run, "missed"),
        (with_a_run_too_many, "invented"),
        (with_two_runs, "doubled"),
        (early, "early"),
        (late, "late"),
        (late_after_an_incident, "late"),
        (repeated, "repeated"),
        (overlapping, "overlapping"),
        (hasty, "hasty"),
        (under_way, "lost"),
        (failed, "outcome"),
        (unsigned, "unsigned"),
        (changed_body, "changed"),
        (a_ghost, "ghost"),
        (a_foreign_call, "foreign"),
    ],
)
def test_each_broken_promise_is_found(plant: Callable[[Evidence], Evidence], kind: str) -> None:
    assert kind in kinds(plant(evidence()))


def test_an_incident_excuses_the_calls_that_come_within_a_minute_of_its_end() -> None:
    whole = late_after_an_incident(evidence())
    soon = [call(whole.runs[0], at=TEN + 110), *whole.arrivals[1:]]

    assert kinds(replace(whole, arrivals=soon)) == set()


def test_a_job_is_there_while_its_run_is_under_way() -> None:
    whole = evidence()
    ended = [replace(each, settled_at=each.due_at + timedelta(seconds=9)) for each in whole.runs]
    at = ended[0].due_at
    whole.lives[0].looks += [
        Look(at=at + timedelta(seconds=5), is_there=True),
        Look(at=at + timedelta(seconds=9), is_there=False),
    ]
    assert violations(replace(whole, runs=ended)) == []
    whole.lives[0].looks.append(Look(at=at + timedelta(seconds=8), is_there=False))
    assert kinds(replace(whole, runs=ended)) == {"end"}


@pytest.mark.parametrize("what", ["delete", "pause"])
def test_a_call_after_a_delete_or_a_pause_is_found(what: str) -> None:
    assert "withdrawn" in kinds(changed(what, 2 * DAY + TEN - 0.2))


@pytest.mark.parametrize("what", ["delete", "pause"])
def test_a_call_at_once_after_a_delete_or_a_pause_is_allowed(what: str) -> None:
    assert kinds(changed(what, 2 * DAY + TEN - 0.09)) == set()


def test_a_run_may_stand_for_firings_that_were_missed_after_it() -> None:
    whole = evidence()
    one = replace(whole.runs[0], missed=2)
    found = replace(whole, runs=[one], arrivals=[call(one, at=2 * DAY + TEN + 600)])
    assert violations(found) == []
    assert "missed" in kinds(replace(found, runs=[replace(one, missed=1)]))


def test_a_repeat_is_excused_for_the_process_that_died() -> None:
    whole = repeated(evidence())
    at = 2 * DAY + TEN
    theirs = Incident(at + 0.05, at + 9, "was killed", "worker-0.1")
    assert violations(replace(whole, incidents=[theirs])) == []
    another = Incident(at + 0.05, at + 9, "was killed", "worker-1.1")
    assert "repeated" in kinds(replace(whole, incidents=[another]))


def test_a_local_time_that_does_not_exist_is_no_firing_and_one_of_two_is_the_second() -> None:
    berlin = Schedule(hours=(2,), minutes=(30,), zone="Europe/Berlin")
    spring = datetime(2027, 3, 27, 12, tzinfo=UTC)
    assert berlin.between(spring, spring + timedelta(days=1)) == []
    autumn = datetime(2027, 10, 30, 12, tzinfo=UTC)
    assert berlin.between(autumn, autumn + timedelta(days=1)) == [
        datetime(2027, 10, 31, 1, 30, tzinfo=UTC)
    ]


def test_one_instant_is_due_once() -> None:
    at = BEGIN + timedelta(hours=1)
    assert Once(at=at).between(BEGIN, at) == [at]
    assert Once(at=at).between(at, at + timedelta(hours=1)) == []


def tried_once(state: str, answers: tuple[int, ...]) -> Evidence:
    """A job that allows one attempt, whose run was called again as its worker was lost."""
    whole = evidence(days=1)
    life, one = whole.lives[0], whole.runs[0]
    life.is_tried_once = True
    calls = [
        replace(call(one, at=TEN + 6 * number, worker=f"worker-{number}.1"), answered=answer)
        for number, answer in enumerate(answers)
    ]
    lost = Incident(TEN, TEN + 30, "is paused", "worker-0.1")
    return replace(
        whole, runs=[replace(one, state=state)], arrivals=calls, incidents=[lost], there={"daily"}
    )


def test_a_run_with_one_attempt_ends_as_its_last_call_was_answered() -> None:
    for state, answers in (
        ("succeeded", (500, 204)),
        ("failed", (204, 500)),
        ("failed", (500,)),
    ):
        assert violations(tried_once(state, answers)) == []
    assert kinds(tried_once("failed", (500, 204))) == {"outcome"}
    assert kinds(tried_once("succeeded", (204, 500))) == {"outcome"}
