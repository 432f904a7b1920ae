"""Servers: the PostgreSQL and Valkey of one run, which faults stop, fill and restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import redis

from local import cluster as clusters
from local import owner, postgres, valkey
from local.cluster import SUPERUSER, Cluster
from local.postgres import ROLE
from tests.chaos.disk import Disk, small_disk
from tests.e2e.instance import until
from tests.servers import FAST, Server, migrate, sockets, temp_folder

MAX_CONNECTIONS = 110
"""Of PostgreSQL: enough for two webs, two schedulers and four workers, and some more."""

_PORT = 5432
_FIXED_BYTES = 640 << 20
_BYTES_PER_FIRING = 3_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Servers:
    """Both servers; `disk` is None where no small file system can be mounted for PostgreSQL."""

    cluster: Cluster
    postgres: Server
    postgres_log: Path
    valkey: Server
    valkey_sockets: Path
    disk: Disk | None

    @property
    def database_url(self) -> str:
        """The URL of the database, without a proxy."""
        return postgres.url(self.cluster)

    @property
    def postgres_socket(self) -> Path:
        """Where PostgreSQL listens."""
        return self.cluster.sockets / f".s.PGSQL.{_PORT}"

    @property
    def redis_url(self) -> str:
        """The URL of Valkey, without a proxy."""
        return valkey.url(self.valkey_sockets)

    @property
    def valkey_socket(self) -> Path:
        """Where Valkey listens."""
        return self.valkey_sockets / "valkey.sock"

    def database_url_at(self, port: int) -> str:
        """The URL of the database through a proxy."""
        return f"postgresql://{ROLE}:{self.cluster.password}@127.0.0.1:{port}/{ROLE}"

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection of the kind that is kept free for operators."""
        return psycopg.connect(
            host=f"{self.cluster.sockets}",
            user=SUPERUSER,
            password=self.cluster.password,
            dbname=ROLE,
            autocommit=True,
        )

    def stop_postgres_at_once(self) -> None:
        """Stop it as `pg_ctl stop -m immediate` does: nothing is written any more."""
        process = self.postgres.process
        assert process is not None
        if self.postgres.alive():
            os.kill(process.pid, signal.SIGQUIT)
        process.wait(30)

    def start_postgres(self) -> None:
        """Start it, unless it runs, and return once it takes connections again."""

        def answers() -> bool:
            if not self.postgres.alive():
                self.postgres.start()
            with suppress(psycopg.OperationalError):
                self.superuser().close()
                return True
            return False

        until(answers, "PostgreSQL takes connections")

    def start_valkey(self) -> None:
        """Start it, and return once it answers."""
        self.valkey.start()
        valkey.await_ready(self.valkey_sockets, self.valkey.alive, self.valkey.words)

    def valkey_client(self) -> redis.Redis:
        """A connection to Valkey."""
        return redis.Redis(unix_socket_path=f"{self.valkey_socket}")


@contextmanager
def servers(firings: int) -> Iterator[Servers]:
    """Both running, with a migrated database that has room for so many firings."""
    with (
        temp_folder() as folder,
        sockets() as database_sockets,
        sockets() as valkey_sockets,
        _disk(folder, firings) as disk,
    ):
        data = (folder if disk is None else disk.folder) / "postgres"
        runner = owner.choose(data)
        cluster = clusters.prepare(data, database_sockets, uuid4().hex, runner)
        settings = {**FAST, "max_connections": f"{MAX_CONNECTIONS}"}
        log = folder / "postgres.log"
        program = valkey.program(valkey_sockets, folder / "valkey.log", runner)
        with Server(postgres.program(cluster, log, settings)) as database, Server(program) as queue:
            postgres.await_ready(cluster, database.alive, database.words, lambda _: None)
            valkey.await_ready(valkey_sockets, queue.alive, queue.words)
            migrate(postgres.url(cluster))
            yield Servers(
                cluster=cluster,
                postgres=database,
                postgres_log=log,
                valkey=queue,
                valkey_sockets=valkey_sockets,
                disk=disk,
            )


@contextmanager
def _disk(folder: Path, firings: int) -> Iterator[Disk | None]:
    at = folder / "disk"
    at.mkdir()
    with small_disk(at, _FIXED_BYTES + firings * _BYTES_PER_FIRING) as disk:
        yield disk
