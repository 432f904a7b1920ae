"""Dapr: its clients' calls and its jobs, against the whole service."""

from __future__ import annotations

import itertools
import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from app.domain.dapr.names import MAX_NAME
from local.instance import CHECKOUT
from tests.domain.dapr import vectors
from tests.domain.dapr.vectors import Vector
from tests.e2e.conftest import Report
from tests.e2e.instance import PATIENCE, Instance, until
from tests.e2e.sidecar import Dapr, command, sidecar
from tests.factories import one
from tests.ports import free_port
from tests.receiver import Behaviour, Exchange, Receiver, answer, hang, in_turn

pytestmark = pytest.mark.long

_ids = itertools.count()


@pytest.fixture
def dapr(running: Instance, receiver: Receiver) -> Dapr:
    """The main port, for an app of the test's own, which is the receiver."""
    app_id = f"app-{next(_ids)}"
    put = running.ask("PUT", f"/1/dapr-apps/{app_id}", {"url": receiver.url()})
    assert put.status == 201
    return Dapr(
        port=running.port, headers=(("dapr-api-token", running.key), ("dapr-app-id", app_id))
    )


def gone(dapr: Dapr, name: str) -> None:
    until(lambda: dapr.get(name).status == 500, f"{name} is gone")


def test_the_quickstart_s_clients_are_served(running: Instance, report: Report) -> None:
    with Receiver(answer(200)) as app, sidecar(running, "job-service", app.port) as dapr:
        for name, task, due in (("R2-D2", "Oil Change", "1s"), ("C-3PO", "Limb Calibration", "3s")):
            body = {"data": {"value": f"{name}:{task}"}, "dueTime": due}
            assert dapr.schedule(name, body) == (204, b"")
            status, text = dapr.get(name)
            assert status == 200
            assert json.loads(text) == {
                "name": name,
                "dueTime": due,
                "data": {
                    "@type": "type.googleapis.com/google.protobuf.Value",
                    "value": {"value": f"{name}:{task}"},
                },
                "failurePolicy": {"constant": {"interval": "1s", "maxRetries": 3}},
            }
        assert dapr.delete("C-3PO") == (204, b"")
        assert dapr.get("C-3PO").status == 500
        (request,) = app.wait_for(1)
        gone(dapr, "R2-D2")
        assert dapr.schedule("R2-D2", {"dueTime": "1h"}).status == 204
        assert dapr.delete("R2-D2").status == 204

        assert (request.method, request.target) == ("POST", "/job/R2-D2")
        assert request.header("content-type") == "application/json"
        assert request.header("webhook-signature")
        # What the quickstart's services take it apart into.
        assert json.loads(request.body)["value"].split(":") == ["R2-D2", "Oil Change"]
        report(f"{request.header('wakecall-lateness-ms')} ms late")
        until(lambda: time.time() > request.at + 2.5, "the deleted one would have come")
        assert len(app.requests) == 1


def test_the_quickstart_s_documents_are_taken_as_they_are(running: Instance) -> None:
    with sidecar(running, "job-service", 6200) as dapr:
        for name, task, due in (
            ("R2-D2", "Oil Change", "15s"),
            ("C-3PO", "Limb Calibration", "20s"),
        ):
            sent = '{"data":{"value":"%s:%s"},"dueTime":"%s"}' % (name, task, due)  # noqa: UP031 - braces
            assert dapr.schedule(name, sent.encode()).status == 204
            assert dapr.get(name).body.decode() == (
                f'{{"name":"{name}", "dueTime":"{due}", "data":{{"@type":"type.googleapis.com/'
                f'google.protobuf.Value", "value":{{"value":"{name}:{task}"}}}}, '
                '"failurePolicy":{"constant":{"interval":"1s", "maxRetries":3}}}'
            )
            assert dapr.schedule(name, sent.encode()).status == 409
            assert dapr.delete(name).status == 204
            assert dapr.get(name).status == 500


def test_a_sidecar_offers_nothing_but_dapr(running: Instance) -> None:
    with sidecar(running, "job-service", 6200) as dapr:
        assert dapr.ask("GET", "/v1.0/healthz") == (204, b"")
        assert json.loads(dapr.ask("GET", "/v1.0/metadata").body)["id"] == "job-service"
        for method, path in (("GET", "/1/jobs"), ("POST", "/1/jobs"), ("GET", "/metrics")):
            status, body = dapr.ask(method, path)
            assert (status, json.loads(body)["errorCode"]) == (404, "ERR_DIRECT_INVOKE")
        refused = start(running, "job-service", 6200, dapr.port)
        assert refused.returncode == 1
        assert refused.stderr.count("\n") == 1
        assert "Address already in use" in refused.stderr


def test_a_sidecar_that_cannot_start_says_why_in_a_line(running: Instance) -> None:
    for settings, said in (
        ({"WAKECALL_HOME": "/nowhere"}, "make run"),
        ({"WAKECALL_ALLOW_TARGETS": ""}, "are not allowed"),
    ):
        refused = start(running, "another", 6201, free_port(), **settings)
        assert refused.returncode in {1, 2}
        assert refused.stderr.count("\n") == 1
        assert said in refused.stderr


def start(
    instance: Instance, app_id: str, app_port: int, port: int, **settings: str
) -> subprocess.CompletedProcess[str]:
    """A sidecar that is expected to end by itself."""
    return subprocess.run(
        command(app_id, app_port, port),
        capture_output=True,
        text=True,
        check=False,
        cwd=CHECKOUT,
        env={**instance.environment, **settings},
        timeout=PATIENCE,
    )


BEHAVIOURS: dict[str, Callable[[], Behaviour]] = {
    "500 always": lambda: answer(500),
    "404 always": lambda: answer(404),
    "200": lambda: answer(200),
    "success": lambda: answer(200),
    "error always": lambda: answer(500),
    "error, error, then success": lambda: in_turn(answer(500), answer(500), answer(200)),
    "error, except the third call": lambda: in_turn(
        answer(500), answer(500), answer(200), answer(500)
    ),
    "error 99 times, then success": lambda: in_turn(*[answer(500)] * 99, answer(200)),
}


@pytest.mark.parametrize(
    "vector",
    [each for each in vectors.of("trigger_count") if each.input["app_answers"] in BEHAVIOURS],
    ids=str,
)
def test_an_app_is_called_as_often_as_by_dapr(
    dapr: Dapr, receiver: Receiver, vector: Vector
) -> None:
    receiver.default = BEHAVIOURS[vector.input["app_answers"]]()
    job = vector.input["job"]
    sent = {**job, "dueTime": "0s"} if job.get("dueTime") == "now" else job
    assert dapr.schedule("test", sent).status == 204
    calls = vector.expected.get("calls", vector.expected.get("calls_within_3s"))
    receiver.wait_for(calls, seconds=60)
    if "calls" in vector.expected:
        gone(dapr, "test")
    else:
        until(lambda: time.time() > receiver.requests[0].at + 3, "three seconds are over")
        assert dapr.delete("test").status == 204
    assert len(receiver.requests) == calls
    assert {each.target for each in receiver.requests} == {"/job/test"}


def test_an_app_that_is_not_there_costs_nothing(
    running: Instance, dapr: Dapr, connection: psycopg.Connection
) -> None:
    (vector,) = [
        each
        for each in vectors.of("trigger_count")
        if each.input["app_answers"] == "no app connected"
    ]
    app_id = dict(dapr.headers)["dapr-app-id"]
    url = f"http://127.0.0.1:{free_port()}"
    assert running.ask("PUT", f"/1/dapr-apps/{app_id}", {"url": url}).status == 200
    assert dapr.schedule("test", vector.input["job"]).status == 204
    query = (
        "SELECT count(*) FROM inflight JOIN job j ON j.id = job_id"
        " WHERE endpoint = %s AND state = 'waiting' AND attempts = 0"
    )
    until(lambda: one(connection, query, app_id) == 1, "its run waits")
    assert dapr.get("test").status == (500 if vector.expected["job_gone_after"] else 200)
    assert dapr.delete("test").status == 204


@pytest.mark.parametrize("vector", vectors.of("trigger_body"), ids=str)
def test_data_arrives_as_it_was_written(dapr: Dapr, receiver: Receiver, vector: Vector) -> None:
    body = f'{{"dueTime": "0s", "data": {vector.input}}}'
    assert dapr.schedule("a%20b%2Bc", body.encode()).status == 204
    (request,) = receiver.wait_for(1)
    assert request.target == "/job/a%20b+c"
    assert request.body.decode() == vector.input.strip()
    assert json.loads(request.body) == json.loads(vector.expected)


def test_the_longest_names_are_called_too(dapr: Dapr, receiver: Receiver) -> None:
    encoded = quote("\U0001f600" * MAX_NAME)
    assert dapr.schedule(encoded, {"dueTime": "0s"}).status == 204
    (request,) = receiver.wait_for(1)
    assert request.target == f"/job/{encoded}"
    gone(dapr, encoded)


@pytest.mark.parametrize(("data", "body"), [({}, b""), ({"data": None}, b"null")])
def test_data_may_be_absent_or_null(
    dapr: Dapr, receiver: Receiver, data: dict[str, Any], body: bytes
) -> None:
    assert dapr.schedule("test", {"dueTime": "0s", **data}).status == 204
    (request,) = receiver.wait_for(1)
    assert (request.body, request.header("content-type")) == (body, "application/json")


def test_five_ticks_a_second_are_made_one_after_the_other(
    dapr: Dapr, receiver: Receiver, report: Report
) -> None:
    at_once = Counting()
    receiver.default = at_once
    assert dapr.schedule("test", {"schedule": "@every 200ms", "repeats": 25}).status == 204
    requests = receiver.wait_for(25, seconds=30)
    gone(dapr, "test")
    assert len(receiver.requests) == 25
    assert at_once.maximum == 1
    dues = [each.header("wakecall-scheduled-for") or "" for each in requests]
    assert dues == sorted(set(dues))
    report(f"25 ticks in {requests[-1].at - requests[0].at:.2f} s")


@pytest.mark.parametrize("headers", [(), (("Retry-After", "60"),)])
def test_a_job_that_is_answered_429_holds_up_no_other_of_its_app(
    dapr: Dapr, receiver: Receiver, headers: tuple[tuple[str, str], ...]
) -> None:
    receiver.behaviours["/job/busy"] = answer(429, headers)
    drop = {"schedule": "@every 1s", "dueTime": "0s", "failurePolicy": {"drop": {}}}
    assert dapr.schedule("busy", drop).status == 204
    receiver.wait_for(1)
    for number in range(8):
        due = {"dueTime": f"{1 + number / 2}s"}
        assert dapr.schedule(f"good-{number}", due).status == 204
    names = {f"/job/good-{number}" for number in range(8)}

    until(lambda: names <= {each.target for each in receiver.requests}, "all were called")

    late = [
        float(each.header("wakecall-lateness-ms") or 0)
        for each in receiver.requests
        if each.target in names
    ]
    assert max(late) < 10_000, "one of them waited for the busy job"
    busy = [each for each in receiver.requests if each.target == "/job/busy"]
    assert len(busy) <= (1 if headers else busy[-1].at - busy[0].at + 2)
    assert dapr.delete("busy").status == 204


class Counting:
    """Answers after a moment, and counts how many calls there are at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        self.maximum = 0

    def __call__(self, exchange: Exchange) -> None:
        with self._lock:
            self._now += 1
            self.maximum = max(self.maximum, self._now)
        exchange.closing.wait(0.05)
        with self._lock:
            self._now -= 1
        answer(200)(exchange)


def test_a_job_that_is_overwritten_mid_call_begins_again(dapr: Dapr, receiver: Receiver) -> None:
    receiver.default = in_turn(hang, answer(200))
    assert dapr.schedule("test", {"dueTime": "0s", "data": 1}).status == 204
    receiver.wait_for(1)
    again = {"schedule": "@every 1s", "dueTime": "0s", "repeats": 2, "data": 2}
    assert dapr.schedule("test", {**again, "overwrite": True}).status == 204
    requests = receiver.wait_for(3)
    assert [each.body for each in requests] == [b"1", b"2", b"2"]
    gone(dapr, "test")


def test_history_and_redelivery_are_as_for_every_job(
    running: Instance, dapr: Dapr, receiver: Receiver, connection: psycopg.Connection
) -> None:
    receiver.default = in_turn(answer(500), answer(200))
    sent = {"dueTime": "0s", "data": {"b": 1}, "failurePolicy": {"drop": {}}}
    assert dapr.schedule("test", sent).status == 204
    (first,) = receiver.wait_for(1)
    gone(dapr, "test")
    run = running.ask("GET", f"/1/runs/{first.header('webhook-id')}").body
    assert (run["state"], run["attempts"][0]["status"]) == ("failed", 500)
    assert running.ask("POST", f"/1/runs/{run['id']}/redeliver").status == 202
    _, second = receiver.wait_for(2)
    assert (second.target, second.body) == (first.target, first.body)
    assert second.header("webhook-id") == first.header("webhook-id")
    state = "SELECT count(*) FROM run WHERE id = %s AND state = 'succeeded'"
    until(lambda: one(connection, state, run["id"]) == 1, "the run has succeeded")


def test_a_key_and_a_header_serve_on_the_main_port(running: Instance, dapr: Dapr) -> None:
    assert Dapr(port=running.port).get("x") == (401, b"invalid api token\n")
    nameless = Dapr(port=running.port, headers=dapr.headers[:1])
    assert running.ask("PUT", "/1/dapr-apps/second", {"url": "http://127.0.0.1:2"}).status < 300
    status, text = nameless.get("x")
    assert (status, "dapr-app-id" in json.loads(text)["message"]) == (400, True)
    body = b'{"dueTime":"1h","data":"%b"}'
    assert dapr.schedule("long", body % (b"x" * 4 * 1024 * 1024)).status == 400
    assert dapr.schedule("long", body % (b"x" * 4_000_000)).status == 204
    assert len(dapr.get("long").body) > 4_000_000
    assert dapr.delete("long").status == 204
