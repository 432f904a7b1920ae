"""Faults of PostgreSQL: stopped at once, out of connections or of disk, and locked."""

from __future__ import annotations

import time
from contextlib import ExitStack
from random import Random
from typing import Final

import psycopg

from tests.chaos.deployment import Deployment
from tests.chaos.disk import MOUNT_REFUSED
from tests.chaos.fault import Fault
from tests.chaos.servers import MAX_CONNECTIONS
from tests.factories import connect

_POSTGRES: Final = frozenset({"postgres"})
_HOG: Final = "hog"
_END_OTHERS: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name <> %s AND datname = current_database()
"""
_LOCKED: Final = ("due", "inflight", "job", "run")


def _stop(made: Deployment, _random: Random, seconds: float) -> None:
    made.servers.stop_postgres_at_once()
    time.sleep(seconds)
    made.servers.start_postgres()


def _exhaust(made: Deployment, _random: Random, seconds: float) -> None:
    """Take all free connections, end the others, and take those that become free, too."""
    end = time.monotonic() + seconds
    with made.servers.superuser() as operator, ExitStack() as held:
        is_first = True
        while time.monotonic() < end:
            if _take_all(made, held) and is_first:
                operator.execute(_END_OTHERS, (_HOG,))
                is_first = False
            time.sleep(0.01)


def _take_all(made: Deployment, held: ExitStack) -> bool:
    """Open connections until one is refused; whether that came to pass."""
    for _ in range(MAX_CONNECTIONS + 1):
        try:
            url = f"{made.servers.database_url}&application_name={_HOG}"
            held.enter_context(connect(url))
        except psycopg.OperationalError:
            return True
    return False


def _fill(made: Deployment, _random: Random, seconds: float) -> None:
    disk = made.servers.disk
    assert disk is not None
    disk.fill()
    try:
        time.sleep(seconds)
    finally:
        disk.free()
        # It ends itself when it cannot write its log, and does not start on a full disk.
        made.servers.start_postgres()


def _has_no_disk(made: Deployment) -> str:
    return MOUNT_REFUSED if made.servers.disk is None else ""


def _lock(made: Deployment, random: Random, seconds: float) -> None:
    table = random.choice(_LOCKED)
    with made.servers.superuser() as operator, operator.transaction():
        operator.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        time.sleep(seconds)


FAULTS: Final = (
    Fault(
        "postgres-stop",
        "PostgreSQL is stopped at once (-m immediate), and started again",
        _stop,
        _POSTGRES,
        may_repeat=True,
    ),
    Fault(
        "connections",
        "all connections of PostgreSQL are ended, and taken by others",
        _exhaust,
        _POSTGRES,
        may_repeat=True,
    ),
    Fault(
        "disk-full",
        "PostgreSQL's disk is full",
        _fill,
        _POSTGRES,
        may_repeat=True,
        left_out=_has_no_disk,
    ),
    Fault(
        "lock",
        "a table is locked by an operator's transaction",
        _lock,
        _POSTGRES,
        may_repeat=True,
    ),
)
