"""A primary that is stopped while it is used, and a standby that replaces it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Report, at_home
from tests.e2e.instance import until
from tests.e2e.sink import Sink
from tests.e2e.test_switchover import Bookings, called, processes
from tests.pair import Node, Pair, primary_and_standby
from tests.proxy import Proxy

RECOVERED_S = 10.0
NOTICED_S = 3.0
"""How long after the stop the standby is promoted, as by a monitor that looks every second."""


@pytest.fixture
def pair() -> Iterator[Pair]:
    with primary_and_standby() as made:
        yield made


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as made:
        yield made


def stop(node: Node) -> list[psutil.Process]:
    """Stop a server and all of its processes, as a machine that hangs; its kernel goes on."""
    assert node.server.process is not None
    server = psutil.Process(node.server.process.pid)
    found = [server, *server.children(recursive=True)]
    for each in found:
        os.kill(each.pid, signal.SIGSTOP)
    return found


def test_bookings_and_calls_go_on_soon_after_the_primary_hangs(
    pair: Pair, sink: Sink, tmp_path: Path, report: Report
) -> None:
    with (
        Proxy(f"{pair.url} host=127.0.0.1 port={pair.primary.port}") as proxy,
        at_home(tmp_path / "home", DATABASE_URL=proxy.url) as instance,
    ):
        instance.start()
        instance.wait_until_ready()
        instance.wait_for_line("Inbox")
        before = processes(instance)
        with Bookings(instance, sink.url()) as bookings:
            until(lambda: len(called(sink)) > 10, "calls are made")
            stopped = stop(pair.primary)
            began = time.time()
            try:
                time.sleep(NOTICED_S)
                with pair.standby.superuser() as connection:
                    connection.execute("SELECT pg_promote()")
                proxy.lead_to("127.0.0.1", pair.standby.port)
                until(lambda: len(bookings.since(began, 201)) > 20, "bookings are answered again")
            finally:
                for each in stopped:
                    each.resume()
            bookings.end()
            booked = bookings.since(began, 201)
            jobs = {each.job for each in booked}
            until(lambda: jobs <= called(sink), "all that was booked is called")
        assert {each.status for each in bookings.made} <= {201, 503}
        assert all(each.retry_after for each in bookings.made if each.status == 503)
        answered = booked[0].at - began
        calls = [each.at for each in sink.requests if each.header("wakecall-job") in jobs]
        report(
            f"booked {answered:.1f} s and called {min(calls) - began:.1f} s after the stop; "
            f"{len(bookings.since(began, 503))} bookings were answered 503"
        )
        assert processes(instance) == before
    assert max(answered, min(calls) - began) < NOTICED_S + RECOVERED_S
