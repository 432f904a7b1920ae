"""Run text and run path: the texts of pages about runs, without a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.console import run_path, run_text
from app.domain.run import Attempt, Reply, Run, RunKind, RunState, Timing
from app.domain.run_summary import Called, LastAttempt, RunSummary

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def run(state: RunState, numbers: range, *, missed: int = 0) -> Run:
    attempts = tuple(
        Attempt(
            number=number,
            started_at=AT + timedelta(seconds=number),
            lateness_ms=1.5,
            reply=Reply(status=503 if number % 2 else None, error="timeout", timing=Timing()),
        )
        for number in numbers
    )
    return Run(
        id=UUID(int=1),
        job_id=UUID(int=2),
        job_version=1,
        kind=RunKind.SCHEDULED,
        due_at=AT,
        state=state,
        missed=missed,
        settled_at=AT + timedelta(minutes=9),
        next_attempt_at=AT + timedelta(minutes=5),
        reason=None,
        attempts=attempts,
        complete_by=AT + timedelta(minutes=7),
    )


def summary(**changes: object) -> RunSummary:
    last = LastAttempt(
        number=2, started_at=AT, status=503, error=None, error_detail=None, total_ms=5.0
    )
    called = Called(
        method="POST", url="https://u:p@example.com:8443/wake?x=1", endpoint="", max_attempts=8
    )
    values: dict[str, object] = {
        "id": UUID(int=1),
        "job_id": UUID(int=2),
        "kind": RunKind.SCHEDULED,
        "due_at": AT,
        "state": RunState.FAILED,
        "missed": 0,
        "settled_at": AT,
        "next_attempt_at": None,
        "reason": "The receiver answered 503.",
        "complete_by": None,
        "attempts": 2,
        "lateness_ms": 1.5,
        "last": last,
        "job_name": None,
        "job_exists": True,
        "called": called,
    }
    return RunSummary(**{**values, **changes})  # type: ignore[arg-type] # as a run has them


def words(found: Run) -> list[str]:
    return [each.word for each in run_path.steps_of(found)]


def test_a_path_leads_from_the_due_time_through_attempts_to_the_end() -> None:
    steps = run_path.steps_of(run(RunState.FAILED, range(1, 3), missed=3))
    assert [each.word for each in steps] == [
        "Due",
        "Attempt 1: 503",
        "Attempt 2: timed out",
        "Failed",
    ]
    assert steps[0].note == "3 missed before this run"
    assert [each.lateness_ms for each in steps] == [None, 1.5, None, None]
    assert steps[-1].at == AT + timedelta(minutes=9)


@pytest.mark.parametrize(
    ("numbers", "left"),
    [
        (range(1, 8), "1 more attempt"),
        (range(1, 21), "14 more attempts"),
        (range(11, 31), "25 more attempts"),
    ],
)
def test_attempts_in_between_are_one_step(numbers: range, left: str) -> None:
    found = words(run(RunState.DEAD, numbers))
    assert left in found
    assert found[-2] == f"Attempt {numbers[-1]}: {'503' if numbers[-1] % 2 else 'timed out'}"
    shown = [each for each in found if each.startswith("Attempt ")]
    assert len(shown) + int(left.split(maxsplit=1)[0]) == numbers[-1]


def test_earlier_attempts_of_a_short_list_are_counted() -> None:
    assert words(run(RunState.FAILED, range(2, 4)))[1] == "1 earlier attempt"


@pytest.mark.parametrize(
    ("state", "word", "note"),
    [
        (RunState.WAITING, "Waiting", "next attempt"),
        (RunState.RUNNING, "Running", "result expected until"),
        (RunState.TAKEN, "Taken", "now"),
    ],
)
def test_a_path_ends_with_what_the_run_waits_for(state: RunState, word: str, note: str) -> None:
    last = run_path.steps_of(run(state, range(1, 2)))[-1]
    assert (last.word, last.note) == (word, note)


def test_a_job_is_called_by_its_name_or_by_what_it_calls() -> None:
    assert run_text.job_text(summary(job_name="report")) == "report"
    assert run_text.job_text(summary()) == "example.com/wake"
    assert run_text.job_text(summary(called=None)) == "00000000…"
    assert run_text.job_text(summary(kind=RunKind.EVENT)) == "Event"
    app = Called(method="POST", url="/job/x", endpoint="orders", max_attempts=4)
    assert run_text.job_text(summary(called=app)) == "orders/job/x"


def test_a_result_has_its_duration_and_the_number_of_attempts() -> None:
    assert run_text.result_text(summary()) == "5.0 ms, 2 of 8"
    assert run_text.result_text(summary(attempts=12)) == "5.0 ms, 12 of 12"
    assert run_text.result_text(summary(called=None)) == "5.0 ms, 2"
    assert run_text.result_text(summary(last=None)) == "no attempt"
    assert run_text.result_text(summary(last=None, state=RunState.CLAIMED)) == "no attempt yet"


def test_a_reason_that_the_result_tells_is_left_out_and_a_long_one_is_cut() -> None:
    assert run_text.reason_text(summary()) == ""
    waits = "waiting: 50 calls to example.com are under way"
    assert run_text.reason_text(summary(state=RunState.WAITING, reason=waits)) == waits
    long = run_text.reason_text(summary(state=RunState.DEAD, reason="x" * 900))
    assert long == "x" * 60 + "…"
