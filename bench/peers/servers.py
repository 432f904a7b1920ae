"""Servers: PostgreSQL and Valkey for one peer, fresh, durable, and gone with it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final
from uuid import uuid4

import psycopg

from bench import results
from bench.children import child
from local import cluster as clusters
from local import network, owner, postgres, valkey
from local.program import listen

POSTGRESQL: Final = "PostgreSQL with fsync and synchronous_commit on"
VALKEY: Final = "Valkey with appendonly yes, appendfsync everysec: a crash may cost the last second"
_APPEND: Final = (
    *("--appendonly", "yes", "--appendfsync", "everysec"),
    *("--maxmemory", "0"),
)


@contextmanager
def temp_folder(folder: Path) -> Iterator[Path]:
    """A folder below `folder` that the servers' user can enter; removed afterwards."""
    made = Path(tempfile.mkdtemp(prefix="wakecall-bench-", dir=folder))
    made.chmod(0o711)
    try:
        yield made
    finally:
        # Where root started PostgreSQL it may have put the data elsewhere, behind a link.
        shutil.rmtree((made / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def _sockets() -> Iterator[Path]:
    folder = network.socket_folder(owner.choose(Path("/nowhere")))
    try:
        yield folder
    finally:
        network.remove_socket_folder(folder)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The URL of a database that keeps what it has acknowledged. Raises Misconfigured, Failed."""
    with temp_folder(folder) as home, _sockets() as at:
        runner = owner.choose(home / "postgres")
        cluster = clusters.prepare(home / "postgres", at, uuid4().hex, runner)
        program = postgres.program(cluster, home / "postgres.log")
        with child(program) as process:
            postgres.await_ready(
                cluster, lambda: process.poll() is None, listen(program), lambda _text: None
            )
            url = postgres.url(cluster)
            with psycopg.connect(url) as connection:
                results.check_durable(connection)
            yield url


@contextmanager
def appending(folder: Path) -> Iterator[Path]:
    """The socket of a Valkey that writes to its append-only file. Raises Misconfigured."""
    with temp_folder(folder) as home, _sockets() as at:
        runner = owner.choose(Path("/nowhere"))
        data = home / "valkey"
        data.mkdir(mode=0o700)
        owner.give(data, runner)
        base = valkey.program(at, home / "valkey.log", runner)
        program = replace(base, command=(*base.command, *_APPEND, "--dir", f"{data}"))
        with child(program) as process:
            valkey.await_ready(at, lambda: process.poll() is None, listen(program))
            yield at / "valkey.sock"
