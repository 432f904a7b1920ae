"""A run that ends every process that calls it: a suspect after a while, then dead."""

from __future__ import annotations

import os
import signal
import time
from math import log2

import psycopg

from app.domain.instants import format_utc
from app.domain.timings.leases import DEAD_AFTER, SUSPECT_AFTER
from tests.e2e.conftest import Report
from tests.e2e.firings import arrivals, book_many, steadily
from tests.e2e.instance import Instance, until
from tests.e2e.sink import Sink
from tests.factories import in_seconds, one
from tests.receiver import Exchange, Gone, Receiver

RATE, SECONDS = 20, 35.0
DEAD_WITHIN = 240.0
"""Each kill costs a lease, a look and the start of a process; there are up to ten."""

RECOVERED = 120.0
UNHARMED = 5.0
"""Seconds of lateness: the poison's own lease and restart may hold up nobody any more."""

HELD = 16
"""Of the others, so many are in the worker at once at most: those of less than a second."""


class Poison:
    """Kills the process that sends, before it can store the outcome."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self.killed_at: list[float] = []
        self.alone: list[bool] = []

    def __call__(self, exchange: Exchange) -> None:
        link = exchange.link
        sender = self._instance.caller(link.getpeername()[1], link.getsockname()[1])
        self.alone.append(sender != self._instance.pid("worker"))
        os.kill(sender, signal.SIGKILL)
        self.killed_at.append(time.time())
        raise Gone


def test_poison_ends_dead_and_visible_while_other_jobs_go_on(
    battered: Instance,
    receiver: Receiver,
    sink: Sink,
    connection: psycopg.Connection,
    report: Report,
) -> None:
    poison = receiver.behaviours["/poison"] = Poison(battered)
    jobs = book_many(connection, sink.url(), steadily(RATE, SECONDS))
    # A call that timed out before its caller is found would be tried again by the worker.
    document = {"url": receiver.url("/poison"), "when": format_utc(in_seconds(2)), "timeout": 60}
    job = battered.ask("POST", "/1/jobs", document).body["id"]
    dead = "SELECT count(*) FROM run WHERE job_id = %s AND state = 'dead'"
    until(lambda: one(connection, dead, job) == 1, "dead", DEAD_WITHIN)
    began = receiver.requests[0].at
    report(f"{len(poison.killed_at)} processes killed; dead after {time.time() - began:.1f} s")

    assert poison.alone.count(False) <= SUSPECT_AFTER
    assert poison.alone == sorted(poison.alone)
    # Others that died with it twice are tried with it, in groups that are halved by each kill.
    assert len(poison.alone) <= DEAD_AFTER + 1 + log2(HELD)
    assert len({each.header("webhook-id") for each in receiver.requests}) == 1
    run = battered.ask("GET", f"/1/runs/{receiver.requests[0].header('webhook-id')}").body
    assert (run["job"], run["state"], run["attempts"]) == (job, "dead", [])
    assert run["reason"] == "every worker that took it ended before it could report the result"
    assert battered.ask("GET", f"/1/jobs/{job}").status == 404

    arrived = arrivals(sink, connection, jobs, faults=poison.killed_at)
    report(f"the others: {arrived.summary}")
    assert arrived.lateness[-1] < RECOVERED
    alone_from = receiver.requests[poison.alone.index(True)].at
    unharmed = [
        arrived.calls[each][0].at - due_at.timestamp()
        for each, due_at in jobs.items()
        if due_at.timestamp() > alone_from
    ]
    report(f"the {len(unharmed)} due once it was set apart: at most {max(unharmed):.2f} s late")
    assert max(unharmed) < UNHARMED
