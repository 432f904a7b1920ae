"""Real servers for tests: PostgreSQL and Valkey as `make run` starts them, or those given."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import psycopg
from flask_migrate import upgrade
from psycopg import sql

from app import config, create_app
from app.store.engine import db
from local import cluster as clusters
from local import network, owner, postgres, valkey
from local.instance import CHECKOUT
from local.program import Program, dying_with_parent, listen, open_log
from tests import ports

# What a test writes need not outlive the machine, nor take more of its memory than it must; and
# half of what a connection costs is 4096 rounds against the guessing of its password.
FAST = {
    **postgres.SETTINGS,
    "fsync": "off",
    "max_wal_size": "256MB",
    "scram_iterations": "1",
    "shared_buffers": "64MB",
}
_MEMORY = Path("/dev/shm")
_ENOUGH = 2 << 30


class Server:
    """One server process for tests; `start` and `kill` as often as a test likes."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.words = listen(program)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = open_log(self.program)
        self.process = subprocess.Popen(
            dying_with_parent(self.program),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self.program.folder,
            env=dict(self.program.environment),
            start_new_session=True,
        )
        os.close(log)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(self.program.stop)
            self.process.wait(30)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.alive():
            self.stop()


@dataclass(frozen=True, kw_only=True, slots=True)
class Databases:
    """A PostgreSQL server with a migrated database, from which each test gets a copy."""

    server: str
    template: str

    def fresh(self) -> str:
        """The URL of a new database, migrated and empty; made in some 20 ms."""
        name = f"wakecall_test_{uuid4().hex}"
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(self.template)
                )
            )
        return renamed(self.server, name)

    def drop(self, name: str) -> None:
        """End our own sessions, then drop: FORCE would go for an autovacuum too, and be refused."""
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND usename = current_user",
                (name,),
            )
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def renamed(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    base, question, options = url.partition("?")
    return f"{base.rpartition('/')[0]}/{name}{question}{options}"


def database_name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def temp_folder() -> Iterator[Path]:
    """A folder that the servers' user can enter, which pytest's own folders are not for root.

    In memory where there is enough: a database is 350 files, and ext4 without a journal passes
    by each inode that was freed in the last minute, so that hundreds of databases a minute cost
    0.3 s of computing each, and 0.02 s in memory.
    """
    folder = Path(tempfile.mkdtemp(prefix="wakecall-test-", dir=_roomy()))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _roomy() -> Path:
    """Where test servers keep their files."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        return _MEMORY
    return Path("/tmp")


@contextmanager
def sockets() -> Iterator[Path]:
    folder = network.socket_folder(owner.choose(Path("/nowhere")))
    try:
        yield folder
    finally:
        network.remove_socket_folder(folder)


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one of DATABASE_URL, or one of our own."""
    if given := os.environ.get("DATABASE_URL"):
        yield given
        return
    with temp_folder() as folder, sockets() as at:
        runner = owner.choose(folder / "postgres")
        cluster = clusters.prepare(folder / "postgres", at, uuid4().hex, runner)
        with Server(postgres.program(cluster, folder / "postgres.log", FAST)) as server:
            postgres.await_ready(cluster, server.alive, server.words, lambda _: None)
            yield postgres.url(cluster)


@contextmanager
def valkey_server() -> Iterator[str]:
    """The URL of a Redis or Valkey server: the one of REDIS_URL, or one of our own."""
    if given := os.environ.get("REDIS_URL"):
        # Test processes side by side have a database each: what they hold is wiped out by tests.
        number = f"{'&' if '?' in given else '?'}db={ports.NUMBER}" if ports.NUMBER else ""
        yield f"{given}{number}"
        return
    with temp_folder() as folder, sockets() as at:
        program = valkey.program(at, folder / "valkey.log", owner.choose(Path("/nowhere")))
        with Server(program) as server:
            valkey.await_ready(at, server.alive, server.words)
            yield valkey.url(at)


@contextmanager
def migrated(server: str) -> Iterator[Databases]:
    """A database brought to the head once, for every test to copy."""
    template = f"wakecall_test_{uuid4().hex}"
    databases = Databases(server=server, template=template)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(template)))
    try:
        migrate(renamed(server, template))
        yield databases
    finally:
        databases.drop(template)


def migrate(url: str) -> None:
    """Bring a database to the head revision."""
    app = create_app(config.load({"DATABASE_URL": url, "WAKECALL_HOME": "/nowhere"}))
    with app.app_context():
        upgrade(directory=f"{CHECKOUT / 'migrations'}")
        db.engine.dispose()
