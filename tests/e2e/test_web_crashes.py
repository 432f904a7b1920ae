"""The web killed while jobs are being created: what was answered fires, the rest at most once."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import psycopg

from app.domain.instants import format_utc
from app.errors import Unavailable
from tests.e2e.conftest import Report
from tests.e2e.firings import is_early, job_of
from tests.e2e.instance import PATIENCE, Instance, until
from tests.e2e.sink import Sink
from tests.factories import in_seconds

CLIENTS = 4
AHEAD_S = 3.0


class Clients:
    """Create jobs one after the other until stopped; `booked` holds the number in each."""

    def __init__(self, instance: Instance, url: str) -> None:
        self.booked: dict[str, int] = {}
        self.unanswered: set[int] = set()
        self.ended = threading.Event()
        self._instance = instance
        self._url = url
        self._numbers = itertools.count()
        self._changed = threading.Condition()

    def run(self) -> None:
        while not self.ended.is_set():
            number = next(self._numbers)
            when = format_utc(in_seconds(AHEAD_S))
            document = {"url": self._url, "when": when, "data": f"{number}"}
            try:
                answer = self._instance.ask("POST", "/1/jobs", document)
            except Unavailable:
                self.unanswered.add(number)
                self.ended.wait(0.02)
                continue
            if answer.status == 400:
                continue  # by the time it was heard, its time had passed
            assert answer.status == 201
            with self._changed:
                self.booked[answer.body["id"]] = number
                self._changed.notify_all()

    def wait_for_more(self, number: int) -> float:
        """Seconds until so many further jobs were created."""
        began = time.monotonic()
        with self._changed:
            enough = len(self.booked) + number
            assert self._changed.wait_for(lambda: len(self.booked) >= enough, PATIENCE)
        return time.monotonic() - began


def kill_main(instance: Instance) -> None:
    """What the supervisor started, which leaves the children that serve."""
    os.kill(instance.tree("web")[0].pid, signal.SIGKILL)


def kill_child(instance: Instance) -> None:
    """One of the processes that serve."""
    os.kill(instance.tree("web")[-1].pid, signal.SIGKILL)


def kill_all(instance: Instance) -> None:
    """All at once."""
    for each in instance.tree("web"):
        with suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)


def test_a_killed_web_loses_no_job_that_it_answered_for(
    battered: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    clients = Clients(battered, sink.url())
    with ThreadPoolExecutor(CLIENTS) as pool:
        creating = [pool.submit(clients.run) for _ in range(CLIENTS)]
        try:
            for kill in (kill_main, kill_child, kill_all):
                clients.wait_for_more(50)
                kill(battered)
                away = clients.wait_for_more(20)
                report(f"{kill.__name__}: 20 more were created within {away:.2f} s")
        finally:
            clients.ended.set()
    for each in creating:
        each.result()

    def ended() -> bool:
        query = "SELECT (SELECT count(*) FROM job), (SELECT count(*) FROM inflight)"
        return connection.execute(query).fetchone() == (0, 0)

    until(ended, "no job is left, created or not")
    arrived = Counter(job_of(each) for each in sink.requests)
    numbers = Counter(int(each.body) for each in sink.requests)
    report(f"{len(clients.booked)} answered, {len(clients.unanswered)} not; {len(arrived)} fired")
    assert max(arrived.values()) == 1
    assert max(numbers.values()) == 1
    assert not any(map(is_early, sink.requests))
    assert set(clients.booked.values()) <= set(numbers)
    assert set(numbers) <= set(clients.booked.values()) | clients.unanswered
