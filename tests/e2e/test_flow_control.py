"""Flow control: full, hanging, asking and dead receivers, beside which all others are on time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from app.domain.call_options import CallOptions
from app.domain.retry_policy import RetryPolicy
from tests.e2e.concurrency_gauge import Gauge
from tests.e2e.conftest import Report
from tests.e2e.extra_worker import second_worker
from tests.e2e.firings import arrivals, await_all, await_settled, book_many, job_of, steadily
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import in_seconds, one
from tests.ports import free_port
from tests.receiver import Exchange, Receiver, answer, in_turn

CAP = 50
ON_TIME = 5.0


class Gate:
    """Takes calls and says nothing until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.opened.wait(60)
        answer(204)(exchange)


def attempts(connection: psycopg.Connection, jobs: Sequence[UUID], condition: str) -> int:
    query = (
        "SELECT count(*) FROM attempt a"
        " JOIN (SELECT id, job_id FROM run UNION ALL SELECT id, job_id FROM inflight) r"
        f" ON r.id = a.run_id WHERE r.job_id = ANY (%s) AND {condition}"
    )
    return int(one(connection, query, list(jobs)))


def held(connection: psycopg.Connection, jobs: Sequence[UUID]) -> int:
    """Runs of these jobs that a worker holds now."""
    query = "SELECT count(*) FROM inflight WHERE job_id = ANY (%s) AND lease_until IS NOT NULL"
    return int(one(connection, query, list(jobs)))


def parked(running: Instance, cause: str) -> float:
    """What the metric says."""
    client = HTTPConnection("127.0.0.1", running.port, timeout=20)
    client.request("GET", "/metrics")
    lines = client.getresponse().read().decode().splitlines()
    client.close()
    start = f'wakecall_runs_parked_total{{cause="{cause}"}} '
    return sum(float(line.removeprefix(start)) for line in lines if line.startswith(start))


def test_a_receiver_gets_no_more_calls_at_once_than_the_cap(
    running: Instance, receiver: Receiver, connection: psycopg.Connection, report: Report
) -> None:
    receiver.default = gauge = Gauge(0.3)
    jobs = book_many(connection, receiver.url(), [in_seconds(2)] * 300)

    arrived = arrivals(receiver, connection, jobs)

    report(f"{gauge.maximum} calls at once; {arrived.summary}")
    assert 1 < gauge.maximum <= CAP
    assert arrived.repeated == []


def test_two_workers_share_the_cap(
    running: Instance,
    receiver: Receiver,
    connection: psycopg.Connection,
    tmp_path: Path,
    report: Report,
) -> None:
    receiver.default = gauge = Gauge(0.3)
    with second_worker(running, tmp_path / "worker.log"):
        # Both have beaten; within 3 s each knows of the other.
        jobs = book_many(connection, receiver.url(), [in_seconds(6)] * 300)
        arrived = arrivals(receiver, connection, jobs)

    report(f"{gauge.maximum} calls at once; {arrived.summary}")
    assert 1 < gauge.maximum <= CAP
    assert arrived.repeated == []


@pytest.mark.alone
def test_a_receiver_that_hangs_takes_nothing_from_the_others(
    running: Instance,
    receiver: Receiver,
    sink: Sink,
    connection: psycopg.Connection,
    report: Report,
) -> None:
    receiver.default = gate = Gate()
    before = parked(running, "full")
    # Should another worker have gone just now, that is known within 3 s.
    hanging = book_many(connection, receiver.url(), [in_seconds(4)] * 3000)
    healthy = book_many(connection, sink.url(), steadily(50, 5, ahead=4))
    receiver.wait_for(CAP)

    arrived = arrivals(sink, connection, healthy)
    report(f"beside 3,000 runs for a receiver that hangs: {arrived.summary}")
    assert arrived.lateness[-1] < ON_TIME
    assert arrived.repeated == []
    # Those that come back by themselves, a hundred a second at most, are held for a moment each.
    until(lambda: held(connection, list(hanging)) <= 2 * CAP, "few leases are held but for calls")
    assert len(receiver.wait_for(CAP)) == CAP

    job = next(iter(set(hanging) - {job_of(each) for each in receiver.wait_for(CAP)}))
    (run,) = running.ask("GET", f"/1/jobs/{job}/runs").body
    assert run["state"] == "waiting"
    assert run["reason"] == f"waiting: {CAP} calls to 127.0.0.1 are under way"
    assert "nextAttempt" not in run
    until(lambda: parked(running, "full") > before, "the metric tells of it")

    opened = time.monotonic()
    gate.opened.set()
    late = arrivals(receiver, connection, hanging)
    report(f"{len(hanging) / (time.monotonic() - opened):.0f}/s once it answers")
    assert late.repeated == []


@pytest.mark.alone
def test_a_receiver_that_asks_for_time_is_left_alone(
    running: Instance, receiver: Receiver, connection: psycopg.Connection, report: Report
) -> None:
    receiver.default = in_turn(answer(503, (("Retry-After", "5"),)), answer(204))
    jobs = book_many(connection, receiver.url(), steadily(20, 3))

    await_all(receiver, jobs)
    await_settled(connection, jobs)

    first, *others = receiver.wait_for(len(jobs) + 1)
    asked = [each.at - first.at for each in others]
    # What was under way already when the answer came is not called back.
    early = [late for late in asked if late < 5]
    report(
        f"{len(early)} calls within the 5 s, the next {min(set(asked) - set(early)):.2f} s after"
    )
    assert len(early) <= 2
    assert all(late < 1 for late in early)
    assert attempts(connection, list(jobs), "true") == len(jobs) + 1
    late = one(
        connection,
        "SELECT max(lateness_ms) FROM attempt a JOIN run r ON r.id = a.run_id"
        " WHERE r.job_id = ANY (%s) AND a.number = 1",
        list(jobs),
    )
    assert late > 2000, "lateness counts from the due time, however long a run was away"


def test_a_dead_port_is_probed_and_all_is_delivered_once_it_is_back(
    running: Instance, connection: psycopg.Connection, report: Report
) -> None:
    port = free_port()
    # A run that is the probe more than once would wait for minutes after its second attempt.
    often = CallOptions(retry=RetryPolicy(max_attempts=20, schedule=(5.0,)))
    jobs = book_many(connection, f"http://127.0.0.1:{port}/", steadily(100, 3), options=often)
    ahead = "SELECT count(*) FROM due WHERE job_id = ANY (%s) AND next_at IS NOT NULL"
    until(lambda: one(connection, ahead, list(jobs)) == 0, "all of them are claimed")
    until(lambda: held(connection, list(jobs)) <= 1, "no lease is held but for a probe")
    while_down = attempts(connection, list(jobs), "error = 'connect-failed'")
    until(lambda: parked(running, "down") > 0, "the metric tells of it")

    with Receiver(answer(204), port=port) as back:
        arrived = arrivals(back, connection, jobs)
    report(f"{while_down} attempts of {len(jobs)} while it was down, then {arrived.summary}")
    assert 10 <= while_down < 40
    assert arrived.repeated == []
    assert attempts(connection, list(jobs), "error = 'connect-failed'") < 50
