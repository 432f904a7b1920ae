"""Booked over HTTP, fired on time: the way of one job, and of five thousand at once."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from standardwebhooks import Webhook

from app.domain.instants import format_utc
from tests.e2e.conftest import Report
from tests.e2e.firings import arrivals, book_many
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import in_seconds
from tests.receiver import Receiver

ON_TIME = 5.0
"""Seconds of lateness that even a busy machine does not need."""


def test_a_job_three_seconds_ahead_is_called_on_time_signed_and_then_gone(
    running: Instance, receiver: Receiver, report: Report
) -> None:
    due_at = in_seconds(3)
    document = {
        "url": receiver.url("/wake?up=1"),
        "when": format_utc(due_at),
        "contentType": "application/json",
        "signature": "mine",
        "data": '{"good": "morning"}',
    }
    created = running.ask("POST", "/1/jobs", document)
    assert created.status == 201
    job = created.body["id"]
    (request,) = receiver.wait_for(1)

    late = request.at - due_at.timestamp()
    report(f"{late * 1000:.1f} ms late")
    assert 0 <= late < ON_TIME
    assert (request.method, request.target) == ("POST", "/wake?up=1")
    headers = {name.lower(): value for name, value in request.headers}
    assert headers["content-type"] == "application/json"
    assert headers["x-content-signature"] == "mine"
    assert headers["wakecall-job"] == job
    assert headers["wakecall-scheduled-for"] == format_utc(due_at)
    assert headers["wakecall-attempt"] == "1"
    (secret,) = running.ask("GET", "/1/secrets").body
    assert Webhook(secret["value"]).verify(request.body, headers) == {"good": "morning"}

    until(lambda: running.ask("GET", f"/1/jobs/{job}").status == 404, "the job is gone")
    (run,) = running.ask("GET", f"/1/jobs/{job}/runs").body
    assert run == running.ask("GET", f"/1/runs/{headers['webhook-id']}").body
    assert (run["id"], run["job"], run["state"]) == (headers["webhook-id"], job, "succeeded")
    assert run["due"] == format_utc(due_at)
    (attempt,) = run["attempts"]
    assert (attempt["number"], attempt["status"]) == (1, 204)
    assert 0 <= attempt["latenessMs"] < ON_TIME * 1000


def test_every_byte_arrives_as_it_was_booked(running: Instance, receiver: Receiver) -> None:
    every = bytes(range(256)) * 8
    document = {
        "url": receiver.url("/bytes"),
        "when": format_utc(in_seconds(1)),
        "data": base64.b64encode(every).decode(),
        "dataEncoding": "base64",
    }

    created = running.ask("POST", "/1/jobs", document)

    assert created.status == 201
    assert created.body["data"] == document["data"]
    (request,) = receiver.wait_for(1)
    assert request.body == every
    assert request.header("content-type") == "application/octet-stream"


def test_a_cron_job_shows_when_it_fires_next(running: Instance, receiver: Receiver) -> None:
    document = {"url": receiver.url(), "cron": "0 0/15 * * * ?"}
    created = running.ask("POST", "/1/jobs", document)
    assert created.status == 201

    job = running.ask("GET", f"/1/jobs/{created.body['id']}").body
    next_at = datetime.fromisoformat(job["next"])
    assert job == created.body
    assert (next_at.minute % 15, next_at.second) == (0, 0)
    assert timedelta() < next_at - datetime.now(UTC) <= timedelta(minutes=15)


@pytest.mark.alone
def test_five_thousand_jobs_due_at_one_instant_all_come_once(
    running: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = book_many(connection, sink.url(), [in_seconds(2)] * 5000)

    arrived = arrivals(sink, connection, jobs)
    assert arrived.repeated == []
    first, *_, last = sorted(request.at for (request,) in arrived.calls.values())
    report(f"{arrived.summary}; drained at {len(jobs) / (last - first):.0f}/s")
