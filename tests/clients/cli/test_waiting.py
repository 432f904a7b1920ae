"""Waiting: a job is followed from before its first run to the end of the run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.clients.cli.invocation import NOW, Canned, Commands
from wakecall.cli.failures import Exit

JOB = "03ba07bc-0c8b-4a82-9a47-c65e7a8d24af"
RUN = "01a20290-027f-7fc0-b123-b43bd8583de0"
BOOKED = {"id": JOB, "when": "2026-11-22T09:33:30Z"}
BOOK = ("book", "https://example.com/wake", "--in", "150s", "--wait")


def run(state: str, *statuses: int, **members: Any) -> dict[str, Any]:
    attempts = [
        {
            "number": number,
            "status": status,
            "started": "2026-11-22T09:33:30.0019Z",
            "latenessMs": 1.9,
            "timing": {"totalMs": 12.0},
        }
        for number, status in enumerate(statuses, 1)
    ]
    return {"id": RUN, "job": JOB, "state": state, "attempts": attempts, **members}


def prepare(canned: Canned, *polled: Any) -> None:
    left = list(polled)
    canned.answers["POST", "/1/jobs"] = (201, BOOKED)
    canned.answers["GET", f"/1/jobs/{JOB}/runs"] = lambda _request: (200, left.pop(0))


def test_a_person_sees_each_attempt_and_the_end(wakecall: Commands, canned: Canned) -> None:
    retry = run("waiting", 503, reason="The receiver answered 503.")
    retry["nextAttempt"] = "2026-11-22T09:33:35Z"
    prepare(canned, [], [], [run("taken")], [retry], [retry], [run("succeeded", 503, 204)])

    done = wakecall.person(*BOOK)

    assert done.code == 0, done.err
    assert done.out.splitlines() == [
        f"Booked {JOB} for 10:33:30 +01:00 (in 2 min)",
        "Called 10:33:30.0019: 503, 1.9 ms late, 12 ms",
        "○ waiting: The receiver answered 503. Next attempt in 3 min.",
        "Called 10:33:30.0019: 204, 1.9 ms late, 12 ms",
        "✓ succeeded",
    ]
    # Before the job is due nothing is asked for long, but a minute at most.
    assert [each for each in wakecall.slept if each > 2] == [60, 60]


def test_a_program_gets_the_run_and_whether_it_failed(wakecall: Commands, canned: Canned) -> None:
    prepare(canned, [run("failed", 500, reason="The receiver answered 500.")])

    done = wakecall.run(*BOOK, "--json")

    assert (done.code, done.json()["state"]) == (Exit.REFUSED, "failed")
    assert "Called 10:33:30.0019: 500" in done.err


def test_a_job_that_is_deleted_before_its_run_ends_the_wait(
    wakecall: Commands, canned: Canned
) -> None:
    problem = {"type": "/problems/not-found", "title": "Not found", "detail": "No such job."}
    prepare(canned, [], [])
    canned.answers["GET", f"/1/jobs/{JOB}"] = (404, problem)
    wakecall.clock = lambda: NOW.replace(minute=40)

    done = wakecall.run(*BOOK)

    assert done.code == Exit.NOT_FOUND


@pytest.mark.parametrize(
    ("options", "waited"), [((), timedelta(minutes=5)), (("--wait-for", "90s"), timedelta(0, 90))]
)
def test_a_run_that_is_not_over_ends_the_wait_at_its_limit_after_the_due_time(
    wakecall: Commands, canned: Canned, options: tuple[str, ...], waited: timedelta
) -> None:
    now = passing(wakecall)
    prepare(canned)
    canned.answers["GET", f"/1/jobs/{JOB}/runs"] = (200, [run("running", 202)])

    done = wakecall.run(*BOOK, *options, sleep=now.sleep)

    assert done.code == Exit.REFUSED
    assert f"The run {RUN} is running, and goes on." in done.err
    assert f"wakecall run watch {RUN}" in done.err
    due = datetime.fromisoformat(BOOKED["when"])
    assert timedelta(0) <= now() - due - waited < timedelta(seconds=3)
    assert wakecall.run("book", "https://example.com/", "--in", "1s", "--wait-for", "x").code == 2


def test_a_job_that_gets_no_run_ends_the_wait_as_well(wakecall: Commands, canned: Canned) -> None:
    now = passing(wakecall)
    prepare(canned)
    canned.answers["GET", f"/1/jobs/{JOB}/runs"] = (200, [])
    canned.answers["GET", f"/1/jobs/{JOB}"] = (200, BOOKED)

    done = wakecall.run(*BOOK, "--json", sleep=now.sleep)

    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert f"The job {JOB} has no run yet." in done.problem["detail"]
    assert done.problem["remedy"] == f"Look at it: wakecall job get {JOB}"


def test_a_limit_of_nothing_looks_once(wakecall: Commands, canned: Canned) -> None:
    now = passing(wakecall)
    canned.answers["POST", f"/1/jobs/{JOB}/fire"] = (202, {"id": RUN, "state": "waiting"})
    canned.answers["GET", f"/1/runs/{RUN}"] = (200, run("succeeded", 204))

    done = wakecall.run("job", "fire", JOB, "--wait-for", "0s", sleep=now.sleep)

    assert (done.code, now()) == (Exit.DONE, NOW)


def test_a_fired_job_is_waited_for_up_to_the_limit(wakecall: Commands, canned: Canned) -> None:
    now = passing(wakecall)
    canned.answers["POST", f"/1/jobs/{JOB}/fire"] = (202, {"id": RUN, "state": "waiting"})
    canned.answers["GET", f"/1/runs/{RUN}"] = (200, run("waiting"))

    done = wakecall.run("job", "fire", JOB, "--wait-for", "10s", sleep=now.sleep)

    assert (done.code, f"The run {RUN} is waiting" in done.err) == (Exit.REFUSED, True)
    assert timedelta(seconds=10) < now() - NOW < timedelta(seconds=13)


class Passing:
    """A clock that goes on as a command sleeps."""

    def __init__(self) -> None:
        self._now = NOW

    def __call__(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


def passing(wakecall: Commands) -> Passing:
    made = Passing()
    wakecall.clock = made
    return made


def test_a_connection_that_is_lost_for_good_ends_the_wait(
    wakecall: Commands, canned: Canned, monkeypatch: Any
) -> None:
    monkeypatch.setattr("wakecall._sync.session.time.sleep", lambda _seconds: None)

    def lost(request: httpx2.Request) -> Any:
        raise httpx2.ReadTimeout("gone", request=request)

    prepare(canned)
    canned.answers["GET", f"/1/jobs/{JOB}/runs"] = lost

    assert wakecall.run(*BOOK).code == Exit.UNREACHED
