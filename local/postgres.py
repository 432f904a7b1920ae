"""The embedded PostgreSQL as a server: its program, its address, when it is ready."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from app.errors import Misconfigured
from local.cluster import ENVIRONMENT, SUPERUSER, Cluster, damaged
from local.program import Program

ROLE: Final = "wakecall"
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.05
# … starting up, not yet accepting connections, in recovery mode, shutting down.
_LATER: Final = "the database system is "

SETTINGS: Final[Mapping[str, str]] = {
    "autovacuum_naptime": "10s",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "listen_addresses": "",
    "log_error_verbosity": "terse",  # the details of an error quote what accounts store
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
    "max_connections": "100",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
}

_OF_WEB: Final = 18
_OF_WORKER: Final = 5
_OF_OTHERS: Final = 30
"""Connections of a web process, of a worker, and of all else: scheduler, quarantine, commands."""


def settings_for(*, webs: int, workers: int) -> Mapping[str, str]:
    """SETTINGS, with room for the connections of so many processes (docs/operations.md)."""
    wanted = _OF_OTHERS + webs * _OF_WEB + workers * _OF_WORKER
    return {**SETTINGS, "max_connections": f"{max(wanted, int(SETTINGS['max_connections']))}"}


def program(cluster: Cluster, log: Path, settings: Mapping[str, str] = SETTINGS) -> Program:
    """The server of this cluster; SIGINT ends its sessions and stops it in good order."""
    options = [f"--{key.replace('_', '-')}={value}" for key, value in settings.items()]
    return Program(
        name="postgres",
        command=(
            *(f"{cluster.binaries / 'postgres'}", "-D", f"{cluster.data}"),
            *("-k", f"{cluster.sockets}", *options),
        ),
        log=log,
        environment=ENVIRONMENT,
        owner=cluster.owner,
        stop=signal.SIGINT,
        patience_s=_PATIENCE_S,
    )


def url(cluster: Cluster, database: str = ROLE) -> str:
    """What DATABASE_URL holds for this cluster."""
    host = quote(f"{cluster.sockets}", safe="")
    return f"postgresql://{ROLE}:{quote(cluster.password, safe='')}@/{database}?host={host}"


def await_ready(
    cluster: Cluster,
    alive: Callable[[], bool],
    words: Callable[[], str],
    report: Callable[[str], None],
) -> None:
    """Return once the server answers and our role and database are there.

    A server that was killed may first replay its log for a while. Raises Misconfigured, with
    what the server said in `words`, when it ends instead.
    """
    while alive():
        try:
            with _superuser(cluster) as connection:
                _ensure_role(connection, cluster.password)
                return
        except psycopg.Error as error:
            text = " ".join(f"{error}".split())
            if _LATER in text:
                report("replaying what it had not yet put in place when it was killed")
            elif "FATAL:" in text or not isinstance(error, psycopg.OperationalError):
                reason = text.rpartition("FATAL:")[2].strip()
                raise Misconfigured(damaged(cluster.named, reason)) from None
            time.sleep(_POLL_S)
    raise Misconfigured(damaged(cluster.named, _reason(words())))


def _superuser(cluster: Cluster) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=f"{cluster.sockets}",
        user=SUPERUSER,
        password=cluster.password,
        dbname="postgres",
        autocommit=True,
        connect_timeout=5,
    )


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    """Create the application's role, which is not a superuser, and its database."""
    name = sql.Identifier(ROLE)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
        secret = sql.Literal(password)
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, secret)
        )
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def _reason(words: str) -> str:
    """Why the server ended, from what it said."""
    lines = [line for line in words.splitlines() if _LATER not in line]
    for line in reversed(lines):
        for severity in ("PANIC:", "FATAL:"):
            if severity in line:
                return line.partition(severity)[2].strip()
    return lines[-1] if lines else "it printed nothing"
