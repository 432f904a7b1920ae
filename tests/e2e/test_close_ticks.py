"""Close ticks: jobs that tick faster than runs are made, called in order by the whole service."""

from __future__ import annotations

import itertools
from datetime import timedelta

import psycopg
import pytest

from app.domain import instants
from tests.e2e.conftest import Report
from tests.e2e.instance import Instance, until
from tests.e2e.sidecar import Dapr
from tests.receiver import Exchange, Received, Receiver, answer

_ids = itertools.count()

HISTORY = """
SELECT count(*), (SELECT count(*) FROM attempt a WHERE a.run_id = ANY (array_agg(r.id)))
FROM run r WHERE r.job_id = %s
"""


@pytest.fixture
def dapr(running: Instance, receiver: Receiver) -> Dapr:
    """The main port, for an app of the test's own, which is the receiver."""
    app_id = f"close-{next(_ids)}"
    assert running.ask("PUT", f"/1/dapr-apps/{app_id}", {"url": receiver.url()}).status == 201
    return Dapr(
        port=running.port, headers=(("dapr-api-token", running.key), ("dapr-app-id", app_id))
    )


def gone(dapr: Dapr, name: str) -> None:
    until(lambda: dapr.get(name).status == 500, f"{name} is gone")


def apart(requests: list[Received]) -> set[timedelta]:
    """How far apart the ticks were due."""
    dues = [
        instants.parse(each.header("wakecall-scheduled-for") or "", member="due")
        for each in requests
    ]
    return {later - earlier for earlier, later in itertools.pairwise(dues)}


def test_ticks_that_are_ten_milliseconds_apart_are_all_called_and_share_rows(
    dapr: Dapr, receiver: Receiver, connection: psycopg.Connection, report: Report
) -> None:
    receiver.default = answer(200)
    sent = {"schedule": "@every 10ms", "dueTime": "1s", "repeats": 200}
    assert dapr.schedule("fast", sent).status == 204
    requests = receiver.wait_for(200, seconds=60)
    gone(dapr, "fast")

    assert len(receiver.requests) == 200
    assert apart(requests) == {timedelta(milliseconds=10)}
    assert len({each.header("webhook-id") for each in requests}) == 200
    assert {each.header("wakecall-attempt") for each in requests} == {"1"}
    (job,) = {each.header("wakecall-job") for each in requests}
    rows = connection.execute(HISTORY, [job]).fetchone()
    assert rows is not None
    took = requests[-1].at - requests[0].at
    report(f"200 ticks in {took:.2f} s, {rows[0]} runs and {rows[1]} attempts in history")
    # One row for each would be 400.
    assert sum(rows) <= 100


def test_ticks_that_fail_are_tried_again_and_none_is_lost(
    dapr: Dapr, receiver: Receiver, connection: psycopg.Connection
) -> None:
    answers = itertools.count()

    def every_seventh_fails(exchange: Exchange) -> None:
        answer(500 if next(answers) % 7 == 3 else 200)(exchange)

    receiver.default = every_seventh_fails
    policy = {"constant": {"maxRetries": 2}}
    sent = {"schedule": "@every 20ms", "dueTime": "1s", "repeats": 40, "failurePolicy": policy}
    assert dapr.schedule("flaky", sent).status == 204
    gone(dapr, "flaky")

    seen = [(each.header("wakecall-scheduled-for") or "") for each in receiver.requests]
    assert seen == sorted(seen)
    assert len(set(seen)) == 40
    # A tick that is tried again keeps its id.
    ids = {
        (each.header("wakecall-scheduled-for"), each.header("webhook-id"))
        for each in receiver.requests
    }
    assert len(ids) == 40
    (job,) = {each.header("wakecall-job") for each in receiver.requests}
    states = connection.execute("SELECT DISTINCT state FROM run WHERE job_id = %s", [job])
    assert states.fetchall() == [("succeeded",)]
