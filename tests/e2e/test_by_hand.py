"""By hand: calls beside the schedule, runs sent again, and pauses, through the whole service."""

from __future__ import annotations

import time

import pytest

from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import Received, Receiver, answer

PROMPT = 5.0
"""Seconds that even a busy machine does not need for a call that was asked for by hand."""

YEARLY = "0 0 0 1 1 ?"


def header(request: Received, name: str) -> str:
    return {key.lower(): value for key, value in request.headers}[name]


def book(running: Instance, document: dict[str, object]) -> str:
    created = running.ask("POST", "/1/jobs", document)
    assert created.status == 201
    job: str = created.body["id"]
    return job


def await_state(running: Instance, run: str, state: str) -> None:
    until(
        lambda: running.ask("GET", f"/1/runs/{run}").body["state"] == state, f"the run is {state}"
    )


def test_a_call_by_hand_comes_at_once_and_leaves_the_job_as_it_is(
    running: Instance, receiver: Receiver, report: Report
) -> None:
    job = book(running, {"url": receiver.url("/now"), "cron": YEARLY, "data": "hello"})
    before = running.ask("GET", f"/1/jobs/{job}").body

    asked = time.time()
    fired = running.ask("POST", f"/1/jobs/{job}/fire")
    (request,) = receiver.wait_for(1)

    report(f"called {(request.at - asked) * 1000:.0f} ms after it was asked for")
    assert request.at - asked < PROMPT
    assert fired.status == 202
    assert (header(request, "webhook-id"), request.body) == (fired.body["id"], b"hello")
    await_state(running, fired.body["id"], "succeeded")
    assert running.ask("GET", f"/1/jobs/{job}").body == before


def test_a_failed_run_of_a_job_that_is_gone_comes_again_as_the_same_run(
    running: Instance, receiver: Receiver, report: Report
) -> None:
    receiver.behaviours["/moody"] = answer(410)
    when = format_utc(in_seconds(1))
    job = book(running, {"url": receiver.url("/moody"), "when": when, "data": "precious"})
    (first,) = receiver.wait_for(1)
    run = header(first, "webhook-id")
    await_state(running, run, "failed")
    assert running.ask("GET", f"/1/jobs/{job}").status == 404
    receiver.behaviours["/moody"] = answer(204)

    counted = running.ask("POST", "/1/runs/redeliver", {"job": job, "dryRun": True})
    assert (counted.status, counted.body["count"]) == (200, 1)
    asked = time.time()
    taken_up = running.ask("POST", "/1/runs/redeliver", {"job": job})
    assert (taken_up.status, taken_up.body["count"]) == (202, 1)
    _, second = receiver.wait_for(2)

    report(f"sent again {(second.at - asked) * 1000:.0f} ms after it was asked for")
    assert (header(second, "webhook-id"), second.body) == (run, b"precious")
    assert header(second, "wakecall-attempt") == "2"
    assert header(second, "wakecall-scheduled-for") == when
    await_state(running, run, "succeeded")
    (redelivered,) = running.ask("GET", f"/1/runs?job={job}").body
    assert [attempt["status"] for attempt in redelivered["attempts"]] == [410, 204]


def test_a_pause_stops_the_retries_and_the_end_of_it_makes_the_call(
    running: Instance, receiver: Receiver
) -> None:
    receiver.behaviours["/paused"] = answer(500)
    job = book(running, {"url": receiver.url("/paused"), "when": format_utc(in_seconds(1))})
    (first,) = receiver.wait_for(1)
    await_state(running, header(first, "webhook-id"), "waiting")

    paused = running.ask("POST", f"/1/jobs/{job}/pause")
    assert (paused.status, paused.body["enabled"]) == (200, False)
    await_state(running, header(first, "webhook-id"), "cancelled")
    receiver.behaviours["/paused"] = answer(204)
    resumed = running.ask("POST", f"/1/jobs/{job}/resume")
    assert resumed.status == 200
    _, second = receiver.wait_for(2)

    assert header(second, "wakecall-scheduled-for") == header(first, "wakecall-scheduled-for")
    until(lambda: running.ask("GET", f"/1/jobs/{job}").status == 404, "the job has ended")
    assert len(receiver.requests) == 2


@pytest.mark.parametrize("gone", [True, False])
def test_deleting_the_job_stops_what_is_being_sent_again(
    running: Instance, receiver: Receiver, *, gone: bool
) -> None:
    receiver.behaviours["/failing"] = answer(410)
    schedule = {"when": format_utc(in_seconds(1))} if gone else {"cron": YEARLY}
    job = book(running, {"url": receiver.url("/failing"), **schedule})
    if not gone:
        receiver.behaviours["/failing"] = answer(500)
        running.ask("POST", f"/1/jobs/{job}/fire")
    (first,) = receiver.wait_for(1)
    run = header(first, "webhook-id")
    if gone:
        await_state(running, run, "failed")
        receiver.behaviours["/failing"] = answer(500)
        assert running.ask("POST", f"/1/runs/{run}/redeliver").status == 202
        receiver.wait_for(2)
    await_state(running, run, "waiting")

    assert running.ask("DELETE", f"/1/jobs/{job}").status == 204

    await_state(running, run, "cancelled")
    refused = running.ask("POST", f"/1/runs/{run}/redeliver")
    assert (refused.status, refused.body["type"]) == (409, "/problems/conflict")
