"""Restart: all processes stopped and started again, one after another, under an even rate."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from bench.children import Failed, child, python
from bench.figures import lateness
from bench.harness import MISSED_AIMS, BenchHarness, Findings, Progress
from bench.instance import Instance
from bench.phases.steady import WARM_UP_S, after, arrivals_at_rate
from bench.receiver import Arrival
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.program import Program

MAX_LATENESS_MS: Final = 1000.0
"""The aim: no call is later than this, whichever process is being restarted."""

_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.05
_ROUND_ABOUT: Final = timedelta(seconds=1)
_BEATS: Final = "SELECT count(*) FROM heartbeat WHERE process = %s AND id LIKE '%%.' || %s || '.%%'"
_HAS_BEGUN: Final = "SELECT count(*) FROM (SELECT FROM run LIMIT 1) AS first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Restarted:
    """A process that was stopped at `stopped_at`, and its successor at work at `at`."""

    name: str
    stopped_at: datetime
    at: datetime


def run(harness: BenchHarness, progress: Progress) -> Findings:
    """`restart`: the latest call meanwhile, and beside the restart of each process.

    The aim is missed where a call is later than MAX_LATENESS_MS. Raises Failed where one is missing
    or came twice.
    """
    plan = harness.plan
    with second_of_each(harness.instance), ThreadPoolExecutor(1) as restarter:
        restarting = restarter.submit(restart_all, harness.instance)
        arrivals, fired = arrivals_at_rate(harness, progress, plan.restart_rate, plan.restart_s)
        progress("waiting for the last process to be started again")
        restarted = restarting.result()
    warm = fired.first + timedelta(seconds=WARM_UP_S)
    last = warm + timedelta(seconds=plan.restart_s)
    late = lateness(after(arrivals, warm))
    found = {
        "rate": plan.restart_rate,
        "processes": [each.name for each in restarted],
        "under_load": sum(each.at < last for each in restarted),
        "lateness_ms": {"p50": late.p50, "p99": late.p99, "max": late.max},
        "latest_ms": {each.name: latest_ms(arrivals, each) for each in restarted},
    }
    return {"details": {"restart": found}, **missed_aim(late.max)}


def latest_ms(arrivals: Sequence[Arrival], restarted: Restarted) -> float:
    """How late the latest call was that was due while this process was restarted."""
    since, until = restarted.stopped_at - _ROUND_ABOUT, restarted.at + _ROUND_ABOUT
    late = [each.late for each in arrivals if since <= each.due <= until]
    return round(max(late, default=0.0) * 1000, 2)


def missed_aim(latest: float) -> Findings:
    """What is found where the latest call, in ms, missed the aim; nothing where it did not."""
    if latest <= MAX_LATENESS_MS:
        return {}
    text = f"restart: the latest call came {latest:,.0f} ms late, the aim is {MAX_LATENESS_MS:g} ms"
    return {MISSED_AIMS: [text]}


def restart_all(instance: Instance) -> list[Restarted]:
    """Stop each process of the instance once calls are made; the supervisor starts it again.

    The next one is stopped when the successor of the one before is at work.
    """
    with instance.connect() as connection:
        _await("the first call is made", lambda: _value(connection, _HAS_BEGUN) > 0)
        time.sleep(WARM_UP_S)
        names = [name for name in instance.pids() if name not in {"postgres", "valkey"}]
        return [_restart(instance, connection, name) for name in names]


def _restart(instance: Instance, connection: psycopg.Connection, name: str) -> Restarted:
    before = instance.pids()[name]
    stopped_at = datetime.now(UTC)
    os.kill(before, signal.SIGTERM)
    _await(f"{name} is started again", lambda: instance.pids().get(name, before) != before)
    if name == "web":
        client = Client(host="127.0.0.1", port=instance.port)
        if said := await_ready(client, lambda: True, patience_s=_PATIENCE_S):
            raise Failed(f"The web does not start again: {said}")
    else:
        pid = instance.pids()[name]
        _await_beat(connection, name.partition("-")[0], pid)
    return Restarted(name=name, stopped_at=stopped_at, at=datetime.now(UTC))


@contextmanager
def second_of_each(instance: Instance) -> Iterator[None]:
    """A second scheduler and one more worker, as a rolling restart needs them."""
    with ExitStack() as stack, instance.connect() as connection:
        for name in ("scheduler", "worker"):
            program = Program(
                name=name,
                command=python(f"workers.{name}"),
                log=instance.home / "log" / f"second-{name}.log",
                environment=instance.environment,
                folder=CHECKOUT,
                patience_s=_PATIENCE_S,
            )
            _await_beat(connection, name, stack.enter_context(child(program)).pid)
        yield


def _await_beat(connection: psycopg.Connection, process: str, pid: int) -> None:
    _await(f"{process} {pid} beats", lambda: _value(connection, _BEATS, process, f"{pid}") > 0)


def _value(connection: psycopg.Connection, query: str, *parameters: object) -> int:
    row = connection.execute(query, parameters or None).fetchone()
    return 0 if row is None else int(row[0])


def _await(what: str, condition: Callable[[], bool]) -> None:
    """Wait for what sends no word. Raises Failed where it does not come."""
    give_up = time.monotonic() + _PATIENCE_S
    while not condition():
        if time.monotonic() > give_up:
            raise Failed(f"not within {_PATIENCE_S:g} s: {what}")
        time.sleep(_POLL_S)
