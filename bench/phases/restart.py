"""Restart: all processes stopped and started again, one after another, under an even rate."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg

from bench.children import Failed, child, python
from bench.instance import Instance
from bench.phases.steady import WARM_UP_S, at_rate
from bench.stage import Findings, Stage, Tell
from local.client import Client, await_ready
from local.instance import CHECKOUT
from local.program import Program

_PATIENCE_S: Final = 60.0
_POLL_S: Final = 0.05
_BEATS: Final = "SELECT count(*) FROM heartbeat WHERE process = %s AND id LIKE '%%.' || %s || '.%%'"
_HAS_BEGUN: Final = "SELECT count(*) FROM (SELECT FROM run LIMIT 1) AS first"


@dataclass(frozen=True, kw_only=True, slots=True)
class Restarted:
    """A process that was stopped, and its successor at work at this time."""

    name: str
    at: datetime


def run(stage: Stage, tell: Tell) -> Findings:
    """`restart`: the latest call meanwhile. Raises Failed where one is missing or came twice."""
    plan = stage.plan
    with second_of_each(stage.instance), ThreadPoolExecutor(1) as restarter:
        restarting = restarter.submit(restart_all, stage.instance)
        late, fired = at_rate(stage, tell, plan.restart_rate, plan.restart_s)
        tell("waiting for the last process to be started again")
        restarted = restarting.result()
    last = fired.first + timedelta(seconds=WARM_UP_S + plan.restart_s)
    found = {
        "rate": plan.restart_rate,
        "processes": [each.name for each in restarted],
        "under_load": sum(each.at < last for each in restarted),
        "lateness_ms": {"p50": late.p50, "p99": late.p99, "max": late.max},
    }
    return {"details": {"restart": found}}


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
    os.kill(before, signal.SIGTERM)
    _await(f"{name} is started again", lambda: instance.pids().get(name, before) != before)
    if name == "web":
        client = Client(host="127.0.0.1", port=instance.port)
        if said := await_ready(client, lambda: True, patience_s=_PATIENCE_S):
            raise Failed(f"The web does not start again: {said}")
    else:
        pid = instance.pids()[name]
        _await_beat(connection, name.partition("-")[0], pid)
    return Restarted(name=name, at=datetime.now(UTC))


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
