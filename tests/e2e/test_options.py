"""Options of a job: its call options, and its misfire policy."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from app.domain import instants
from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import Received, Receiver, after, answer, in_turn

OFTEN = "0 0/10 * * * ?"
MISSED = 5
"""Firings of OFTEN that an outage swallows."""


def book(instance: Instance, document: dict[str, Any]) -> str:
    created = instance.ask("POST", "/1/jobs", document)
    assert created.status == 201, created.body
    return str(created.body["id"])


def runs(instance: Instance, job: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = instance.ask("GET", f"/1/jobs/{job}/runs").body
    return found


def test_a_job_is_called_with_its_own_options(running: Instance, receiver: Receiver) -> None:
    document = {
        "url": receiver.url("/own"),
        "when": format_utc(in_seconds(1)),
        "data": "x",
        "method": "PUT",
        "headers": {"Authorization": "Bearer abc", "X-Shop": "7"},
    }
    job = book(running, document)
    (request,) = receiver.wait_for(1)

    assert (request.method, request.body) == ("PUT", b"x")
    assert request.header("authorization") == "Bearer abc"
    assert request.header("x-shop") == "7"
    assert request.header("wakecall-job") == job
    assert 0 <= int(request.header("wakecall-lateness-ms") or "-1") < 10_000
    assert request.header("wakecall-missed") is None


def test_a_job_is_tried_again_at_its_own_pace(
    running: Instance, receiver: Receiver, report: Report
) -> None:
    receiver.default = in_turn(answer(500), after(4.0, answer(200)), answer(500), answer(204))
    job = book(
        running,
        {
            "url": receiver.url("/retry"),
            "when": format_utc(in_seconds(1)),
            "timeout": 1,
            "retry": {"maxAttempts": 3, "schedule": [1, 2]},
        },
    )
    until(lambda: "settled" in runs(running, job)[0] if runs(running, job) else False, "it ended")

    (run,) = runs(running, job)
    first, second, third = run["attempts"]
    assert run["state"] == "failed"
    assert "All 3 attempts" in run["reason"]
    assert (first["status"], second["error"], third["status"]) == (500, "timeout", 500)
    assert 1000 <= second["timing"]["totalMs"] < 4000
    assert [each.header("wakecall-attempt") for each in receiver.requests] == ["1", "2", "3"]
    begun = [instants.parse(each["started"], member="when") for each in run["attempts"]]
    waits = [(later - sooner).total_seconds() for sooner, later in pairwise(begun)]
    report(f"attempts {waits[0]:.2f} s and {waits[1]:.2f} s apart")
    assert waits[0] >= 1
    assert waits[1] >= 3
    lateness = [int(each.header("wakecall-lateness-ms") or "") for each in receiver.requests]
    assert lateness[1] >= 1000
    assert lateness[2] >= 4000


def test_beyond_its_age_a_run_is_given_up(running: Instance, receiver: Receiver) -> None:
    receiver.default = answer(500)
    retry = {"backoff": {"initial": 1, "factor": 10}, "maxAge": 4}
    when = format_utc(in_seconds(1))
    job = book(running, {"url": receiver.url("/age"), "when": when, "retry": retry})
    until(lambda: "settled" in runs(running, job)[0] if runs(running, job) else False, "it ended")

    (run,) = runs(running, job)
    assert (run["state"], len(run["attempts"])) == ("failed", 2)
    assert "maxAge of 4 s" in run["reason"]


@contextmanager
def outage(instance: Instance) -> Iterator[None]:
    """Nobody claims anything meanwhile."""
    instance.send("scheduler", signal.SIGSTOP)
    try:
        yield
    finally:
        instance.send("scheduler", signal.SIGCONT)


def missed(
    instance: Instance, connection: psycopg.Connection, url: str, **misfire: Any
) -> tuple[str, list[datetime]]:
    """A job that is let miss MISSED firings, by turning back when it is due next; and these.

    Jobs fire every ten minutes at most: no test can wait for so many.
    """
    job = book(instance, {"url": url, "cron": OFTEN, **misfire})
    now = datetime.now(UTC)
    last = now.replace(minute=now.minute // 10 * 10, second=0, microsecond=0)
    dues = [last - timedelta(minutes=10 * ago) for ago in range(MISSED - 1, -1, -1)]
    connection.execute("UPDATE due SET next_at = %s WHERE job_id = %s", (dues[0], UUID(job)))
    return job, dues


@pytest.fixture
def away_from_the_ten_minutes(connection: psycopg.Connection) -> None:
    """What is due next stays out of the test."""
    into = datetime.now(UTC).timestamp() % 600
    if into > 570:
        connection.execute("SELECT pg_sleep(%s)", (601 - into,))


def scheduled(request: Received) -> datetime:
    return instants.parse(request.header("wakecall-scheduled-for") or "", member="when")


def is_late_as_reported(request: Received) -> bool:
    late = request.at - scheduled(request).timestamp()
    reported = int(request.header("wakecall-lateness-ms") or "-1") / 1000
    return late - 5 < reported <= late + 0.001


@pytest.mark.usefixtures("away_from_the_ten_minutes")
def test_what_an_outage_swallowed_is_made_as_each_job_says(
    battered: Instance, receiver: Receiver, connection: psycopg.Connection, report: Report
) -> None:
    asked: dict[str, dict[str, Any]] = {
        "/default": {},
        "/one": {"misfire": "one"},
        "/all": {"misfire": "all"},
        "/within": {"misfire": "all", "misfireWindow": 1785},
        "/skip": {"misfire": "skip", "misfireWindow": 1},
    }
    when = in_seconds(3)
    skip = asked["/skip"]
    with outage(battered):
        jobs = {
            path: missed(battered, connection, receiver.url(path), **misfire)
            for path, misfire in asked.items()
        }
        document = {"url": receiver.url("/once"), "when": format_utc(when), **skip}
        once = book(battered, document)
        connection.execute("SELECT pg_sleep_until(%s)", (when + timedelta(seconds=1.5),))
    paths = {"/default": 1, "/one": 1, "/all": MISSED, "/once": 1}
    dues = jobs["/all"][1]
    # Of firings ten minutes apart three are within half an hour, less the half minute of the test.
    within = dues[-3:]
    paths["/within"] = len(within)
    requests = receiver.wait_for(sum(paths.values()))
    until(lambda: bool(runs(battered, jobs["/skip"][0])), "the skipped firing is in history")

    arrived = {
        path: [each for each in requests if each.target == path] for path in [*paths, "/skip"]
    }
    assert {path: len(found) for path, found in arrived.items()} == {**paths, "/skip": 0}
    assert all(is_late_as_reported(each) for each in requests)
    for path in ("/default", "/one"):
        (request,) = arrived[path]
        assert scheduled(request) == jobs[path][1][0]
        assert request.header("wakecall-missed") == str(MISSED - 1)
    assert sorted(map(scheduled, arrived["/all"])) == dues
    assert {each.header("wakecall-missed") for each in arrived["/all"]} == {None}
    by_time = sorted(arrived["/within"], key=scheduled)
    assert [scheduled(each) for each in by_time] == within
    assert by_time[0].header("wakecall-missed") == str(MISSED - len(within))
    (skipped,) = runs(battered, jobs["/skip"][0])
    assert (skipped["state"], skipped["attempts"]) == ("cancelled", [])
    assert (skipped["due"], skipped["missed"]) == (format_utc(dues[0]), MISSED - 1)
    report(f"{MISSED} firings came within {requests[-1].at - requests[0].at:.2f} s")

    for path, (job, due_before) in jobs.items():
        document = battered.ask("GET", f"/1/jobs/{job}").body
        assert document["next"] == format_utc(due_before[-1] + timedelta(minutes=10)), path
        assert battered.ask("DELETE", f"/1/jobs/{job}").status == 204
    assert battered.ask("GET", f"/1/jobs/{once}").status == 404
    assert receiver.wait_for(len(requests)) == requests
