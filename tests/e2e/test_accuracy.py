"""Accuracy as an account sees it, after real calls."""

from __future__ import annotations

from typing import Any

import psycopg

from app.domain.instants import format_utc
from tests.e2e.instance import Instance, until
from tests.factories import in_seconds, one
from tests.receiver import Receiver

CALLS = 20


def test_deliveries_appear_in_accuracy_within_seconds(
    running: Instance, receiver: Receiver, connection: psycopg.Connection
) -> None:
    # An account of its own: of others' calls not all are counted.
    key = running.new_account("accurate")

    def windows() -> tuple[dict[str, Any], dict[str, Any]]:
        body = running.ask("GET", "/1/accuracy", key=key).body
        return body["hour"], body["day"]

    jobs = []
    for _ in range(CALLS):
        job = {"url": receiver.url(), "when": format_utc(in_seconds(1)), "data": "{}"}
        jobs.append(running.ask("POST", "/1/jobs", job, key=key).body["id"])
    receiver.wait_for(CALLS)
    settled = "SELECT count(*) FROM run WHERE job_id::text = ANY (%s)"
    until(lambda: one(connection, settled, jobs) == CALLS, "all calls are settled")
    until(lambda: windows()[0]["deliveries"] >= CALLS, "all calls are counted")

    runs = [running.ask("GET", f"/1/jobs/{job}/runs", key=key).body[0] for job in jobs]
    latest = max(run["attempts"][0]["latenessMs"] for run in runs)
    for window in windows():
        assert window["deliveries"] == CALLS, "each is counted once"
        assert 0 < window["p50Ms"] <= window["p95Ms"] <= window["p99Ms"] <= window["maxMs"]
        # History keeps seven digits of it, the answer four decimals.
        assert window["maxMs"] >= latest * (1 - 1e-6) - 5e-5
