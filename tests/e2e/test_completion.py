"""Completion through the whole service: receivers that report a result later."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds
from tests.receiver import Behaviour, Exchange, Received, Receiver, answer, in_turn

WITHIN_2 = "later; within=2"


def later(how: str = "later") -> Behaviour:
    return answer(202, (("Wakecall-Complete", how),))


def complete(running: Instance, call: Received, status: str, message: str = "") -> int:
    """What a receiver does that knows nothing of Wakecall but the call it got."""
    run, token = call.header("webhook-id"), call.header("wakecall-completion-token")
    asked = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/1/runs/{run}/complete",
        json.dumps({"status": status, "message": message}).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(asked, timeout=30) as found:
            return int(found.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def book(running: Instance, receiver: Receiver, **further: Any) -> str:
    document = {"url": receiver.url("/later"), "when": format_utc(in_seconds(1)), **further}
    created = running.ask("POST", "/1/jobs", document)
    assert created.status == 201, created.body
    return str(created.body["id"])


def run_of(running: Instance, call: Received) -> dict[str, Any]:
    found: dict[str, Any] = running.ask("GET", f"/1/runs/{call.header('webhook-id')}").body
    return found


def await_state(running: Instance, call: Received, state: str) -> dict[str, Any]:
    until(lambda: run_of(running, call)["state"] == state, f"the run is {state}")
    return run_of(running, call)


def test_a_receiver_says_later_that_it_is_done(running: Instance, receiver: Receiver) -> None:
    receiver.default = later()
    job = book(running, receiver)
    (call,) = receiver.wait_for(1)
    waiting = await_state(running, call, "running")
    assert waiting["completeBy"] > waiting["due"]
    assert running.ask("GET", f"/1/jobs/{job}").status == 200

    assert complete(running, call, "succeeded", "7 rows") == 200

    run = run_of(running, call)
    assert (run["state"], run["reason"]) == ("succeeded", "7 rows")
    assert [each["status"] for each in run["attempts"]] == [202]
    assert running.ask("GET", f"/1/jobs/{job}").status == 404
    assert complete(running, call, "succeeded") == 200
    assert complete(running, call, "failed") == 409
    assert len(receiver.requests) == 1


def test_a_receiver_says_later_that_it_failed(running: Instance, receiver: Receiver) -> None:
    receiver.default = later()
    book(running, receiver)
    (call,) = receiver.wait_for(1)
    await_state(running, call, "running")

    assert complete(running, call, "failed", "no disk") == 200

    run = run_of(running, call)
    assert (run["state"], run["reason"], len(run["attempts"])) == ("failed", "no disk", 1)


def test_a_receiver_that_is_done_before_it_answers_is_heard(
    running: Instance, receiver: Receiver
) -> None:
    said: list[int] = []

    def behave(exchange: Exchange) -> None:
        said.append(complete(running, exchange.request, "failed", "so soon"))
        later()(exchange)

    receiver.default = behave
    book(running, receiver)
    (call,) = receiver.wait_for(1)

    run = await_state(running, call, "failed")
    assert said == [202]
    assert (run["reason"], [each["status"] for each in run["attempts"]]) == ("so soon", [202])


def test_a_receiver_that_says_nothing_in_time_is_called_again(
    running: Instance, receiver: Receiver, report: Report
) -> None:
    receiver.default = in_turn(later(WITHIN_2), later())
    book(running, receiver, retry={"schedule": [1], "maxAttempts": 2})
    first, second = receiver.wait_for(2)

    report(f"called again {second.at - first.at:.2f} s after it was called")
    assert second.at - first.at >= 3
    assert second.header("webhook-id") == first.header("webhook-id")
    assert second.header("wakecall-attempt") == "2"
    await_state(running, second, "running")
    assert complete(running, second, "succeeded") == 200
    assert run_of(running, second)["state"] == "succeeded"


def test_a_receiver_that_never_says_anything_has_failed(
    running: Instance, receiver: Receiver
) -> None:
    receiver.default = later("later; within=1")
    book(running, receiver, retry={"schedule": [1], "maxAttempts": 2})
    _, call = receiver.wait_for(2)

    run = await_state(running, call, "failed")
    assert "The run was not completed by" in run["reason"]
    assert "All 2 attempts are used up." in run["reason"]
    assert complete(running, call, "succeeded") == 409


def test_a_deleted_job_waits_for_no_completion(running: Instance, receiver: Receiver) -> None:
    receiver.default = later()
    job = book(running, receiver)
    (call,) = receiver.wait_for(1)
    await_state(running, call, "running")

    assert running.ask("DELETE", f"/1/jobs/{job}").status == 204

    await_state(running, call, "cancelled")
    assert complete(running, call, "succeeded") == 409
