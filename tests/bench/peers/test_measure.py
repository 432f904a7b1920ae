"""Figures of a peer count the calls that reached the receiver; jobs pass a pipe unchanged."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest

from bench import receiver as receivers
from bench.children import Failed
from bench.client import measure as send
from bench.client import request
from bench.peers import measure as measuring
from bench.peers.jobs import Batch, Job, parse
from bench.peers.measure import Fire, measure
from bench.plan import QUICK
from bench.receiver import Receiver
from tests.servers import temp_folder

TINY = replace(QUICK, peer_jobs=40, peer_rate=20, peer_s=0.5)
BATCH = Batch(
    label="drain-0",
    count=5,
    first_ms=1_900_000_000_123,
    per_s=3.0,
    addresses=("127.0.1.1", "127.0.1.2"),
    port=8080,
    size=500,
)


@pytest.fixture(scope="module", params=["own", "best"])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    with (
        temp_folder() as folder,
        receivers.running(folder, own=request.param == "own") as running,
    ):
        yield running


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "_PILOT", 5)
    monkeypatch.setattr(measuring, "WARM_UP_S", 0.2)
    monkeypatch.setattr(measuring, "_AHEAD_S", 0.7)
    monkeypatch.setattr(measuring, "_SLACK", 0.5)
    monkeypatch.setattr(measuring, "_PATIENCE_S", 1.0)


def call(job: Job, headers: dict[str, str]) -> None:
    url = urlsplit(job.url)
    connection = http.client.HTTPConnection(f"{url.hostname}", url.port, timeout=10)
    connection.request("POST", url.path, job.body, headers)
    assert connection.getresponse().status == 204
    connection.close()


class Clockwork:
    """A peer that calls each job at its instant, `often` times, leaving out the first few."""

    def __init__(self, *, often: int = 1, lost: int = 0) -> None:
        self._often = often
        self._lost = lost
        self.threads: list[threading.Thread] = []
        self.ahead: list[int] = []

    def book(self, batch: Batch) -> float:
        if batch.label.startswith("creates"):
            # They are due tomorrow.
            self.ahead.append(batch.count)
            return 0.5
        thread = threading.Thread(target=self._run, args=(batch.jobs()[self._lost :],))
        self.threads.append(thread)
        thread.start()
        return 0.25

    def _run(self, jobs: list[Job]) -> None:
        for job in jobs:
            time.sleep(max(0.0, job.due.timestamp() - time.time()))
            for _ in range(self._often):
                call(job, job.headers())


def test_figures_are_computed_from_the_arrivals(receiver: Receiver) -> None:
    peer = Clockwork()

    found = measure(peer.book, receiver, TINY, lambda _text: None)

    # For about as long as bookings are measured elsewhere, at the rate of the drain.
    assert peer.ahead == [int(40 / 0.25 * TINY.create_s / 2)] * 2
    assert found["creates_per_s"] == peer.ahead[0] / 0.5
    assert found["drain_per_s"] > 0
    assert found["lateness_p99_ms"] == found["lateness_ms"]["p99"] >= found["lateness_ms"]["p50"]
    assert found["lateness_ms"]["samples"] == 10
    assert (found["early"], found["again"]) == (0, 0)


def test_calls_that_come_again_are_counted_once(receiver: Receiver) -> None:
    peer = Clockwork(often=2)

    fired = Fire(peer.book, receiver, lambda _text: None)("drain", 10, 0.0, booking_s=0.0)

    assert len({each.run for each in fired.arrivals}) == len(fired.arrivals) == 10
    assert fired.again >= 9  # the last may be on its way
    for thread in peer.threads:
        thread.join()


def test_a_call_that_does_not_come_is_not_a_figure(receiver: Receiver) -> None:
    peer = Clockwork(lost=1)

    with pytest.raises(Failed, match="9 of 10 calls came"):
        Fire(peer.book, receiver, lambda _text: None)("drain", 10, 0.0, booking_s=0.0)


def test_what_was_booked_too_late_is_booked_again_further_ahead(receiver: Receiver) -> None:
    peer = Clockwork()
    batches: list[Batch] = []

    def slowly_at_first(batch: Batch) -> float:
        batches.append(batch)
        if len(batches) == 1:
            while datetime.now(UTC) < batch.first:
                time.sleep(0.01)
        return peer.book(batch)

    fired = Fire(slowly_at_first, receiver, lambda _text: None)("drain", 10, 0.0, booking_s=0.0)

    assert fired.batch == batches[1]
    assert len(batches) == 2


def test_the_id_of_a_quirrel_job_has_due_instant_and_run(receiver: Receiver) -> None:
    receiver.forget()
    job = replace(BATCH, count=1, addresses=receivers.ADDRESSES, port=receiver.timed).jobs()[0]
    meta = f'{{"id":"{job.due_text}/{job.id}","count":1,"exclusive":false,"retry":[]}}'

    call(job, {"x-quirrel-meta": meta})

    (came,) = receiver.arrivals(1)
    assert (came.run, came.due) == (job.id, job.due)


def test_each_request_is_sent_once(receiver: Receiver) -> None:
    before = receiver.count()
    requests = [request("POST", "/wake", b"wake up") for _ in range(50)]

    found = send(receiver.plain, requests, connections=8, seconds=None, host=receivers.ADDRESSES[0])

    assert found["statuses"] == {204: 50}
    assert receiver.count() - before == 50


def test_jobs_are_the_same_on_both_sides_of_a_pipe() -> None:
    assert parse(BATCH.text()) == BATCH
    assert parse(BATCH.text()).jobs() == BATCH.jobs()


def test_jobs_are_due_in_turn_at_the_addresses_in_turn() -> None:
    jobs = BATCH.jobs()

    assert [job.due.timestamp() - 1_900_000_000 for job in jobs] == pytest.approx(
        [0.123, 0.456, 0.79, 1.123, 1.456]
    )
    assert jobs[0].due_text == "2030-03-17T17:46:40.123Z"
    assert (BATCH.first, BATCH.last) == (jobs[0].due, jobs[-1].due)
    assert [urlsplit(job.url).hostname for job in jobs[:3]] == [
        "127.0.1.1",
        "127.0.1.2",
        "127.0.1.1",
    ]
    assert {len(job.body) for job in jobs} == {500}
    assert len({job.id for job in jobs}) == 5


def test_without_a_rate_all_are_due_at_once() -> None:
    assert {job.due for job in replace(BATCH, per_s=0.0).jobs()} == {BATCH.first}
