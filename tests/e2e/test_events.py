"""Events through the whole service: signed, and sent to the URL in the job."""

from __future__ import annotations

from typing import Any

from standardwebhooks.webhooks import Webhook

from app.domain.instants import format_utc
from tests.e2e.instance import Instance, until
from tests.e2e.test_completion import complete, later
from tests.factories import in_seconds
from tests.receiver import Received, Receiver, answer, in_turn


def book(running: Instance, receiver: Receiver, **further: Any) -> str:
    document = {
        "url": receiver.url("/job"),
        "when": format_utc(in_seconds(1)),
        "onSuccess": receiver.url("/done"),
        "onFailure": receiver.url("/lost"),
        **further,
    }
    created = running.ask("POST", "/1/jobs", document)
    assert created.status == 201, created.body
    return str(created.body["id"])


def verified(running: Instance, event: Received) -> dict[str, Any]:
    """What it says, if it is genuine."""
    (secret,) = running.ask("GET", "/1/secrets").body
    payload: dict[str, Any] = Webhook(secret["value"]).verify(event.body, dict(event.headers))
    return payload


def settled(running: Instance, event: Received) -> dict[str, Any]:
    path = f"/1/runs/{event.header('webhook-id')}"
    until(lambda: "settled" in running.ask("GET", path).body, "the event has settled")
    found: dict[str, Any] = running.ask("GET", path).body
    return found


def test_a_success_makes_an_event_when_its_one_time_job_is_gone(
    running: Instance, receiver: Receiver
) -> None:
    job = book(running, receiver, name="e2e-event")
    call, event = receiver.wait_for(2)

    assert (event.target, event.method) == ("/done", "POST")
    assert event.header("content-type") == "application/json"
    assert event.header("webhook-id") != call.header("webhook-id")
    assert event.header("wakecall-run") == call.header("webhook-id")
    payload = verified(running, event)
    assert payload["type"] == "run.succeeded"
    assert payload["data"] == {
        "job": job,
        "run": call.header("webhook-id"),
        "name": "e2e-event",
        "due": call.header("wakecall-scheduled-for"),
        "state": "succeeded",
        "attempts": 1,
        "status": 204,
    }
    run = settled(running, event)
    assert (run["kind"], run["run"], run["state"]) == (
        "event",
        call.header("webhook-id"),
        "succeeded",
    )
    assert running.ask("GET", f"/1/jobs/{job}").status == 404
    listed = running.ask("GET", f"/1/runs?job={call.header('webhook-id')}").body
    assert [each["id"] for each in listed] == [run["id"]]
    # An event makes no event.
    assert len(receiver.requests) == 2


def test_a_failure_makes_an_event_after_the_last_attempt_which_is_retried_until_accepted(
    running: Instance, receiver: Receiver
) -> None:
    receiver.behaviours["/job"] = answer(503)
    receiver.behaviours["/lost"] = in_turn(answer(500), answer(204))
    book(running, receiver, retry={"schedule": [1], "maxAttempts": 2})
    first, second, event, again = receiver.wait_for(4, 60.0)

    assert [each.target for each in (first, second, event, again)] == [
        *("/job", "/job"),
        *("/lost", "/lost"),
    ]
    payload = verified(running, event)
    assert payload["type"] == "run.failed"
    assert (payload["data"]["attempts"], payload["data"]["status"]) == (2, 503)
    assert "All 2 attempts are used up." in payload["data"]["reason"]
    # It has the usual retries, the first of them after 5 s.
    assert again.at - event.at >= 5
    assert again.header("webhook-id") == event.header("webhook-id")
    assert verified(running, again) == payload
    assert settled(running, again)["state"] == "succeeded"


def test_a_completion_makes_an_event_too(running: Instance, receiver: Receiver) -> None:
    receiver.behaviours["/job"] = later()
    job = book(running, receiver)
    (call,) = receiver.wait_for(1)
    path = f"/1/runs/{call.header('webhook-id')}"
    until(lambda: running.ask("GET", path).body["state"] == "running", "it is running")

    assert complete(running, call, "failed", "no disk") == 200

    _, event = receiver.wait_for(2)
    data = verified(running, event)["data"]
    assert (event.target, data["job"], data["reason"]) == ("/lost", job, "no disk")


def test_an_event_goes_where_guests_may_go_only(running: Instance, receiver: Receiver) -> None:
    """The guard judges the URL of an event when it is booked, as it does that of a job."""
    document = {
        "url": receiver.url("/job"),
        "when": format_utc(in_seconds(60)),
        "onSuccess": "http://169.254.169.254/latest",
    }
    refused = running.ask("POST", "/1/jobs", document)
    assert (refused.status, refused.body["member"]) == (400, "onSuccess")
