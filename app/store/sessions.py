"""Sessions: opens a session of PostgreSQL, and closes one whose server does not answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.waiting import Ready

from app.store import pooling, server_probe
from app.store.server_probe import Server

V = TypeVar("V")

PATIENCE_S: Final = 2.0
"""Seconds that a session waits for an answer beyond its statement timeout."""

MAX_CONNECT_S: Final = 3
_INTERVAL_S: Final = 0.1
_ASK_AGAIN_S: Final = 0.5

_TRANSPORT: Final[Mapping[str, str]] = {
    # A lost peer is detected after 8 s if the session is idle, and after 7 s if the session has
    # sent something. By default Linux takes two hours and 15 minutes.
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "7000",
    # Refuse a read-only server: it is a former primary or a standby. Of several hosts, this finds
    # the one that accepts writes.
    "target_session_attrs": "read-write",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """The settings of a session, by their names in PostgreSQL; times in milliseconds."""

    settings: Mapping[str, str | int]
    connect_s: int = MAX_CONNECT_S

    @property
    def max_wait_s(self) -> float | None:
        """Seconds that the server may take to answer; None without a statement timeout."""
        limit = int(self.settings.get("statement_timeout", 0))
        return limit / 1000 + PATIENCE_S if limit else None


class ServerCursor(psycopg.ServerCursor[Any]):
    """A server-side cursor that counts as closed even if the server cannot be asked to close it."""

    def close(self) -> None:
        """Close the cursor; raises psycopg.Error if the server is away."""
        try:
            super().close()
        finally:
            psycopg.Cursor.close(self)


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection that closes itself if the server does not answer within `max_wait_s`.

    Earlier, if the server answers no other session either (app/store/server_probe.py). Keepalives
    do not detect a stopped server process, or a proxy that has stopped forwarding: their kernels
    still acknowledge packets. The server's own statement timeout does not apply there.
    """

    max_wait_s: float | None = None
    pooled: bool = False
    server: Server | None = None
    """The server, if it may be given up before `max_wait_s` because it answers no session."""
    address: str = ""
    """Where it is asked whether it answers."""

    @property
    def is_usable(self) -> bool:
        """Whether the session is open and the server did not last report that it is read-only.

        Sends no query: the server reports these parameters whenever they change.
        """
        report = self.info.parameter_status
        return not self.closed and "on" not in {
            report("default_transaction_read_only"),
            report("in_hot_standby"),
        }

    def wait(self, gen: PQGen[V], interval: float = _INTERVAL_S, timeout: float | None = None) -> V:
        """Wait for an answer; raises psycopg.OperationalError if it does not come in time."""
        if timeout is not None or self.max_wait_s is None:
            return super().wait(gen, interval, timeout)
        since = time.monotonic()
        try:
            answer = super().wait(gen, interval, min(server_probe.QUIET_S, self.max_wait_s))
        except errors._WaitTimeout:  # noqa: SLF001 - what `wait` is documented to raise
            answer = self._wait_on(gen, interval, since, since + self.max_wait_s)
        if self.server is not None:
            self.server.answered_at = time.monotonic()
        return answer

    def _wait_on(self, gen: PQGen[V], interval: float, since: float, until: float) -> V:
        """Wait until then for an answer that has been waited for since, while others get theirs."""
        while (left := until - time.monotonic()) > 0:
            if self._is_lost(since):
                break
            with suppress(errors._WaitTimeout):  # noqa: SLF001 - what `wait` is documented to raise
                return super().wait(_resumed(gen), interval, min(_ASK_AGAIN_S, left))
        waited = time.monotonic() - since
        self.pgconn.finish()
        raise psycopg.OperationalError(f"the server has not answered for {waited:.1f} s")

    def _is_lost(self, since: float) -> bool:
        server = self.server
        return server is not None and server.is_lost(since, self.address, pooled=self.pooled)


def _resumed(gen: PQGen[V]) -> PQGen[V]:
    """Go on with a generator of the driver that is between two steps, as after an interval."""
    try:
        wanted = gen.send(Ready.NONE)
        while True:
            wanted = gen.send((yield wanted))
    except StopIteration as end:
        answer: V = end.value
        return answer


def open_session(
    url: str, options: SessionOptions, *, autocommit: bool = False, name: str | None = None
) -> Session:
    """Open a session; raises psycopg.OperationalError if no server accepts writes.

    Transport parameters and options in `url` take precedence over the defaults, or are kept beside
    them. Behind a connection pooler the session is `pooled`, and uses prepared statements only if
    the pooler supports them. Raises PoolerUnfit if the session lacks a required setting.
    """
    given = cast("dict[str, str]", conninfo_to_dict(url))
    if given.get("target_session_attrs") == "any":
        del given["target_session_attrs"]
    ours = " ".join(f"-c {setting}={value}" for setting, value in options.settings.items())
    parameters = {**_TRANSPORT, "connect_timeout": f"{options.connect_s}", **given}
    parameters["options"] = f"{given.get('options', '')} {ours}".strip()
    if name is not None:
        parameters["application_name"] = name
    session = _connect(make_conninfo("", **parameters), options)
    session.autocommit = autocommit
    return session


def _connect(conninfo: str, options: SessionOptions) -> Session:
    try:
        session = Session.connect(conninfo, autocommit=True)
    except psycopg.OperationalError as error:
        raise pooling.explain(error) from None
    session.server_cursor_factory = ServerCursor
    session.max_wait_s = options.max_wait_s
    try:
        session.pooled, timeout, started = pooling.verify(session, options.settings)
        if session.pooled and not _prepares(conninfo):
            session.prepare_threshold = None
    except BaseException:
        session.close()
        raise
    if timeout is not None:
        session.max_wait_s = timeout + PATIENCE_S
    if (
        session.max_wait_s is not None
        and session.max_wait_s > server_probe.QUIET_S + server_probe.PROBE_S
    ):
        session.server = server_probe.server_of(started)
        session.address = server_probe.address(conninfo, session.info)
    return session


@cache
def _prepares(conninfo: str) -> bool:
    """Return whether a pooler supports prepared statements: tested once, in a separate session."""
    with Session.connect(conninfo, autocommit=True) as session:
        session.max_wait_s = PATIENCE_S
        return pooling.passes_on_prepared_statements(session)
