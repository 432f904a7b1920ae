"""Server probe: whether the server that a session waits for still answers anybody.

A stopped server, or a proxy that no longer forwards, keeps its connections open. A statement that
waits for a lock looks the same, so the session alone cannot tell. Others can: the sessions of this
process that got answers, and a new connection to the same address.
"""

from __future__ import annotations

import threading
import time
from typing import Final, TypeVar, cast
from weakref import WeakValueDictionary

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

V = TypeVar("V")

QUIET_S: Final = 2.0
"""Seconds without an answer to any session after which the server is asked over a new connection.
"""

PROBE_S: Final = 3
"""Seconds that it has to answer there: a busy server needs some to start a process."""


class Server:
    """One server at one address, from its start on; shared by the sessions of this process."""

    def __init__(self, started: float) -> None:
        self.started: Final = started
        self.answered_at = time.monotonic()
        """When it last answered one of the sessions, or a probe."""
        self._lost_at = float("-inf")
        self._probing = threading.Lock()

    def is_lost(self, since: float, conninfo: str, *, pooled: bool) -> bool:
        """Return whether it answers no session; for a session that has waited `since`.

        One thread probes at a time, and the others go by its result. Behind a connection pooler the
        server of a session may change, so that another one at this address proves nothing.
        """
        if self._lost_at >= since:
            return True
        if time.monotonic() - self.answered_at < QUIET_S:
            return False
        if not self._probing.acquire(blocking=False):
            return False
        try:
            begun = time.monotonic()
            found = _probe(conninfo)
            if found is _SILENT or not (pooled or found in {None, self.started}):
                self._lost_at = begun
                return True
            self.answered_at = time.monotonic()
            return False
        finally:
            self._probing.release()


_QUERY: Final = "SELECT date_part('epoch', pg_postmaster_start_time())"
_SILENT: Final = float("nan")
_servers: Final[WeakValueDictionary[float, Server]] = WeakValueDictionary()


def server_of(started: float) -> Server:
    """The server that was started then, from which a session was just answered."""
    return _servers.setdefault(started, Server(started))


def address(conninfo: str, info: psycopg.ConnectionInfo) -> str:
    """How the address that a session was opened at is probed: there alone, whatever it accepts."""
    given = cast("dict[str, str]", conninfo_to_dict(conninfo))
    here: dict[str, str | int] = {
        "host": info.host,
        "port": info.port,
        "target_session_attrs": "any",
    }
    if "hostaddr" in given:
        here["hostaddr"] = info.hostaddr
    return make_conninfo("", **{**given, **here, "connect_timeout": PROBE_S})


class _Probe(psycopg.Connection[tuple[float]]):
    """A connection that waits PROBE_S for each answer."""

    def wait(self, gen: PQGen[V], interval: float = 0.1, timeout: float | None = None) -> V:
        return super().wait(gen, interval, PROBE_S if timeout is None else timeout)


def _probe(conninfo: str) -> float | None:
    """When the server at this address was started; None if it refuses, _SILENT if it is silent."""
    try:
        with _Probe.connect(conninfo, autocommit=True) as connection:
            ((started,),) = connection.execute(_QUERY).fetchall()
    except (errors.ConnectionTimeout, errors._WaitTimeout):  # noqa: SLF001 - what `wait` is documented to raise
        return _SILENT
    except psycopg.Error:
        return None
    return started
