"""A primary and its standby, for tests in which the one takes the other's place."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from local import cluster as clusters
from local import owner, postgres
from local.cluster import ENVIRONMENT, SUPERUSER, Cluster
from local.postgres import ROLE
from tests.e2e.instance import until
from tests.ports import free_port
from tests.servers import FAST, Server, migrate, sockets, temp_folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """One of the two servers."""

    cluster: Cluster
    port: int
    server: Server

    def superuser(self) -> psycopg.Connection[tuple[object, ...]]:
        """A connection that may do everything."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=SUPERUSER,
            password=self.cluster.password,
            dbname="postgres",
            autocommit=True,
        )

    def answers(self) -> bool:
        """Whether the server takes connections."""
        try:
            self.superuser().close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self) -> None:
        """Start the server, and wait until it takes connections."""
        self.server.start()
        until(lambda: self.answers() or not self.server.alive(), "PostgreSQL is started")
        assert self.server.alive(), self.server.words()

    def set_read_only(self, value: str) -> None:
        """Let sessions take writes (`off`) or only reads (`on`), those that are open as well."""
        with self.superuser() as connection:
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
            connection.execute("SELECT pg_reload_conf()")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """The two, and the URL under which the one that takes writes is found."""

    primary: Node
    standby: Node
    url: str

    def switch_over(self) -> None:
        """Stop the primary in good order, then let the standby take its place."""
        self.primary.server.stop()
        with self.standby.superuser() as connection:
            connection.execute("SELECT pg_promote()")


@contextmanager
def primary_and_standby() -> Iterator[Pair]:
    """Both running, the standby streaming, with a migrated database."""
    with temp_folder() as folder, sockets() as first, sockets() as second:
        primary = _primary(folder, first)
        try:
            primary.start()
            standby = _standby(folder, primary, second)
            try:
                standby.start()
                url = make_conninfo(
                    host="127.0.0.1,127.0.0.1",
                    port=f"{primary.port},{standby.port}",
                    user=ROLE,
                    password=primary.cluster.password,
                    dbname=ROLE,
                )
                migrate(url)
                yield Pair(primary=primary, standby=standby, url=url)
            finally:
                _end(standby)
        finally:
            _end(primary)


def _primary(folder: Path, at: Path) -> Node:
    runner = owner.choose(folder / "primary")
    node = _node(clusters.prepare(folder / "primary", at, uuid4().hex, runner), folder)
    node.start()
    with node.superuser() as connection:
        password = sql.Literal(node.cluster.password)
        role = sql.Identifier(ROLE)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, password))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    node.server.stop()
    return node


def _standby(folder: Path, primary: Node, at: Path) -> Node:
    data = folder / "standby"
    node = _node(replace(primary.cluster, named=data, data=data, sockets=at), folder)
    follow(primary, node)
    return node


def follow(primary: Node, standby: Node) -> None:
    """Give the standby, which has no data, those of the primary; it follows once it is started."""
    found = standby.cluster
    found.data.mkdir(mode=0o700)
    owner.give(found.data, found.owner)
    subprocess.run(
        [
            *(f"{found.binaries / 'pg_basebackup'}", "-h", "127.0.0.1", "-p", f"{primary.port}"),
            *("-U", SUPERUSER, "-D", f"{found.data}", "-R", "-X", "stream", "-c", "fast"),
        ],
        check=True,
        cwd="/",
        env={**ENVIRONMENT, "PGPASSWORD": found.password},
        **owner.arguments(found.owner),
    )


def _node(cluster: Cluster, folder: Path) -> Node:
    port = free_port()
    settings = {
        **FAST,
        "listen_addresses": "127.0.0.1",
        "port": f"{port}",
        "wal_level": "replica",
        "max_wal_senders": "4",
    }
    log = folder / f"{cluster.named.name}.log"
    return Node(cluster=cluster, port=port, server=Server(postgres.program(cluster, log, settings)))


def _end(node: Node) -> None:
    if node.server.alive():
        node.server.stop()
