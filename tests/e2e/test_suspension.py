"""An account is suspended while its jobs come due: its calls stop at once, and none is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from local.instance import CHECKOUT
from tests.e2e.conftest import Report
from tests.e2e.firings import arrivals, book_many, steadily
from tests.e2e.instance import PATIENCE, Instance, until
from tests.e2e.sink import Sink
from tests.factories import one

RATE, SECONDS = 40, 16.0
IN_TIME = 0.150
"""Seconds from the command's end after which no call begins: 100 ms, and the way to the sink."""


def account(instance: Instance, command: str) -> float:
    """Do it to the account `demo`; when it was done."""
    subprocess.run(
        (sys.executable, "-m", "flask", "--app", "wsgi", "account", command, "demo"),
        cwd=CHECKOUT,
        env=instance.environment,
        check=True,
        timeout=PATIENCE,
    )
    return time.time()


@pytest.fixture
def resumed(running: Instance) -> Iterator[Instance]:
    """The instance, whose account goes on afterwards, whatever happens."""
    yield running
    account(running, "resume")


def test_calls_stop_at_once_and_all_are_made_after_it_was_resumed(
    resumed: Instance, sink: Sink, connection: psycopg.Connection, report: Report
) -> None:
    jobs = book_many(connection, sink.url(), steadily(RATE, SECONDS, ahead=1.0))
    sink.wait_for(1)

    suspended_at = account(resumed, "suspend")
    over = max(jobs.values())
    until(lambda: datetime.now(UTC) > over, "all were due")
    waiting = "SELECT count(*) FROM due WHERE held_at IS NOT NULL"
    until(
        lambda: one(connection, "SELECT count(*) FROM due WHERE next_at < now()") == 0, "set aside"
    )
    called = list(sink.requests)
    held_back = one(connection, waiting)
    refused = resumed.ask("POST", "/1/jobs", {"url": sink.url(), "when": "2099-01-01T00:00:00Z"})

    assert (refused.status, refused.body["type"]) == (403, "/problems/account-suspended")
    assert [each.at - suspended_at for each in called if each.at > suspended_at + IN_TIME] == []
    assert len(called) < len(jobs)
    assert held_back > RATE

    account(resumed, "resume")
    arrived = arrivals(sink, connection, jobs)
    report(f"{len(called)} called before, {held_back} held back; then {arrived.summary}")
    assert arrived.repeated == []
