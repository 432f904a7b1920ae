"""Sessions: how every process opens a session of PostgreSQL, and gives up one that is no good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.store import pooling

V = TypeVar("V")

PATIENCE_S: Final = 2.0
"""How much longer than its statement timeout a session waits for the server to answer."""

MAX_CONNECT_S: Final = 3
_INTERVAL_S: Final = 0.1

_TRANSPORT: Final[Mapping[str, str]] = {
    # A peer that has vanished is noticed after 8 s where the session is idle, and after 7 s where
    # the session has sent something. Linux would take two hours, and 15 minutes.
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "2",
    "tcp_user_timeout": "7000",
    # A server that can only be read from is not the one that is meant: it was primary before, or
    # is its standby. Among several hosts the one that takes writes is found so.
    "target_session_attrs": "read-write",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionOptions:
    """What is set in a session, by the names PostgreSQL has for it; times in milliseconds."""

    settings: Mapping[str, str | int]
    connect_s: int = MAX_CONNECT_S

    @property
    def max_wait_s(self) -> float | None:
        """How long the server may take to answer; None where its statements may take for ever."""
        limit = int(self.settings.get("statement_timeout", 0))
        return limit / 1000 + PATIENCE_S if limit else None


class Session(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is closed where the server does not answer, which keepalives do not notice.

    The kernel of a server that is stopped, or of a proxy that forwards nothing any more, goes on to
    acknowledge what it receives, and the server's own statement timeout does not come into force.
    """

    max_wait_s: float | None = None
    pooled: bool = False

    @property
    def is_usable(self) -> bool:
        """Whether it is open, and the server has not told with its last answer that it only reads.

        Asks nobody: the server tells such changes of itself.
        """
        report = self.info.parameter_status
        return not self.closed and "on" not in {
            report("default_transaction_read_only"),
            report("in_hot_standby"),
        }

    def wait(self, gen: PQGen[V], interval: float = _INTERVAL_S, timeout: float | None = None) -> V:
        """Wait for an answer; raises psycopg.OperationalError where it does not come in time."""
        if timeout is not None or self.max_wait_s is None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.max_wait_s)
        except errors._WaitTimeout:  # noqa: SLF001 - what `wait` is documented to raise
            self.pgconn.finish()
            raise psycopg.OperationalError(
                f"the server has not answered for {self.max_wait_s:g} s"
            ) from None


def open_session(
    url: str, options: SessionOptions, *, autocommit: bool = False, name: str | None = None
) -> Session:
    """A new session; raises psycopg.OperationalError where there is no server that takes writes.

    What `url` says of the transport, and options that are not ours, are kept. Where a connection
    pooler stands before the server, the session is `pooled`, and does without prepared statements
    unless the pooler passes them on. Raises PoolerUnfit where it does not pass on what is needed.
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
    session.max_wait_s = options.max_wait_s
    try:
        session.pooled, timeout = pooling.verify(session, options.settings)
        if session.pooled and not _prepares(conninfo):
            session.prepare_threshold = None
    except BaseException:
        session.close()
        raise
    if timeout is not None:
        session.max_wait_s = timeout + PATIENCE_S
    return session


@cache
def _prepares(conninfo: str) -> bool:
    """Whether a pooler passes on prepared statements: found out once, in a session of its own."""
    with Session.connect(conninfo, autocommit=True) as session:
        session.max_wait_s = PATIENCE_S
        return pooling.passes_on_prepared_statements(session)
