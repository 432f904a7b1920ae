"""A database that only reads for a while, and a standby that takes its primary's place."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Self

import pytest

from tests.e2e.conftest import Report, at_home
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.pair import Pair, primary_and_standby

EVERY_S = 0.05
AHEAD_S = 0.5
RECOVERED_S = 10.0


class Booked(NamedTuple):
    """What came of a booking that was asked for at `at`."""

    at: float
    status: int
    retry_after: str | None
    job: str | None


class Bookings:
    """Books a call half a second ahead, twenty times a second, until stopped."""

    def __init__(self, instance: Instance, url: str) -> None:
        self._instance = instance
        self._url = url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.made: list[Booked] = []

    def since(self, at: float, status: int) -> list[Booked]:
        """Those asked for since then that were answered so."""
        return [each for each in list(self.made) if each.at >= at and each.status == status]

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _run(self) -> None:
        while not self._ended.wait(EVERY_S):
            self.made.append(self._book())

    def _book(self) -> Booked:
        at = time.time()
        when = (datetime.now(UTC) + timedelta(seconds=AHEAD_S)).isoformat()
        connection = http.client.HTTPConnection("127.0.0.1", self._instance.port, timeout=60)
        try:
            connection.request(
                "POST",
                "/1/jobs",
                json.dumps({"url": self._url, "when": when}),
                {
                    "Content-Type": "application/json",
                    "Accept": "text/plain",
                    "X-API-Key": self._instance.key,
                },
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        job = text.strip() if answer.status == 201 else None
        return Booked(at, answer.status, answer.getheader("Retry-After"), job)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with primary_and_standby() as made:
        yield made


@pytest.fixture(scope="module")
def instance(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance that finds the one of the two which takes writes."""
    with at_home(tmp_path_factory.mktemp("pair") / "home", DATABASE_URL=pair.url) as made:
        made.start()
        made.wait_until_ready()
        made.wait_for_line("Inbox")
        yield made


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


def processes(instance: Instance) -> dict[str, int | None]:
    """Those that use the database."""
    return {name: instance.pid(name) for name in ("web", "scheduler", "worker")}


def called(sink: Sink) -> set[str | None]:
    """The jobs that were called so far."""
    return {each.header("wakecall-job") for each in list(sink.requests)}


def judge(bookings: Bookings, sink: Sink, since: float) -> float:
    """After how long all went on; each booking was answered 201 and called, or 503."""
    until(lambda: len(bookings.since(since, 201)) > 20, "bookings are answered again")
    bookings.end()
    made = bookings.made
    assert {each.status for each in made} <= {201, 503}
    assert all(each.retry_after for each in made if each.status == 503)
    booked = {each.job for each in made if each.job}
    until(lambda: booked <= called(sink), "all that was booked is called")
    first = bookings.since(since, 201)[0]
    firsts = [each.at for each in sink.requests if each.header("wakecall-job") == first.job]
    return min(firsts) - since


def test_a_database_that_only_reads_for_a_while_is_used_again(
    instance: Instance, pair: Pair, sink: Sink, report: Report
) -> None:
    before = processes(instance)
    with Bookings(instance, sink.url()) as bookings:
        until(lambda: len(called(sink)) > 10, "calls are made")
        pair.primary.set_read_only("on")
        began = time.time()
        until(lambda: len(bookings.since(began, 503)) > 20, "bookings are answered 503")
        until(lambda: instance.ask("GET", "/readyz").status == 503, "it is not ready")
        pair.primary.set_read_only("off")
        took = judge(bookings, sink, time.time())

    report(f"{len(bookings.made)} bookings; booked and called {took:.2f} s after it took writes")
    assert took < RECOVERED_S
    assert processes(instance) == before
    until(lambda: instance.ask("GET", "/readyz").status == 200, "it is ready")


def test_a_standby_takes_its_primary_s_place_without_a_restart(
    instance: Instance, pair: Pair, sink: Sink, report: Report
) -> None:
    before = processes(instance)
    with Bookings(instance, sink.url()) as bookings:
        until(lambda: len(called(sink)) > 10, "calls are made")
        began = time.time()
        pair.switch_over()
        promoted = time.time()
        took = judge(bookings, sink, promoted)

    report(
        f"{len(bookings.made)} bookings, {len(bookings.since(began, 503))} of them 503; "
        f"booked and called {took:.2f} s after the promotion, which took {promoted - began:.2f} s"
    )
    assert took < RECOVERED_S
    assert processes(instance) == before
    until(lambda: instance.ask("GET", "/readyz").status == 200, "it is ready")
