"""Fusion jobs through the whole service: runners, tasks, chains, aborts, and a killed worker."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import psycopg
import pytest

from app.domain.timings.leases import LEASE
from tests.e2e.conftest import Report
from tests.e2e.fusion import act, actions_of, at_runner, await_status, history, saved, status
from tests.e2e.instance import Instance, until
from tests.factories import one
from tests.ports import free_port
from tests.receiver import Exchange, Receiver, after, answer, in_turn

pytestmark = pytest.mark.long

EVERY_SECOND = {"type": "cron", "expression": "* * * * * ?"}
ROUNDS = 4


@pytest.fixture(autouse=True)
def _forgotten(request: pytest.FixtureRequest) -> Iterator[None]:
    """No job of a test goes on after it."""
    name = "battered" if "battered" in request.fixturenames else "running"
    instance: Instance = request.getfixturevalue(name)
    yield
    instance.wait_until_ready()
    for each in instance.ask("GET", "/api/jobs").body:
        assert instance.ask("DELETE", f"/api/jobs/{each['resource']}").status == 204


def test_a_runner_is_called_with_what_to_do_and_its_answer_counts(
    running: Instance, receiver: Receiver
) -> None:
    at_runner(running, "datasource", receiver.url("/runner"))
    saved(running, "datasource:movies")
    assert act(running, "datasource:movies")["accepted"]
    (call,) = receiver.wait_for(1)
    await_status(running, "datasource:movies", "success")
    (entry,) = history(running, "datasource:movies")
    assert (call.method, call.target) == ("POST", "/runner")
    assert call.header("content-type") == "application/json"
    assert json.loads(call.body) == {
        "resource": "datasource:movies",
        "runId": entry["runId"],
        "action": "start",
    }
    assert call.header("webhook-id") == entry["runId"]
    assert call.header("webhook-signature")
    assert entry["startTime"] <= entry["endTime"]


def test_a_job_without_a_runner_fails_for_that_reason(running: Instance) -> None:
    running.ask("DELETE", "/1/fusion-runners/spark")
    saved(running, "spark:rollup")
    assert act(running, "spark:rollup")["accepted"]
    await_status(running, "spark:rollup", "failed")
    assert "No runner for spark jobs" in status(running, "spark:rollup")["extra"]["message"]


def test_a_job_never_runs_twice_at_once_and_misses_no_turn(
    running: Instance, receiver: Receiver
) -> None:
    under_way, most = 0, 0

    def slow(exchange: Exchange) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        time.sleep(1.3)
        under_way -= 1
        answer(204)(exchange)

    receiver.default = slow
    at_runner(running, "datasource", receiver.url())
    saved(running, "datasource:often", EVERY_SECOND)
    receiver.wait_for(3)
    refused = act(running, "datasource:often")
    saved(running, "datasource:often", EVERY_SECOND, enabled=False)
    known = len(receiver.requests)
    assert most == 1
    assert (refused["accepted"], "running already" in refused["message"]) == (False, True)
    assert status(running, "datasource:often")["status"] == "aborted"
    assert "nextStartTime" not in status(running, "datasource:often")
    time.sleep(1.5)  # In which it would have been called again.
    assert actions_of(receiver.requests[known:]) in ([], [("datasource:often", "abort")])
    # By hand it runs all the same.
    known = len(receiver.requests)
    assert act(running, "datasource:often")["accepted"]
    assert actions_of(receiver.wait_for(known + 1)[known:]) == [("datasource:often", "start")]


def test_a_run_that_is_completed_later_runs_until_then_or_until_it_is_aborted(
    running: Instance, receiver: Receiver
) -> None:
    receiver.default = answer(202, (("Wakecall-Complete", "later"),))
    at_runner(running, "spark", receiver.url("/spark"))
    saved(running, "spark:long")
    for end in ("completed", "aborted"):
        before = len(receiver.requests)
        assert act(running, "spark:long")["accepted"]
        call = receiver.wait_for(before + 1)[before]
        until(
            lambda: (
                "s to report" in status(running, "spark:long").get("extra", {}).get("message", "")
            ),
            "the runner has said that it will say",
        )
        assert status(running, "spark:long")["status"] == "running"
        run = call.header("webhook-id")
        if end == "completed":
            said = running.ask("POST", f"/1/runs/{run}/complete", {"status": "succeeded"})
            assert said.status == 200
            assert status(running, "spark:long")["status"] == "success"
        else:
            assert act(running, "spark:long", "abort")["accepted"]
            assert status(running, "spark:long")["status"] == "aborted"
            abort = receiver.wait_for(before + 2)[-1]
            assert json.loads(abort.body) == {
                "resource": "spark:long",
                "runId": run,
                "action": "abort",
            }


def test_a_run_that_is_aborted_while_it_waits_for_its_call_and_sent_again_is_called_at_once(
    running: Instance, connection: psycopg.Connection, receiver: Receiver, report: Report
) -> None:
    # A call of another job lasts meanwhile, so that the worker asks for withdrawn runs all along.
    receiver.behaviours["/long"] = after(3.0, answer(204))
    at_runner(running, "spark", receiver.url("/long"))
    at_runner(running, "datasource", receiver.url("/again"))
    saved(running, "spark:long")
    saved(running, "datasource:again")
    assert act(running, "spark:long")["accepted"]
    receiver.wait_for(1)
    assert act(running, "datasource:again")["accepted"]
    taken = (
        "SELECT i.id FROM inflight i JOIN job j ON j.id = i.job_id"
        " WHERE j.name = 'datasource:again' AND i.state = 'taken'"
    )
    until(lambda: one(connection, taken) is not None, "a worker has it")
    run = one(connection, taken)
    assert act(running, "datasource:again", "abort")["accepted"]
    start = ("datasource:again", "start")
    before = actions_of(receiver.requests).count(start)

    asked = time.monotonic()
    assert running.ask("POST", f"/1/runs/{run}/redeliver").status == 202
    until(lambda: actions_of(receiver.requests).count(start) > before, "it is called")

    waited = time.monotonic() - asked
    report(f"called {waited:.2f} s after it was sent again")
    # It took a lease, and a quarantine, to be called.
    assert waited < LEASE.total_seconds() - 1
    assert one(connection, "SELECT coalesce(max(reclaims), 0) FROM inflight") == 0
    await_status(running, "datasource:again", "success")


def test_a_failed_call_is_tried_again_while_the_job_runs(
    running: Instance, receiver: Receiver
) -> None:
    receiver.behaviours["/moody"] = in_turn(answer(500), answer(200))
    task = {
        "id": "moody",
        "type": "rest-call",
        "callParams": {
            "uri": receiver.url("/moody?a=1"),
            "method": "get",
            "queryParams": {"q": "x y&z"},
            "headers": {"X-Who": "me"},
        },
    }
    assert running.ask("POST", "/api/tasks", task).status == 200
    assert act(running, "task:moody")["accepted"]
    until(lambda: "500" in str(status(running, "task:moody").get("extra")), "it has failed once")
    assert status(running, "task:moody")["status"] == "running"
    assert not act(running, "task:moody")["accepted"]
    _, call = receiver.wait_for(2)
    await_status(running, "task:moody", "success")
    assert (call.method, call.target, call.body) == ("GET", "/moody?a=1&q=x%20y%26z", b"")
    assert call.header("x-who") == "me"


def test_what_cannot_be_reached_fails_within_a_minute(running: Instance, report: Report) -> None:
    at_runner(running, "datasource", f"http://127.0.0.1:{free_port()}/")
    saved(running, "datasource:nowhere")
    asked = time.monotonic()
    assert act(running, "datasource:nowhere")["accepted"]
    await_status(running, "datasource:nowhere", "failed", 60)
    report(f"failed {time.monotonic() - asked:.0f} s after it was started")


def test_a_receiver_that_is_gone_takes_no_job_along(running: Instance, receiver: Receiver) -> None:
    receiver.default = answer(410)
    at_runner(running, "datasource", receiver.url())
    saved(running, "datasource:gone")
    assert act(running, "datasource:gone")["accepted"]
    await_status(running, "datasource:gone", "failed")
    assert "410" in history(running, "datasource:gone")[0]["extra"]["message"]


def test_an_end_and_what_it_starts_survive_a_killed_worker_together(
    battered: Instance, connection: psycopg.Connection, receiver: Receiver, report: Report
) -> None:
    receiver.default = after(0.05, answer(204))
    at_runner(battered, "datasource", receiver.url("/first"))
    at_runner(battered, "spark", receiver.url("/then"))
    saved(battered, "datasource:first")
    after_it = {"type": "job", "jobID": "datasource:first", "runOnSuccess": True}
    saved(battered, "spark:then", after_it)
    ended = (
        "SELECT count(*) FROM run r JOIN job j ON j.id = r.job_id"
        " WHERE j.name = %s AND r.state = 'succeeded'"
    )
    for number in range(1, ROUNDS + 1):
        calls = len(receiver.requests)
        assert act(battered, "datasource:first")["accepted"]
        receiver.wait_for(calls + 1)
        # About when the answer comes, and is settled.
        time.sleep(0.03 * number)
        battered.kill("worker")
        until(
            lambda turn=number: one(connection, ended, "spark:then") >= turn,  # type: ignore[misc] # the loop's own
            "the second has ended as well",
            60,
        )
        assert one(connection, ended, "datasource:first") == number
        assert one(connection, ended, "spark:then") == number
        until(lambda: one(connection, "SELECT count(*) FROM inflight") == 0, "nothing is under way")
    report(f"{ROUNDS} ends and starts, {len(receiver.requests)} calls")
